"""A book of levies on a real store, with an agency and a network whose words a test writes."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import structlog
from msgspec import Struct
from msgspec.structs import replace

from gateway.canonical import Attachment, Body, IdSource, Message, type_of
from gateway.canonical.envelope import encode_body
from gateway.canonical.levy import (
    AgreementAnswered,
    BatchDebit,
    CheckedDebit,
    DebitAnswered,
    DebitAsked,
    DebitBatchReturned,
    DebitBatchSubmitted,
    DebitResult,
    DebitReversalAnswered,
    DebitsChecked,
)
from gateway.canonical.levy_network import WorkingDayChanged
from gateway.contract import Accepted, Operation, Outcome, Title
from gateway.engine.accept import owe
from gateway.engine.journal import Journal
from gateway.engine.lifecycle import WAITING
from gateway.engine.routes import Target
from gateway.engine.vault import Vault
from gateway.engine.world import SystemClock
from gateway.levies.codes import Codes
from gateway.levies.desk import Desk
from gateway.levies.duty import look_after
from gateway.levies.parts import Parts
from gateway.levies.seals import Seals
from gateway.levies.settings import LeviesSettings
from gateway.store import SqlStore, StoreSettings, open_reader
from gateway.store import levies_reads as reads
from gateway.store.api import Accept, Advance, Filter
from gateway.store.chest import Chest
from gateway.store.keyring import KeyRing
from gateway.store.levies import DayRow, DebitRow, DifferenceRow

CODE = "299010100000"
BANK = "990100000013"
DAY = dt.date(2026, 11, 20)
NEXT = dt.date(2026, 11, 23)
COLLECTOR = {
    "name": "city",
    "title": "虚构市医保征缴",
    "collector_code": CODE,
    "partner": "treasury",
    "proposers": ["levy-office", "levy-online"],
    "max_items": 5,
    "receipt_prefix": "YB",
}
OK, NO, AGAIN, BROKEN = "90000", "90001", "94052", "94999"


def settings(**changes: Any) -> LeviesSettings:
    """One collector."""
    return LeviesSettings.model_validate({"collectors": [{**COLLECTOR, **changes}]})


def debit(number: int, amount: int = 40_000, **changes: Any) -> BatchDebit:
    """An invented levy."""
    values: dict[str, Any] = {
        "serial": f"{number:08}",
        "payer_branch_line_no": BANK,
        "payer_account_no": f"62299900{number:011}",
        "payer_name": f"虚构单位{number}",
        "amount": amount,
        "voucher_no": f"39901026{number:010}",
        "billed_on": DAY,
        "contributor_no": f"990101{number:012}",
        "contributor_name": f"虚构人{number}",
        "employer_code": "990101E001",
        "agreement_no": f"XY{number:06}",
        "budget_kind": "1",
        "adjustment_period": False,
        "print_voucher": False,
    }
    return BatchDebit(**{**values, **changes})


def file(debits: Sequence[BatchDebit], batch_no: str = "A1", **changes: Any) -> DebitBatchSubmitted:
    values: dict[str, Any] = {
        "collector_code": CODE,
        "entrusted_on": DAY,
        "batch_no": batch_no,
        "route": "2",
        "payee_bank_line_no": BANK,
        "payee_code": "9901010000",
        "payee_account_no": "990100000000271",
        "payee_name": "虚构国库",
        "payer_bank_line_no": BANK,
        "debits": tuple(debits),
    }
    return DebitBatchSubmitted(**{**values, **changes})


def single(number: int, amount: int = 40_000, **changes: Any) -> DebitAsked:
    """The same as a real-time debit."""
    one = debit(number, amount)
    values = {name: getattr(one, name) for name in one.__struct_fields__ if name != "payer_bank_line_no"}
    head = file([])
    more = {
        name: getattr(head, name) for name in head.__struct_fields__ if name in DebitAsked.__struct_fields__
    }
    return DebitAsked(**{**values, **more, **changes})


def answer(number: int, code: str = OK, **changes: Any) -> DebitAnswered:
    values: dict[str, Any] = {
        "collector_code": CODE,
        "entrusted_on": DAY,
        "serial": f"{number:08}",
        "voucher_no": f"39901026{number:010}",
        "debited_on": DAY if code == OK else None,
        "raw_code": code,
    }
    return DebitAnswered(**{**values, **changes})


def reversal(number: int, code: str = "1") -> DebitReversalAnswered:
    return DebitReversalAnswered(
        collector_code=CODE,
        reversal_no=f"{number:08}",
        asked_on=DAY,
        original_entrusted_on=DAY,
        original_serial=f"{number:08}",
        raw_code=code,
    )


def result(number: int, code: str = OK, **changes: Any) -> DebitResult:
    values: dict[str, Any] = {
        "serial": f"{number:08}",
        "amount": 40_000,
        "voucher_no": f"39901026{number:010}",
        "debited_on": DAY if code == OK else None,
        "raw_code": code,
    }
    return DebitResult(**{**values, **changes})


def returned(batch_no: str, results: Sequence[DebitResult], code: str = OK) -> DebitBatchReturned:
    return DebitBatchReturned(
        payer_bank_line_no=BANK,
        entrusted_on=DAY,
        batch_no="R1",
        collector_code=CODE,
        original_entrusted_on=DAY,
        original_batch_no=batch_no,
        raw_code=code,
        results=tuple(results),
    )


def listed(number: int, amount: int = 40_000, state: str = "20", **changes: Any) -> CheckedDebit:
    values: dict[str, Any] = {
        "payee_code": "9901010000",
        "original_message": "1102",
        "sender_code": CODE,
        "entrusted_on": DAY,
        "serial": f"{number:08}",
        "voucher_no": f"39901026{number:010}",
        "amount": amount,
        "debited_on": DAY,
        "state": state,
    }
    return CheckedDebit(**{**values, **changes})


def check(
    debits: Sequence[CheckedDebit], size: int = 1000, day: dt.date = DAY, batch_no: str = "C1"
) -> list[DebitsChecked]:
    """A day's check in parts of that size."""
    portions = [debits[n : n + size] for n in range(0, len(debits), size)] or [[]]
    return [
        DebitsChecked(
            checked_on=day,
            batch_no=batch_no,
            collector_code=CODE,
            total_count=len(debits),
            total=sum(one.amount for one in debits),
            part_count=len(portions),
            part_no=n,
            debits=tuple(portion),
        )
        for n, portion in enumerate(portions, 1)
    ]


def agreement(one: BatchDebit, *, agreed: bool = True, revoke: bool = False) -> AgreementAnswered:
    return AgreementAnswered(
        sender_code=CODE,
        entrusted_on=DAY,
        request_no="1",
        revoke=revoke,
        collector_code=CODE,
        contributor_name=one.contributor_name,
        contributor_no=one.contributor_no,
        payer_branch_line_no=one.payer_branch_line_no,
        payer_bank_line_no=BANK,
        payer_account_no=one.payer_account_no,
        payer_name=one.payer_name,
        agreement_no=one.agreement_no,
        agreed=agreed,
    )


def new_day(day: dt.date) -> WorkingDayChanged:
    return WorkingDayChanged(working_day=day, system_state="0")


class Noon(SystemClock):
    """It is about noon of `DAY` in China when a test begins; hours pass when it says so.

    Args:
        began: keeps when that was, so that a process that goes on in the same folder is not back at noon.
    """

    def __init__(self, began: Path) -> None:
        if not began.exists():
            began.write_text(super().now().isoformat())
        self._ahead = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC) - dt.datetime.fromisoformat(
            began.read_text()
        )

    def now(self) -> dt.datetime:
        return super().now() + self._ahead

    def pass_hours(self, hours: float) -> None:
        self._ahead += dt.timedelta(hours=hours)


class World:
    """Everything around the book; the engine's part is a stand-in that commits messages and nothing more."""

    def __init__(
        self, store: SqlStore, at: StoreSettings, folder: Path, levies: LeviesSettings | None = None
    ) -> None:
        self.store = store
        self.settings = levies or settings()
        self.ring = KeyRing.load_or_create(folder / "payload.keys")
        self.ids = IdSource(lambda: time.time_ns() // 1_000_000, os.urandom)
        self.vault = Vault(self.ring, os.urandom)
        self.clock = Noon(folder / "began")
        self.journal = Journal("gw-1", self.ids, self.clock)
        self.chest = Chest(folder / "chest", self.ring, os.urandom)
        self.seals = Seals.load(self.ring, folder / "levy.tag")
        self.published: list[Message] = []
        self.routed = True
        self.parts = Parts(
            store=store,
            seals=self.seals,
            codes=Codes(),
            settings=self.settings,
            attachments=self.chest,
            journal=self.journal,
            dispatch=self._dispatch,
            send=self._dispatch,
            open_message=self.vault.open_message,
            took_effect=self._took_effect,
            had_no_effect=self._had_no_effect,
            keep=self._keep,
            ids=self.ids,
            clock=self.clock,
            log=structlog.get_logger("test"),
            chunk=4,
        )
        self.desk = Desk(self.parts)
        self.reader = open_reader(at)
        self.ask: Callable[..., Any] = self.reader.ask
        self._numbers = count(1)

    def close(self) -> None:
        self.reader.close()

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
        later = row.created + 1_000_000
        return Accept(unit.message, (replace(row, state=WAITING, next_at=later),), unit.audit)

    def _dispatch(self, message: Message, partner: str) -> tuple[Accept, Callable[[], None]] | None:
        if not self.routed:
            return None
        return self.due(message, partner), lambda: self.published.append(message)

    async def _took_effect(self, delivery_id: str) -> None:
        await self.delivered(delivery_id, "accepted")

    async def _had_no_effect(self, delivery_id: str) -> None:
        await self.delivered(delivery_id, "rejected")

    async def _keep(self, rows: Sequence[Struct]) -> Attachment:
        return self.chest.keep(self.ids(), Path(os.devnull), records=rows)

    async def delivered(self, delivery_id: str, after: str) -> None:
        """What the engine would commit."""
        row = await self.store.delivery(delivery_id)
        assert row is not None
        if row.state == after:
            return
        step = Advance(
            delivery_id=delivery_id, before=row.state, after=after, at=row.updated + 1, next_at=row.next_at
        )
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
        content = folder / "large.txt"
        content.write_bytes(b"a large file")
        return self.chest.keep(self.ids(), content, records=records)

    async def tell(self, body: Body, partner: str = "treasury") -> Outcome:
        """One message to the book."""
        return await self.send(self.message(body, partner))

    async def send(self, message: Message) -> Outcome:
        return await self.desk.send(message, await self.desk.prepare(message))

    async def look(self) -> None:
        await look_after(self.parts)

    # The ways of a debit

    async def submit(self, debits: Sequence[BatchDebit], batch_no: str = "A1", **changes: Any) -> Outcome:
        return await self.tell(file(debits, batch_no, **changes), "levy-office")

    async def sent(self, debits: Sequence[BatchDebit], batch_no: str = "A1") -> list[str]:
        """A file that the network has; the numbers of its packages."""
        before = len(self.published)
        outcome = await self.submit(debits, batch_no)
        assert isinstance(outcome, Accepted), outcome
        made = [m.data for m in self.published[before:] if isinstance(m.data, DebitBatchSubmitted)]
        for message in self.published[before:]:
            await self.arrived(message)
        await self.look()
        return [body.batch_no for body in made]

    async def arrived(self, message: Message, after: str = "accepted") -> None:
        [row] = await self.store.deliveries_of(message.id)
        await self.delivered(row.id, after)

    async def asked(self, body: DebitAsked, state: str = "in-doubt") -> str:
        """A real-time debit on its way to the network, with the copy that the book gets. Returns the delivery."""
        message = self.message(body, "levy-office")
        await self.store.commit(self.due(message, "treasury"))
        [row] = await self.store.deliveries_of(message.id)
        await self.delivered(row.id, state)
        assert isinstance(await self.send(message), Accepted)
        return row.id

    async def checked(self, debits: Sequence[CheckedDebit], **how: Any) -> None:
        for part in check(debits, **how):
            assert isinstance(await self.tell(part), Accepted)

    def debits(self, **wanted: Any) -> list[DebitRow]:
        return list(self.ask(reads.debits, reads.Wanted(**{"limit": 100_000, **wanted})))

    def states(self) -> list[str]:
        """In the order of their voucher numbers."""
        return [row.state for row in sorted(self.debits(), key=lambda row: row.voucher_no)]

    def receipts(self) -> list[str | None]:
        return [row.receipt for row in sorted(self.debits(), key=lambda row: row.voucher_no)]

    def differences(self) -> list[str]:
        return sorted(row.kind for row in self.open_differences())

    def open_differences(self) -> list[DifferenceRow]:
        return list(self.ask(reads.differences, None, False, 10_000))

    def day(self, day: dt.date = DAY) -> DayRow | None:
        found = self.ask(reads.days, "city", 100)
        return next((row for row in found if row.day == day.isoformat()), None)

    async def reports(self) -> list[DebitBatchReturned]:
        """What agencies were told, oldest first."""
        return [
            one for one in await self._told("levy.batch.returned.v1") if isinstance(one, DebitBatchReturned)
        ]

    async def answers(self) -> list[DebitAnswered]:
        """The same of real-time debits."""
        return [one for one in await self._told("levy.debit.answered.v1") if isinstance(one, DebitAnswered)]

    async def _told(self, kind: str) -> list[Body]:
        found = await self.store.find(Filter(type=kind, partner="levies", limit=1000))
        return [self.vault.open_message(one.message.body, one.message.id).data for one in reversed(found)]

    async def delivery_state(self, delivery_id: str) -> str:
        row = await self.store.delivery(delivery_id)
        assert row is not None
        return row.state
