"""A hospital, the receiver, and an inbox that plays the rest of the gateway: over real sockets."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.hospital import adapter
from adapters.hospital.faces import Faces
from adapters.hospital.simulator import HospitalSimulator
from adapters.hospital.soap.server import SoapServer
from gateway.canonical import Body
from gateway.canonical.identity import Insurance, PersonAnswer, PersonQuery
from gateway.canonical.settlement import (
    CancellationDone,
    CancellationRequested,
    ClaimSettled,
    ClaimSubmitted,
    ReversalDone,
    ReversalRequested,
)
from gateway.contract import Conflict, Inbound, Receipt
from gateway.transports.http.listeners import Listeners
from tests.adapters.context import Harness, RecordingInbox

TOKEN = "DEMO-TOKEN-0001"
PAASID = "demo-hospital"
SETTINGS: dict[str, Any] = {
    "institutions": ["H99010100001"],
    "reply_timeout": "5s",
    "soap": {
        "listen": "127.0.0.1:0",
        "path": "/hospital/h001",
        "authentication": {"kind": "x-tif", "paasid": PAASID, "token": TOKEN, "clock_window": "300s"},
    },
}
CHINA = dt.timezone(dt.timedelta(hours=8))
NOW = dt.datetime(2025, 1, 2, 9, 30, tzinfo=CHINA)


def platform(inbound: Inbound) -> Body:
    """What a well-meaning settlement platform answers."""
    body = inbound.body
    match body:
        case ClaimSubmitted():
            return _settled(body)
        case PersonQuery():
            return _person(body)
        case CancellationRequested():
            return _cancelled(body)
        case ReversalRequested():
            return ReversalDone(original_message_id=body.original_message_id, raw_code="0")
    raise AssertionError(type(body))


def _settled(claim: ClaimSubmitted) -> ClaimSettled:
    paid = claim.in_scope * 7 // 10
    return ClaimSettled(
        settlement_id="990101A0000000001",
        visit_id=claim.visit_id,
        person_no=claim.person_no,
        person_name="示例甲",
        document_kind="01",
        document_no=claim.certificate_no,
        person_kind="1101",
        civil_servant=False,
        settled_at=NOW,
        medical_kind=claim.medical_kind,
        total=claim.total,
        own_expense=claim.own_expense,
        over_limit=claim.over_limit,
        advance_self_pay=claim.advance_self_pay,
        in_scope=claim.in_scope,
        pooling_paid=paid,
        pooling_ratio=Decimal("0.7000"),
        civil_servant_paid=0,
        enterprise_paid=0,
        serious_illness_paid=0,
        large_amount_paid=0,
        assistance_paid=0,
        other_paid=0,
        fund_total=paid,
        personal_total=claim.total - paid,
        account_paid=0,
        cash_paid=claim.total - paid,
        hospital_paid=0,
        balance=100_000,
        account_mutual_paid=0,
        sender_message_id="T99010100001202501020930000001",
        clearing_kind="11",
        raw_code="0",
    )


def _person(query: PersonQuery) -> PersonAnswer:
    insurance = Insurance(kind="310", balance=120_050, person_kind="1101")
    return PersonAnswer(
        person_no="9901000000000000001",
        document_kind="01",
        document_no=query.certificate_no,
        name=query.name or "",
        sex="1",
        age="35.0",
        insurances=(insurance,),
        raw_code="0",
    )


def _cancelled(request: CancellationRequested) -> CancellationDone:
    return CancellationDone(
        settlement_id="990101A0000000002",
        visit_id=request.visit_id,
        settled_at=NOW,
        total=-100,
        fund_total=-70,
        personal_total=-30,
        account_paid=0,
        cash_paid=-30,
        balance=100_000,
        sender_message_id="T99010100001202501020930000002",
        raw_code="0",
    )


class StrictInbox(RecordingInbox):
    """Refuses another message under a known id, as the engine does; by then nothing was accepted."""

    async def accept(self, inbound: Inbound) -> Receipt:
        known = [i for i in self.accepted if i.partner_message_id == inbound.partner_message_id]
        if known and _meaning(known[0]) != _meaning(inbound):
            raise Conflict("重复", "used before", code="duplicate")
        return await super().accept(inbound)


def _meaning(inbound: Inbound) -> object:
    return inbound.idempotency or inbound.body


@dataclasses.dataclass
class World:
    harness: Harness
    inbox: StrictInbox
    receiver: SoapServer

    def hospital(self, **options: Any) -> HospitalSimulator:
        return HospitalSimulator(self.receiver.url, **{"paasid": PAASID, "token": TOKEN, **options})


@asynccontextmanager
async def world(folder: Path, soap: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[World]:
    """A receiver that listens, with the given settings on top of `SETTINGS`; `soap` on top of that block."""
    harness = Harness(folder, partner="hospital-1")
    inbox = StrictInbox(harness.message, platform)
    listeners = Listeners(harness.context.reactor, grace=1.0)
    context = dataclasses.replace(harness.context, inbox=inbox, listeners=listeners)
    block = {"soap": {**SETTINGS["soap"], **(soap or {})}}
    faces = adapter.receiver(adapter.settings.model_validate({**SETTINGS, **block, **settings}), context)
    assert isinstance(faces, Faces)
    (receiver,) = faces.faces
    assert isinstance(receiver, SoapServer)
    await receiver.start()
    try:
        yield World(harness, inbox, receiver)
    finally:
        await receiver.stop()
