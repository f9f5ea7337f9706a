"""A book of payments on a real store, with an agency, two people, and a bank whose words a test writes."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from gateway.books.people import Person, public_text
from gateway.books.signing import Signer
from gateway.canonical import Attachment, Body, IdSource, Message, type_of
from gateway.canonical.envelope import encode_body
from gateway.canonical.payment import BatchReturned, PaymentBatch, PaymentItem, PaymentResult
from gateway.contract import Accepted, Operation, Outcome, Title
from gateway.engine.accept import owe
from gateway.engine.journal import Journal
from gateway.engine.lifecycle import WAITING
from gateway.engine.routes import Target
from gateway.engine.vault import Vault
from gateway.engine.world import SystemClock
from gateway.payments import batch_acts, item_acts
from gateway.payments.desk import Desk
from gateway.payments.office import Office
from gateway.payments.parts import Parts
from gateway.payments.seals import Seals
from gateway.payments.settings import PaymentsSettings
from gateway.store import SqlStore, StoreSettings, open_clerk, open_reader
from gateway.store import payments_reads as reads
from gateway.store.api import Accept, Advance
from gateway.store.chest import Chest
from gateway.store.keyring import KeyRing
from gateway.store.payments import ItemRow
from gateway.store.payments_reads import Wanted

T = TypeVar("T")
RIGHTS = frozenset({"payment.approve", "batch.build", "batch.release", "batch.cancel", "difference.close"})
OUR_ACCOUNT = "990100000000271"
ACCOUNT = {
    "name": "resident",
    "title": "居民医保支出户",
    "bank": "bank-a",
    "account_no": OUR_ACCOUNT,
    "account_name": "虚构市医保中心",
    "party_id": "990101",
    "kinds": ["credit-transfer"],
    "proposers": ["agency-a"],
    "max_items": 5000,
    "max_amount": "1000000.00",
}


def settings(**changes: Any) -> PaymentsSettings:
    """One account at one bank."""
    return PaymentsSettings.model_validate({"accounts": [{**ACCOUNT, **changes}]})


def item(number: int, amount: int = 100_000, **changes: Any) -> PaymentItem:
    """An invented payee."""
    values: dict[str, Any] = {
        "sequence": number,
        "end_to_end_id": f"E{number:08}",
        "name": f"虚构{number}",
        "account_no": f"62299900{number:011}",
        "document_no": "990101199001010019",
        "amount": amount,
        "remittance": "医保报销",
    }
    return PaymentItem(**{**values, **changes})


@dataclass
class People:
    """Who decides; keys of their own."""

    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Signer:
        key = self.keys.setdefault(name, Ed25519PrivateKey.generate())
        return Signer(Person(name, name, public_text(key.public_key()), RIGHTS), key)


class Beside:
    """The store as a person's program has it: connections of its own, beside the running store."""

    def __init__(self, store: StoreSettings) -> None:
        self._reader, self._clerk = open_reader(store), open_clerk(store)
        self.ask, self.work = self._reader.ask, self._clerk.work

    def close(self) -> None:
        self._reader.close()
        self._clerk.close()


class World:
    """Everything around the book; the engine's part is a stand-in that commits messages and nothing more."""

    def __init__(
        self, store: SqlStore, at: StoreSettings, folder: Path, payments: PaymentsSettings | None = None
    ) -> None:
        self.store = store
        self.people = People()
        self.settings = payments or settings()
        ring = KeyRing.load_or_create(folder / "payload.keys")
        self.ids = IdSource(lambda: time.time_ns() // 1_000_000, os.urandom)
        self.vault = Vault(ring, os.urandom)
        self.clock = SystemClock()
        self.journal = Journal("gw-1", self.ids, self.clock)
        self.chest = Chest(folder / "chest", ring, os.urandom)
        self.seals = Seals.load(ring, folder / "payment.tag")
        self.arrived: list[str] = []  #: deliveries of which the engine was told that they took effect
        self.published: list[Message] = []
        self.parts = Parts(
            store=store,
            seals=self.seals,
            settings=self.settings,
            attachments=self.chest,
            journal=self.journal,
            dispatch=self._dispatch,
            open_message=self.vault.open_message,
            took_effect=self._took_effect,
            ids=self.ids,
            clock=self.clock,
            log=structlog.get_logger("test"),
            chunk=7,
        )
        self.desk = Desk(self.parts)
        self.beside = Beside(at)
        self.office = Office(
            book=self.beside,
            settings=self.settings,
            seals=self.seals,
            journal=self.journal,
            due=self.due,
            ids=self.ids,
            random=os.urandom,
            clock=self.clock,
            node="gw-1",
            region="990101",
            actor="os:test",
        )
        self._numbers = count(1)

    def close(self) -> None:
        self.beside.close()

    # Messages

    def due(self, message: Message, partner: str) -> Accept:
        operation = Operation(
            name="submit",
            title=Title(zh="提交", en="submit"),
            direction="out",
            request=message.type,
            on_unknown="query",
        )
        _, unit = owe(self, message, (Target(partner, operation),), b"", encode_body(message.data))
        [row] = unit.deliveries
        return Accept(unit.message, (_with(row, state=WAITING, next_at=row.created),), unit.audit)

    def _dispatch(self, message: Message, partner: str) -> tuple[Accept, Callable[[], None]]:
        return self.due(message, partner), lambda: self.published.append(message)

    async def _took_effect(self, delivery_id: str) -> None:
        self.arrived.append(delivery_id)
        await self.delivered(delivery_id, "accepted")

    async def delivered(self, delivery_id: str, after: str, before: str | None = None) -> None:
        """What the engine would commit."""
        row = await self.store.delivery(delivery_id)
        assert row is not None
        if row.state == after:
            return
        step = Advance(delivery_id=delivery_id, before=before or row.state, after=after, at=row.updated + 1)
        assert await self.store.commit(step)

    def message(self, body: Body, partner: str, attachment: Attachment | None = None) -> Message:
        id_ = attachment.claim if attachment is not None else self.ids()
        return Message(
            id=id_,
            source=f"/partners/{partner}",
            type=type_of(body),
            time=self.clock.now(),
            partner=partner,
            partner_message_id=f"P{next(self._numbers)}",
            correlation_id=id_,
            region="990101",
            attachment=attachment,
            data=body,
        )

    def kept(self, folder: Path, records: Sequence[Struct]) -> Attachment:
        """Records in the chest, as a large file's are."""
        file = folder / "large.txt"
        file.write_bytes(b"a large file")
        return self.chest.keep(self.ids(), file, records=records)

    async def tell(self, body: Body, partner: str = "bank-a") -> Outcome:
        """One message to the desk."""
        return await self.send(self.message(body, partner))

    async def send(self, message: Message) -> Outcome:
        return await self.desk.send(message, await self.desk.prepare(message))

    # The ways of a batch

    async def propose(
        self, items: Sequence[PaymentItem], batch_id: str = "A1", partner: str = "agency-a"
    ) -> tuple[Outcome, str]:
        body = batch(items, batch_id)
        message = self.message(body, partner)
        return await self.send(message), message.id

    def items(self, **wanted: Any) -> list[ItemRow]:
        return self.beside.ask(reads.items, Wanted(**{"limit": 100_000, **wanted}))

    def states(self) -> dict[str, str]:
        """end-to-end id → state."""
        return {row.end_to_end_id: row.state for row in self.items()}

    def approve(self, by: str = "zhang") -> None:
        item_acts.approve(self.office, self.people[by], self.items(state="proposed"))

    def build(self, by: str = "li") -> list[str]:
        return [
            row.id for row in batch_acts.build(self.office, self.people[by], "resident", "credit-transfer")
        ]

    def release(self, batch_id: str, by: str = "wang") -> None:
        batch_acts.release(self.office, self.people[by], batch_acts.batch_of(self.office, batch_id))

    async def live_batch(self, items: Sequence[PaymentItem]) -> str:
        """A batch that its bank has."""
        outcome, _ = await self.propose(items, batch_id=f"A{next(self._numbers)}")
        assert isinstance(outcome, Accepted), outcome
        self.approve()
        [batch_id] = self.build()
        self.release(batch_id)
        return batch_id

    def state_of(self, batch_id: str) -> str:
        row = self.beside.ask(reads.batch, batch_id)
        assert row is not None
        return row.state

    def differences(self) -> list[str]:
        return [row.kind for row in self.beside.ask(_open_differences)]

    def history(self, end_to_end_id: str) -> list[str]:
        [row] = self.items(end_to_end_id=end_to_end_id)
        return [word.status for word in self.beside.ask(reads.history, row.id)]


def _open_differences(session: Any) -> Any:
    return reads.differences(session, None, closed=False, limit=1000)


def _with(row: Struct, **changes: Any) -> Any:
    return type(row)(**{**{name: getattr(row, name) for name in row.__struct_fields__}, **changes})


def batch(items: Sequence[PaymentItem], batch_id: str = "A1", **changes: Any) -> PaymentBatch:
    values: dict[str, Any] = {
        "batch_id": batch_id,
        "kind": "credit-transfer",
        "number_of_transactions": len(items),
        "control_sum": sum(one.amount for one in items),
        "items": tuple(items),
    }
    return PaymentBatch(**{**values, **changes})


def result(number: int, status: str = "settled", **changes: Any) -> PaymentResult:
    """The bank's word on an item by its number in the batch."""
    values: dict[str, Any] = {"sequence": number, "status": status}
    if status == "settled":
        values["settled_on"] = dt.date(2026, 11, 22)
    return PaymentResult(**{**values, **changes})


def returned(batch_id: str | None, results: Sequence[PaymentResult], stage: str = "final") -> BatchReturned:
    return BatchReturned(batch_id=batch_id, stage=stage, results=tuple(results))
