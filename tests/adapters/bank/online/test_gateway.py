"""Through a running gateway: an agency's batch reaches the bank once, and its results reach the agency, whatever is lost
and however often the gateway is started again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor

from adapters.bank import adapter as bank_adapter
from adapters.bank.settings import BankSettings
from adapters.bank.simulator.online import OnlineBank
from adapters.bank.simulator.online_cdc import Keys
from gateway.canonical import Message
from gateway.canonical.payment import BatchReturned
from gateway.contract import (
    Accepted,
    Adapter,
    Context,
    Inbound,
    Manifest,
    Operation,
    Outcome,
    Prepared,
    Settings,
    Title,
)
from gateway.engine.assembly import Gateway
from gateway.engine.config import Configuration, Partner
from gateway.engine.config_model import GatewaySettings
from gateway.engine.routes import Route
from tests.adapters.bank.online.rig import DETAILS, KINDS, REFERENCE, STATUS, SUBMIT, batch, settings
from tests.engine.scripted import FAST
from tests.twisted_runner import sleep

TITLE = Title(zh="测试", en="test")
RESULTS = Operation(
    name="results",
    title=TITLE,
    direction="out",
    request="payment.batch.returned.v1",
    style="one-way",
    on_unknown="resend",
)


class _NoSettings(Settings):
    pass


@dataclass
class Agency:
    """Submits batches, and is told their results."""

    told: list[BatchReturned] = field(default_factory=list)
    context: Context | None = None

    def keep(self, _: Any, context: Context) -> None:
        self.context = context

    async def prepare(self, message: Message) -> Prepared:
        return Prepared(operation="results", reference=message.id, content=b"")

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        assert isinstance(message.data, BatchReturned)
        self.told.append(message.data)
        return Accepted()

    async def submit(self, count: int) -> str:
        assert self.context is not None
        inbound = Inbound(
            body=batch(count), raw=b"raw", partner_message_id=REFERENCE, region="990101", mapping="test@1"
        )
        return (await self.context.inbox.accept(inbound)).message_id


@asynccontextmanager
async def running(folder: Path, agency: Agency, online: Any) -> AsyncIterator[Gateway]:
    source = Adapter(
        folder=folder,
        manifest=Manifest(name="agency", title=TITLE, contract=1, operations=(RESULTS,)),
        settings=_NoSettings,
        sender=lambda *_: agency,
        receiver=agency.keep,
    )
    made: dict[str, tuple[Adapter[Any], Settings]] = {
        "agency": (source, _NoSettings()),
        "bank": (bank_adapter, BankSettings(online=online)),
    }
    partners = {
        name: Partner(
            name=name,
            title=name,
            region="990101",
            enabled=True,
            adapter=adapter,
            settings=chosen,
            policy=FAST,
            concurrency=4,
        )
        for name, (adapter, chosen) in made.items()
    }
    facts = {
        "node": "test", "region": "990101", "data_dir": str(folder),
        "store": {"url": f"sqlite:///{folder}/gateway.db"}, "bus": {"kind": "embedded"},
        "audit": {"origin": "test.example/audit", "checkpoint_interval": "100ms"},
        "admin": {"listen": "127.0.0.1:0"}, "engine": {"sweep_interval": "50ms"},
    }  # fmt: skip
    gateway = Gateway(
        Configuration(
            folder=folder,
            gateway=GatewaySettings.model_validate(facts),
            partners=partners,
            routes=(
                Route("out", "payment.batch.submitted.v1", "*", "*", ("bank",)),
                Route("back", "payment.batch.returned.v1", "*", "*", ("agency",)),
            ),
        ),
        reactor,
    )
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def reaches(gateway: Gateway, message_id: str, state: str, seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.05)):
        rows = await gateway.store.deliveries_of(message_id)
        if [row.state for row in rows] == [state]:
            return
        await sleep(0.05)
    raise AssertionError([(row.state, row.reason) for row in rows])


@pytest.mark.parametrize("kind", KINDS)
async def test_lost_answers_and_restarts(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, agency = Keys(), Agency()
    bank = await OnlineBank.start(reactor, kind, keys, progress=3)
    online = settings(kind, bank.url, tmp_path, keys, slice_size=10, poll={"every": 0.2, "inline": 20})
    folder = tmp_path / "gateway"
    folder.mkdir()
    bank.fault("drop-after", SUBMIT[kind, "credit-transfer"], skip=2)
    bank.fault("garbage", STATUS[kind])
    bank.fault("drop-after", DETAILS[kind])
    try:
        async with running(folder, agency, online) as gateway:
            message_id = await agency.submit(25)
            await reaches(gateway, message_id, "accepted")
        for _ in range(6):
            async with running(folder, agency, online):
                await sleep(1.0)
            if agency.told:
                break
    finally:
        await bank.stop()
    assert (bank.books.executed[REFERENCE], bank.books.attempts[REFERENCE]) == (1, 1)
    [told] = agency.told
    assert (told.stage, told.status, told.number_of_transactions) == ("final", "settled", 25)
    assert told.results == ()  # more than `inline`: they are the attachment's records
    assert bank.bank.wrong == []
    written = "".join(capsys.readouterr())
    assert "张测试" not in written
    assert "622999" not in written
