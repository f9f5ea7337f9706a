"""The adapter on one side, the simulated platform on the other, and invented claims to send."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.settlement import adapter
from adapters.settlement.channel import channel
from adapters.settlement.settings import SettlementSettings
from adapters.settlement.simulator import Options, Simulator
from gateway.canonical import Message
from gateway.canonical.identity import PersonQuery
from gateway.canonical.settlement import (
    CancellationRequested,
    ClaimSubmitted,
    FeeLine,
    ReversalRequested,
)
from gateway.contract import Accepted, Outcome, Prepared
from tests.adapters.context import Harness

WHO: dict[str, Any] = {
    "institution_code": "H99010100001",
    "institution_name": "示例医院",
    "treatment_region": "990101",
    "insured_region": "990101",
    "operator_code": "op01",
    "operator_name": "示例员",
}
CERTIFICATE = "990101199001010019"


def claim(lines: int = 2, **changes: Any) -> ClaimSubmitted:
    """A claim of 12.80 a line, ten percent of it paid in advance by the patient."""
    total = 1280 * lines
    facts: dict[str, Any] = {
        **WHO,
        "person_no": "9901010000000000001",
        "certificate_kind": "02",
        "certificate_no": CERTIFICATE,
        "medical_kind": "11",
        "insurance_kind": "310",
        "settlement_way": "01",
        "visit_id": "990101S0001",
        "charge_batch_no": "B0001",
        "account_used": True,
        "invoice_no": "INV0001",
        "total": total,
        "own_expense": 0,
        "over_limit": 0,
        "advance_self_pay": 128 * lines,
        "in_scope": total - 128 * lines,
        "fee_lines": tuple(line(n) for n in range(1, lines + 1)),
    }
    return ClaimSubmitted(**{**facts, **changes})


def line(number: int) -> FeeLine:
    return FeeLine(
        line_no=f"F{number:04d}",
        occurred_at=dt.datetime(2025, 1, 1, 1, 10, tzinfo=dt.UTC),
        catalogue_code="XA01ABD075A002010100483",
        item_code="D00001",
        amount=1280,
        quantity=Decimal("1.0000"),
        unit_price=Decimal("12.800000"),
        department_code="0301",
        department_name="内科",
        doctor_code="D990101000001",
        doctor_name="示例医",
    )


def cancellation(setl_id: str, **changes: Any) -> CancellationRequested:
    facts = {**WHO, "settlement_id": setl_id, "visit_id": "990101S0001", "person_no": "9901010000000000001"}
    return CancellationRequested(**{**facts, **changes})


def reversal(msgid: str, infno: str = "2207") -> ReversalRequested:
    return ReversalRequested(
        **WHO, person_no="9901010000000000001", original_message_id=msgid, original_transaction=infno
    )


def person(certificate: str = CERTIFICATE) -> PersonQuery:
    known = {key: value for key, value in WHO.items() if key != "insured_region"}
    return PersonQuery(**known, certificate_kind="02", certificate_no=certificate)


class Rig:
    """Sender and resolver of one partner, connected to a simulator."""

    def __init__(self, folder: Path, simulator: Simulator, settings: SettlementSettings) -> None:
        self.simulator = simulator
        self.settings = settings
        self.harness = Harness(folder, partner="province")
        sender = adapter.sender(settings, self.harness.context)
        resolver = adapter.resolver(settings, self.harness.context)
        checker = adapter.checker(settings, self.harness.context)
        assert sender is not None
        assert resolver is not None
        assert checker is not None
        self.sender, self.resolver, self.checker = sender, resolver, checker
        self.channel = channel(settings, self.harness.context)

    async def prepare(self, body: Any) -> tuple[Message, Prepared]:
        message = self.harness.message(body)
        return message, await self.sender.prepare(message)

    async def send(self, body: Any) -> Outcome:
        message, prepared = await self.prepare(body)
        return await self.sender.send(message, prepared)

    async def settled(self, body: ClaimSubmitted | None = None) -> tuple[Message, Prepared, Accepted]:
        """A claim that went through."""
        message, prepared = await self.prepare(body or claim())
        outcome = await self.sender.send(message, prepared)
        assert isinstance(outcome, Accepted), outcome
        return message, prepared, outcome

    @property
    def in_force(self) -> int:
        return sum(s.in_force for s in self.simulator.ledger.settlements.values())

    @property
    def double_effects(self) -> int:
        return self.simulator.ledger.double_effects


def settings_for(simulator: Simulator, **changes: Any) -> SettlementSettings:
    facts: dict[str, Any] = {
        "base_url": simulator.url,
        "recer_sys_code": "01",
        "timeout": 0.4,
        "tif": {"paasid": "demo-app", "token": "DEMO-TOKEN-0001"},
    }
    return SettlementSettings.model_validate({**facts, **changes})


@asynccontextmanager
async def rig(folder: Path, options: Options | None = None, **changes: Any) -> AsyncIterator[Rig]:
    """A running rig; `changes` are settings."""
    from twisted.internet import reactor

    simulator = await Simulator.start(reactor, options)
    made = Rig(folder, simulator, settings_for(simulator, **changes))
    try:
        yield made
    finally:
        made.channel.link.http.close()
        await simulator.stop()
