"""A configuration whose gateway has run for a while: one settled claim, its reply, and the audit log."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet.threads import deferToThread

from gateway.audit import Integrator, create_signer, write_vkey
from gateway.canonical import IdSource, Message
from gateway.canonical.identity import PersonAnswer, PersonQuery
from gateway.engine.config import Configuration, load
from gateway.engine.journal import Journal
from gateway.engine.vault import Vault
from gateway.engine.world import SystemClock
from gateway.store import SqlStore
from gateway.store.api import Accept, Advance, DeliveryRow, MessageRow, Record
from gateway.store.keyring import KeyRing
from tests.config import support
from tests.store.opening import opened
from tests.twisted_runner import run

PERSON = "110101199001010015"
NAME = "张三丰"
AT = dt.datetime(2026, 1, 5, 8, tzinfo=dt.UTC)

QUERY = PersonQuery(
    institution_code="H99010100001",
    institution_name="示例医院",
    treatment_region="990101",
    operator_code="01",
    operator_name="李四",
    certificate_kind="02",
    certificate_no=PERSON,
    name=NAME,
)
ANSWER = PersonAnswer(
    person_no="99000000000000000001",
    document_kind="01",
    document_no=PERSON,
    name=NAME,
    sex="1",
    age="36.0",
    raw_code="0",
)


@dataclass
class Stocked:
    """The folder, and what lies in it."""

    folder: Path
    configuration: Configuration
    message_id: str
    reply_id: str


@contextmanager
def running_store(configuration: Configuration) -> Iterator[SqlStore]:
    """The store as a running gateway has it, with its lock; in a thread, which is quicker to start."""
    store = opened(configuration.gateway.store.model_copy(update={"writer": "thread"}))
    try:
        yield store
    finally:
        run(store.stop())


def owe(stocked: Stocked, in_state: str, operation: str = "ask", **fields: Any) -> str:
    """Adds a message whose delivery has come into a state; returns the message's id."""
    ids = IdSource(lambda: int(AT.timestamp() * 1000), os.urandom)
    vault = Vault(KeyRing.load(stocked.configuration.keyring_file), os.urandom)
    asked = _message(ids(), "identity.person.queried.v1", "clinic-a", QUERY)
    row = msgspec.structs.replace(_row(vault, asked), partner_message_id=f"own-{asked.id}")
    delivery = _delivery(ids(), row.id, operation)
    with running_store(stocked.configuration) as store:
        run(store.commit(Accept(row, (delivery,), ())))
        step = {"attempts": 4, "reference": f"REF-{delivery.id}", "reason": "busy", "at": 2, **fields}
        run(store.commit(Advance(delivery_id=delivery.id, before="pending", after=in_state, **step)))
    return row.id


def refuse(stocked: Stocked) -> str:
    """Adds a refusal as the engine records it; returns its id."""
    ids = IdSource(lambda: int(AT.timestamp() * 1000), os.urandom)
    refusal_id = ids()
    detail: dict[str, str | int] = {"code": "field", "field": "psn_no", "rule": "length", "bytes": 17}
    entry = Journal("gw-1", ids, SystemClock()).entry(
        "message.refused", message=refusal_id, partner="clinic-a", detail=detail
    )
    with running_store(stocked.configuration) as store:
        run(store.commit(Record((entry,))))
    return refusal_id


@pytest.fixture
def stocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stocked:
    support.install(monkeypatch)
    for name, value in support.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    folder = support.write(tmp_path / "config")
    configuration = load(folder)
    message_id, reply_id = _stock(configuration)
    return Stocked(folder, configuration, message_id, reply_id)


def _stock(configuration: Configuration) -> tuple[str, str]:
    ids = IdSource(lambda: int(AT.timestamp() * 1000), os.urandom)
    vault = Vault(KeyRing.create(configuration.keyring_file), os.urandom)
    journal = Journal("gw-1", ids, SystemClock())
    asked = _message(ids(), "identity.person.queried.v1", "clinic-a", QUERY)
    answered = _message(ids(), "identity.person.answered.v1", "centre", ANSWER)
    delivery = _delivery(ids(), asked.id, "ask")
    sealed, reply = (_row(vault, message) for message in (asked, answered))
    reply = msgspec.structs.replace(reply, causation_id=asked.id)
    with running_store(configuration) as store:
        accepted = journal.accepted(asked, "d1", "d2")
        run(store.commit(Accept(sealed, (delivery,), (accepted,))))
        for before, after, row in (("pending", "sending", None), ("sending", "accepted", reply)):
            detail: dict[str, str | int] | None = None if row is None else {"reply": row.id}
            entry = journal.entry(f"delivery.{after}", message=asked.id, partner="centre", detail=detail)
            step = Advance(
                delivery_id=delivery.id,
                before=before,
                after=after,
                at=2,
                attempts=1 if row is None else 0,
                reference="REF-1",
                reply=row,
                audit=(entry,),
            )
            run(store.commit(step))
        run(deferToThread(_integrate, configuration, store))
    return asked.id, answered.id


def _delivery(delivery_id: str, message_id: str, operation: str) -> DeliveryRow:
    return DeliveryRow(
        id=delivery_id,
        message_id=message_id,
        partner="centre",
        operation=operation,
        style="one-way",
        state="pending",
        routing_key="k",
        created=1,
        updated=1,
    )


def _integrate(configuration: Configuration, store: Any) -> None:
    configuration.audit_key_file.parent.mkdir(parents=True, exist_ok=True)
    signer = create_signer(configuration.gateway.audit.origin, configuration.audit_key_file)
    integrator = Integrator(store.audit_source(), configuration.audit_folder, signer)
    integrator.drain()
    integrator.close()
    write_vkey(signer.vkey, configuration.audit_folder / "vkey")


def _message(message_id: str, kind: str, partner: str, body: Any) -> Message:
    return Message(
        id=message_id,
        source=f"/partners/{partner}",
        type=kind,
        time=AT,
        subject="visit-1",
        partner=partner,
        partner_message_id=f"{partner}-77",
        correlation_id=message_id,
        region="990101",
        data=body,
    )


def _row(vault: Vault, message: Message) -> MessageRow:
    return MessageRow(
        id=message.id,
        type=message.type,
        direction="in" if message.partner == "clinic-a" else "reply",
        partner=message.partner,
        partner_message_id=message.partner_message_id,
        idempotency=b"x",
        correlation_id=message.correlation_id,
        causation_id=None,
        region=message.region,
        subject=message.subject,
        mapping="m@1",
        created=int(AT.timestamp() * 1000),
        deadline=None,
        body=vault.seal_message(message).blob,
        raw=vault.seal(b"raw", message.id, "raw").blob,
    )
