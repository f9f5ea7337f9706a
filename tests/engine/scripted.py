"""A gateway with the real store, bus, audit log and engine, between partners that do what a test tells them."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from gateway.canonical import Body
from gateway.canonical.settlement import ClaimSettled, ClaimSubmitted
from gateway.canonical.verification import PersonCheckAnswered, PersonCheckAsked
from gateway.contract import (
    Absent,
    Accepted,
    Adapter,
    Context,
    Inbound,
    Manifest,
    Operation,
    Prepared,
    Settings,
    Title,
)
from gateway.engine.assembly import Gateway
from gateway.engine.config import Configuration, Partner
from gateway.engine.config_model import GatewaySettings
from gateway.engine.lifecycle import Backoff, Policy
from gateway.engine.routes import First, Route
from tests.twisted_runner import sleep

CHINA = dt.timezone(dt.timedelta(hours=8))


def claim(visit: str = "V1", **changes: Any) -> ClaimSubmitted:
    """An invented settlement."""
    values: dict[str, Any] = {
        "institution_code": "H99010100001",
        "institution_name": "示例医院",
        "treatment_region": "990101",
        "insured_region": "990101",
        "operator_code": "op01",
        "operator_name": "示例员",
        "person_no": "9900000000000000001",
        "certificate_kind": "02",
        "certificate_no": "990101199001010019",
        "medical_kind": "11",
        "insurance_kind": "310",
        "settlement_way": "01",
        "visit_id": visit,
        "charge_batch_no": "B1",
        "account_used": True,
        "total": 2560,
        "own_expense": 0,
        "over_limit": 0,
        "advance_self_pay": 256,
        "in_scope": 2304,
    }
    return ClaimSubmitted(**{**values, **changes})


def settled(request: ClaimSubmitted, reference: str) -> ClaimSettled:
    """A platform's answer to it."""
    return ClaimSettled(
        settlement_id="S" + request.visit_id,
        visit_id=request.visit_id,
        person_no=request.person_no,
        person_name="示例甲",
        document_kind="01",
        document_no="990101199001010019",
        person_kind="1101",
        civil_servant=False,
        settled_at=dt.datetime(2026, 1, 1, tzinfo=CHINA),
        medical_kind=request.medical_kind,
        total=request.total,
        own_expense=0,
        over_limit=0,
        advance_self_pay=256,
        in_scope=2304,
        pooling_paid=1613,
        pooling_ratio="0.7000",  # type: ignore[arg-type]
        civil_servant_paid=0,
        enterprise_paid=0,
        serious_illness_paid=0,
        large_amount_paid=0,
        assistance_paid=0,
        other_paid=0,
        fund_total=1613,
        personal_total=947,
        account_paid=947,
        cash_paid=0,
        hospital_paid=0,
        balance=0,
        account_mutual_paid=0,
        sender_message_id=reference,
        clearing_kind="11",
        raw_code="0",
    )


Script = Callable[[Any, Prepared], Any]


@dataclass
class Platform:
    """The partner that settles: a ledger, and a script that says how each call ends."""

    effects: dict[str, str] = field(default_factory=dict)  #: reference → visit
    sends: list[str] = field(default_factory=list)
    prepared: int = 0
    script: list[Script] = field(default_factory=list)
    on_query: list[Script] = field(default_factory=list)
    on_reverse: list[Script] = field(default_factory=list)
    hold: Deferred[None] | None = None

    async def prepare(self, message: Any) -> Prepared:
        self.prepared += 1
        return Prepared(operation="settle", reference=f"M{self.prepared}", content=b"{}")

    async def send(self, message: Any, prepared: Prepared) -> Any:
        self.sends.append(prepared.reference)
        if self.hold is not None:
            await self.hold
        step = self.script.pop(0) if self.script else self.settle
        return step(message, prepared)

    async def query(self, message: Any, prepared: Prepared) -> Any:
        step = self.on_query.pop(0) if self.on_query else self.look_up
        return step(message, prepared)

    async def reverse(self, message: Any, prepared: Prepared) -> Any:
        step = self.on_reverse.pop(0) if self.on_reverse else self.undo
        return step(message, prepared)

    # -- what scripts are made of ------------------------------------------------------------------

    def settle(self, message: Any, prepared: Prepared) -> Accepted:
        self.effects[prepared.reference] = message.data.visit_id
        return Accepted(reply=settled(message.data, prepared.reference), raw=b'{"infcode":0}', mapping="t@1")

    def look_up(self, message: Any, prepared: Prepared) -> Accepted | Absent:
        if prepared.reference in self.effects:
            return Accepted(reply=settled(message.data, prepared.reference), raw=b"{}")
        return Absent()

    def undo(self, message: Any, prepared: Prepared) -> Any:
        from gateway.contract import Reversed

        self.effects.pop(prepared.reference, None)
        return Reversed()

    @property
    def double(self) -> list[str]:
        """Visits with more than one settlement in force."""
        visits = list(self.effects.values())
        return sorted({v for v in visits if visits.count(v) > 1})


CHECK = Operation(
    name="check",
    title=Title(zh="核验", en="check"),
    direction="out",
    request="identity.check.asked.v1",
    reply="identity.check.answered.v1",
    on_unknown="resend",
)


@dataclass
class Police:
    """The partner that must be asked first."""

    outcome: str = "match"
    otherwise: str = "refuse"
    patience: float = 5.0
    name: str = "示例甲"
    asked: list[PersonCheckAsked] = field(default_factory=list)
    purposes: list[str | None] = field(default_factory=list)
    script: list[Script] = field(default_factory=list)
    hold: Deferred[None] | None = None

    @property
    def first(self) -> First:
        """What a route says of it."""
        return First(
            ask=CHECK.request,
            of="police",
            take=(("document_no", "certificate_no"), ("region", "treatment_region")),
            fixed=(
                ("name", self.name),
                ("operator_code", "op01"),
                ("operator_name", "示例员"),
                ("operator_department", "住院处"),
            ),
            purpose="住院登记核验",
            decide_by="outcome",
            proceed=frozenset({"match"}),
            refuse={"mismatch": "姓名与身份证号不一致 / name and number do not belong together"},
            otherwise=self.otherwise,  # type: ignore[arg-type]
            patience=self.patience,
        )

    async def prepare(self, message: Any) -> Prepared:
        return Prepared(operation="check", reference=f"P{len(self.asked)}", content=b"{}")

    async def send(self, message: Any, prepared: Prepared) -> Any:
        self.asked.append(message.data)
        self.purposes.append(message.purpose)
        if self.hold is not None:
            await self.hold
        if self.script:
            return self.script.pop(0)(message, prepared)
        return Accepted(reply=PersonCheckAnswered(outcome=self.outcome), raw=b"{}", mapping="p@1")


class _NoSettings(Settings):
    pass


async def until(holds: Callable[[], Awaitable[object]], seconds: float = 30.0) -> None:
    """Waits until it holds."""
    for _ in range(int(seconds / 0.05)):
        if await holds():
            return
        await sleep(0.05)
    raise AssertionError("not in time")


@dataclass
class Scene:
    """A running gateway with its partners."""

    gateway: Gateway
    platform: Platform
    context: Context

    def inbound(self, number: int, body: Body | None = None, **changes: Any) -> Inbound:
        """The hospital's n-th message."""
        values: dict[str, Any] = {
            "body": body or claim(f"V{number}"),
            "raw": b"<raw/>",
            "partner_message_id": f"H{number:04d}",
            "region": "990101",
            "mapping": "test@1",
        }
        return Inbound(**{**values, **changes})

    async def states(self, message_id: str) -> list[str]:
        return [d.state for d in await self.gateway.store.deliveries_of(message_id)]

    async def reaches(self, message_id: str, state: str, seconds: float = 30.0) -> None:
        """Waits until the message's delivery is in a state."""
        for _ in range(int(seconds / 0.05)):
            if await self.states(message_id) == [state]:
                return
            await sleep(0.05)
        rows = await self.gateway.store.deliveries_of(message_id)
        raise AssertionError(f"not {state}: {[(d.state, d.reason, d.attempts) for d in rows]}")

    async def events(self, message_id: str) -> list[str]:
        """The audit entries of a message."""
        from twisted.internet.threads import deferToThread

        from gateway.audit.entry import decode

        source = self.gateway.store.audit_source()  # type: ignore[attr-defined]
        rows = await deferToThread(source.find, message_id)
        return [decode(entry).event for _, _, entry in rows]


def operation(on_unknown: str, name: str = "settle", money: bool = True) -> Operation:
    return Operation(
        name=name,
        title=Title(zh="结算", en="settle"),
        direction="out",
        request="settlement.claim.submitted.v1",
        reply="settlement.claim.settled.v1",
        on_unknown=on_unknown,  # type: ignore[arg-type]
        moves_money=money,
    )


FAST = Policy(
    retry=Backoff(first=0.05, longest=0.2, limit=4), resolve=Backoff(first=0.05, longest=0.2, limit=3)
)


def configuration(
    folder: Path,
    platform: Platform,
    contexts: dict[str, Context],
    on_unknown: str,
    police: Police | None = None,
    **gateway: Any,
) -> Configuration:
    title = Title(zh="测试", en="test")

    def keep(_: Any, context: Context) -> None:
        contexts[context.partner] = context

    hospital = Adapter(
        folder=folder,
        manifest=Manifest(name="hospital", title=title, contract=1, operations=()),
        settings=_NoSettings,
        receiver=keep,
    )
    province = Adapter(
        folder=folder,
        manifest=Manifest(name="province", title=title, contract=1, operations=(operation(on_unknown),)),
        settings=_NoSettings,
        sender=lambda *_: platform,
        resolver=lambda *_: platform,
    )
    register = Adapter(
        folder=folder,
        manifest=Manifest(name="police", title=title, contract=1, operations=(CHECK,)),
        settings=_NoSettings,
        sender=lambda *_: police,
    )
    adapters = {"hospital": hospital, "province": province}
    if police is not None:
        adapters["police"] = register
    partners = {
        name: Partner(
            name=name,
            title=name,
            region="990101",
            enabled=True,
            adapter=adapter,
            settings=_NoSettings(),
            policy=FAST,
            concurrency=16,
        )
        for name, adapter in adapters.items()
    }
    settings = {
        "node": "test",
        "region": "990101",
        "data_dir": str(folder),
        "store": {"url": f"sqlite:///{folder}/gateway.db"},
        "bus": {"kind": "embedded"},
        "audit": {"origin": "test.example/audit", "checkpoint_interval": "100ms"},
        "admin": {"listen": "127.0.0.1:0"},
        "engine": {"sweep_interval": "50ms"},
        **gateway,
    }
    return Configuration(
        folder=folder,
        gateway=GatewaySettings.model_validate(settings),
        partners=partners,
        routes=(Route("all", "*", "*", "*", ("province",), None if police is None else police.first),),
    )


@asynccontextmanager
async def running(
    folder: Path,
    platform: Platform | None = None,
    on_unknown: str = "reverse",
    police: Police | None = None,
    **gateway: Any,
) -> AsyncIterator[Scene]:
    """A gateway for the time of a block; the same folder again is the same gateway restarted."""
    platform = platform or Platform()
    contexts: dict[str, Context] = {}
    started = Gateway(configuration(folder, platform, contexts, on_unknown, police, **gateway), reactor)
    await started.start()
    try:
        yield Scene(started, platform, contexts["hospital"])
    finally:
        await started.stop()


def forget(folder: Path) -> None:
    """Removes a gateway's data."""
    shutil.rmtree(folder, ignore_errors=True)
