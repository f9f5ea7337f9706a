"""The adapter on one side, a centre that follows a script on the other, and real queues between them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.treasury import adapter
from adapters.treasury.line.channel import Channel, channel
from adapters.treasury.line.session import Phase
from adapters.treasury.settings import TreasurySettings
from adapters.treasury.simulator import declare
from adapters.treasury.wire import Formats, Head, make_seal, read_head
from gateway.bus.private_broker import PrivateBroker
from gateway.canonical import Body, Message
from gateway.canonical.levy import DebitAnswered, DebitReversalAnswered
from gateway.canonical.levy_network import (
    NodeLogInAnswered,
    NodeLogOutAnswered,
    ReceiptGiven,
    WorkingDayChanged,
)
from gateway.contract import Outcome, Prepared
from gateway.transports.mq import Arrived, connect
from tests.adapters.context import Harness
from tests.adapters.treasury.people import COLLECTOR, DAY, NODE
from tests.twisted_runner import sleep

CENTRE = "100000000000"
NEXT_DAY = dt.date(2026, 11, 23)
_tests = itertools.count(1)

#: What the centre answers to a message: number and body of each; `None` for nothing.
Script = Callable[[Head, Any], Iterable[tuple[str, Body]]]


def queues() -> dict[str, str]:
    """Names of nobody else's."""
    n = next(_tests)
    return {
        "online_out": f"T{n}.ONLINE.IN",
        "batch_out": f"T{n}.BATCH.IN",
        "online_in": f"T{n}.ONLINE.OUT",
        "batch_in": f"T{n}.BATCH.OUT",
    }


def settings_for(broker: PrivateBroker, names: dict[str, str], **changes: Any) -> TreasurySettings:
    facts: dict[str, Any] = {
        "node": NODE,
        "collectors": [COLLECTOR],
        "mq": {
            "kind": "amqp",
            "address": f"127.0.0.1:{broker.port}",
            "user": "guest",
            "password": "guest",
            "reconnect_max": 0.3,
        },
        "queues": names,
        "seal": {"kind": "keyed-sm3", "key": "DEMO-TREASURY-KEY-0001"},
        "session": {"password": "DEMO-0001", "retry": 0.1, "retry_longest": 0.2, "test_every": None},
        "timeout": 0.6,
        "packages": {"answer_timeout": 0.3},
    }
    session = {**facts["session"], **changes.pop("session", {})}
    return TreasurySettings.model_validate({**facts, **changes, "session": session})


class Centre:
    """Follows `scripts` by message number; logs in whoever asks, and answers tests, unless a script says otherwise."""

    def __init__(self, settings: TreasurySettings, harness: Harness) -> None:
        self.settings = settings
        self.formats = Formats()
        self.seal = make_seal(settings.seal)
        self.link = connect(settings.mq, harness.context.reactor, harness.log)
        self.day: dt.date = DAY
        self.received: list[tuple[Head, Any]] = []
        self.scripts: dict[str, Script] = {
            "9006": lambda _head, _body: [("9007", NodeLogInAnswered(raw_code="90000", system_state="1"))],
            "9005": lambda _head, _body: [receipt("9005")],
            "9008": lambda _head, _body: [("9009", NodeLogOutAnswered(raw_code="90000"))],
        }
        self._ids = itertools.count(1)

    async def start(self) -> None:
        for queue in self.settings.queues_out:
            await self.link.consume(queue, self._take)

    def of(self, number: str) -> list[tuple[Head, Any]]:
        """What came under a number."""
        return [(head, body) for head, body in self.received if head.number == number]

    async def send(self, number: str, body: Body, reference: str = "", **changes: Any) -> bytes:
        """To the node; `changes` are of the head, `raw` and `queue` of what surrounds it."""
        raw = changes.pop("raw", None)
        queue = changes.pop(
            "queue", self.settings.queues_in[number in ("1102", "2102", "3122", "3200", "3201")]
        )
        if raw is None:
            raw = self.seal.seal(
                self.formats.write(number, body, self.head(number, reference, **changes), _now())
            )
        await self.link.put(queue, raw, message_id="x")
        return bytes(raw)

    def head(self, number: str, reference: str = "", **changes: Any) -> Head:
        identity = f"{self.day:%Y%m%d}{next(self._ids):012d}"
        facts: dict[str, Any] = {
            "source": CENTRE, "destination": NODE, "application": "TIPS", "number": number, "id": identity,
            "reference": reference or identity, "work_date": self.day,
        }  # fmt: skip
        return Head(**{**facts, **changes})

    async def _take(self, arrived: Arrived) -> None:
        document = self.seal.open(arrived.body)
        head = read_head(document)
        body = self.formats.read(head.number, document, _now())
        self.received.append((head, body))
        script = self.scripts.get(head.number)
        for number, answer in script(head, body) if script is not None else ():
            await self.send(number, answer, head.id)


class Rig:
    """The adapter of one node with the context of a test, connected to a scripted centre."""

    def __init__(self, folder: Path, settings: TreasurySettings, harness: Harness | None = None) -> None:
        self.settings = settings
        self.harness = harness or Harness(folder, partner="treasury")
        self.open()

    def open(self) -> None:
        """Makes the abilities, as an engine does at its start."""
        context = self.harness.context
        sender, resolver = adapter.sender(self.settings, context), adapter.resolver(self.settings, context)
        receiver, checker = adapter.receiver(self.settings, context), adapter.checker(self.settings, context)
        assert sender is not None
        assert resolver is not None
        assert receiver is not None
        assert checker is not None
        self.sender, self.resolver, self.receiver, self.checker = sender, resolver, receiver, checker
        self.channel: Channel = channel(self.settings, context)

    async def prepared(self, body: Body, **attributes: Any) -> tuple[Message, Prepared]:
        message = self.harness.message(body, **attributes)
        return message, await self.sender.prepare(message)

    async def send(self, body: Body) -> Outcome:
        message, prepared = await self.prepared(body)
        return await self.sender.send(message, prepared)

    async def logged_in(self) -> None:
        await self.until(lambda: self.channel.session.phase is Phase.OPEN)

    async def until(self, true: Callable[[], object], seconds: float = 8.0) -> None:
        for _ in range(int(seconds / 0.02)):
            if true():
                return
            await sleep(0.02)
        raise AssertionError(f"not in time; logged: {self.harness.log.entries[-12:]}")

    def accepted(self, kind: type) -> list[Any]:
        return [inbound.body for inbound in self.harness.inbox.accepted if isinstance(inbound.body, kind)]

    def logged(self, event: str) -> list[dict[str, object]]:
        return [facts for _, name, facts in self.harness.log.entries if name == event]


@asynccontextmanager
async def played(
    broker: PrivateBroker, folder: Path, *, log_in: bool = True, **changes: Any
) -> AsyncIterator[tuple[Rig, Centre]]:
    """Both sides running and, unless told otherwise, logged in; `changes` are settings."""
    names = queues()
    declare(broker.url, list(names.values()))
    settings = settings_for(broker, names, **changes)
    rig = Rig(folder, settings)
    centre = Centre(settings, rig.harness)
    await centre.start()
    await rig.receiver.start()
    try:
        if log_in:
            await rig.logged_in()
        yield rig, centre
    finally:
        await rig.receiver.stop()
        await centre.link.close()


# What a centre says


def receipt(number: str, code: str = "90000", text: str | None = None) -> tuple[str, Body]:
    return "9120", ReceiptGiven(original_message=number, raw_code=code, raw_text=text)


def answered(body: Any, code: str = "90000", **changes: Any) -> tuple[str, Body]:
    """2001 to a 1001 as it was on the wire."""
    facts = {
        "collector_code": body.collector_code, "entrusted_on": body.entrusted_on, "serial": body.serial,
        "voucher_no": body.voucher_no, "debited_on": body.entrusted_on if code == "90000" else None,
        "raw_code": code,
    }  # fmt: skip
    return "2001", DebitAnswered(**{**facts, **changes})


def undone(body: Any, code: str = "1") -> tuple[str, Body]:
    """2021 to a 1021."""
    return "2021", DebitReversalAnswered(
        collector_code=body.collector_code, reversal_no=body.reversal_no, asked_on=body.entrusted_on,
        original_entrusted_on=body.original_entrusted_on, original_serial=body.original_serial, raw_code=code,
    )  # fmt: skip


def switched(day: dt.date = NEXT_DAY, state: str = "1") -> WorkingDayChanged:
    return WorkingDayChanged(working_day=day, system_state=state)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
