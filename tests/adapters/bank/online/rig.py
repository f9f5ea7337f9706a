"""The online part of the bank adapter on one side, the simulated bank on the other, and invented batches."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from twisted.internet.defer import Deferred

from adapters.bank.online import (
    OnlineSettings,
    online_checker,
    online_receiver,
    online_resolver,
    online_sender,
)
from adapters.bank.online.channel import Channel, channel
from adapters.bank.simulator.online import OnlineBank, write_keys
from adapters.bank.simulator.online_cdc import Keys
from gateway.canonical import Message
from gateway.canonical.payment import BatchReturned, PaymentBatch, PaymentItem
from gateway.contract import Outcome, Prepared, QueryOutcome
from gateway.transports.http.listeners import Listeners
from tests.adapters.context import Harness, TestClock

KINDS = ("cmb-cdc", "cmb-xml")
SUBMIT = {
    ("cmb-cdc", "credit-transfer"): "BB6BTHHL", ("cmb-cdc", "direct-debit"): "BB6ACLAK",
    ("cmb-xml", "credit-transfer"): "NTAGCAPY", ("cmb-xml", "direct-debit"): "NTAGCACL",
}  # fmt: skip
STATUS = {"cmb-cdc": "BB6BPDQY", "cmb-xml": "NTAGCINY"}
DETAILS = {"cmb-cdc": "BB6DTLQY", "cmb-xml": "NTAGDINF"}
REFERENCE = "YB990101202611200001"
NAMES = ("张测试", "李样例", "王示范")


def account(number: int, last: str = "9") -> str:
    return f"62299900000{number:07d}{last}"


def batch(count: int = 2, kind: str = "credit-transfer", lasts: str = "9", **changes: Any) -> PaymentBatch:
    """`lasts`: the last digits of the accounts in turn; 4 does not exist, a debit of 5 collects half."""
    items = tuple(
        PaymentItem(
            sequence=number,
            name=NAMES[number % 3],
            account_no=account(number, lasts[(number - 1) % len(lasts)]),
            amount=10000 + number,
            remittance=f"XY{number:06d}" if kind == "direct-debit" else "医保报销",
            mandate_id=f"XY{number:06d}" if kind == "direct-debit" else None,
            inter_bank=False,
        )
        for number in range(1, count + 1)
    )
    facts: dict[str, Any] = {
        "batch_id": REFERENCE,
        "kind": kind,
        "number_of_transactions": count,
        "control_sum": sum(item.amount for item in items),
        "own_account_no": "990100000000271",
        "category_purpose": "BYBK",
        "purpose": "医保报销",
        "items": items,
    }
    return PaymentBatch(**{**facts, **changes})


class Rig:
    """All abilities of one partner, connected to a simulator."""

    def __init__(
        self, folder: Path, bank: OnlineBank, settings: OnlineSettings, bank_clock: TestClock
    ) -> None:
        self.bank, self.books, self.bank_clock = bank, bank.books, bank_clock
        self.folder, self.settings = folder, settings
        self.inbox: Any = None
        self.begin()

    def begin(self) -> None:
        """The adapter anew, as after a restart: nothing in memory, the same folder, the same inbox."""
        self.harness = Harness(self.folder, partner="bank")
        if self.inbox is not None:
            self.harness.inbox = self.inbox
        self.inbox = self.harness.inbox
        context = dataclasses.replace(self.harness.context, listeners=Listeners(), inbox=self.inbox)
        self.sender, self.resolver = (
            online_sender(self.settings, context),
            online_resolver(self.settings, context),
        )
        self.receiver, self.checker = (
            online_receiver(self.settings, context),
            online_checker(self.settings, context),
        )
        self.channel: Channel = channel(self.settings, context)

    async def prepare(self, body: PaymentBatch) -> tuple[Message, Prepared]:
        message = self.harness.message(body)
        return message, await self.sender.prepare(message)

    async def send(self, body: PaymentBatch) -> Outcome:
        message, prepared = await self.prepare(body)
        return await self.sender.send(message, prepared)

    async def query(self, message: Message, prepared: Prepared) -> QueryOutcome:
        return await self.resolver.query(message, prepared)

    async def look(self, times: int = 1) -> None:
        """Turns of the poller, as if their time had come."""
        for _ in range(times):
            for known, _phase in await self.channel.ledger.due(float("inf")):
                await self.channel.ledger.later(known.reference, 0.0)
            await self.receiver.poller.look()

    @property
    def returned(self) -> list[BatchReturned]:
        """What was taken over, each once."""
        known = {i.partner_message_id: i.body for i in self.inbox.accepted}
        return [body for body in known.values() if isinstance(body, BatchReturned)]

    def logged(self) -> str:
        return repr(self.harness.log.entries)

    async def close(self) -> None:
        self.channel.link.http.close()
        await self.channel.ledger.close()


def settings(kind: str, url: str, folder: Path, keys: Keys, **changes: Any) -> OnlineSettings:
    facts: dict[str, Any] = {
        "kind": kind, "url": url, "timeout": 1.5, "business_mode": "00001", "absent_after": 0,
        "absent_codes": ["ABS0001", "-9"], "poll": {"every": 0.05}, "branch": "99",
    }  # fmt: skip
    if kind == "cmb-cdc":
        files = folder / "keys"
        if not files.exists():
            write_keys(keys, files)
        facts |= {"user": keys.user, "key_file": files / "client.pem", "bank_keys": [files / "bank.pub"]}
        facts |= {"sm4_key": (files / "sm4.key").read_text()}
    else:
        facts |= {"login": "银企直连样例"}
    made: OnlineSettings = TypeAdapter(OnlineSettings).validate_python({**facts, **changes})
    return made


@asynccontextmanager
async def rig(folder: Path, kind: str = "cmb-cdc", progress: int = 1, **changes: Any) -> AsyncIterator[Rig]:
    """A running rig; `changes` are settings."""
    from twisted.internet import reactor

    keys = Keys()
    clock = TestClock()
    bank = await OnlineBank.start(reactor, kind, keys, progress=progress, now=lambda: clock.now().timestamp())
    made = Rig(folder / "state", bank, settings(kind, bank.url, folder, keys, **changes), clock)
    try:
        yield made
    finally:
        await made.close()
        await bank.stop()
        assert bank.bank.wrong == [], "the bank found requests wrong"


async def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        await Deferred.fromFuture(asyncio.ensure_future(asyncio.sleep(0.02)))
    raise AssertionError("it did not happen")
