"""Killed at every step of a debit and of a package: whatever may be on a queue is never put there again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from gateway.bus.private_broker import PrivateBroker
from gateway.canonical import Message
from gateway.canonical.levy import DebitAnswered
from gateway.contract import Absent, Accepted, Outcome, PartnerDown, Prepared, Unavailable, Unknown
from gateway.transports.mq import PutUnknown
from tests.adapters.context import Harness
from tests.adapters.treasury.line.rig import Centre, Rig, answered, played, queues, settings_for
from tests.adapters.treasury.people import Person, batch, debit
from tests.adapters.treasury.place import Wire

pytestmark = pytest.mark.rabbitmq
ASKED = debit(Person(1), "00000071")


class Killed(BaseException):
    """The process is gone: nothing after this ran."""


#: Where it dies: the method, and whether its work was done by then.
STEPS = {
    "before begin": ("ledger", "begin", False),
    "begun": ("ledger", "begin", True),
    "put, not noted": ("link", "put", True),
    "put": ("ledger", "put", True),
    "waiting": ("exchange", "_within", False),
    "answered": ("exchange", "_within", True),
}


def deadly(rig: Rig, step: str) -> None:
    """The next time this step is made, the process dies there."""
    part, name, done = STEPS[step]
    whole = getattr(rig.channel, part)
    real: Callable[..., Any] = getattr(whole, name)

    async def last(*arguments: Any, **named: Any) -> Any:
        setattr(whole, name, real)
        if done:
            await real(*arguments, **named)
        raise Killed

    setattr(whole, name, last)


async def killed(rig: Rig, message: Message, prepared: Prepared) -> None:
    with pytest.raises(Killed):
        await rig.sender.send(message, prepared)


async def reborn(rig: Rig, folder: Path) -> Rig:
    """Another process, with what the first one had on its disk when it died; the first never runs again."""
    shutil.copytree(rig.harness.context.state_dir, folder)
    harness = Harness(folder, partner="treasury")
    harness.serials = rig.harness.serials  # the store's
    object.__setattr__(harness.context, "serials", harness.serials)
    await rig.receiver.stop()
    again = Rig(folder, rig.settings, harness)
    await again.receiver.start()
    await again.logged_in()
    return again


@pytest.mark.parametrize("step", STEPS)
async def test_a_debit(queue_manager: PrivateBroker, tmp_path: Path, step: str) -> None:
    async with played(queue_manager, tmp_path / "first") as (rig, centre):
        if step == "answered":
            centre.scripts["1001"] = lambda _head, body: [answered(body)]
        message, prepared = await rig.prepared(ASKED)
        deadly(rig, step)
        await killed(rig, message, prepared)
        again = await reborn(rig, tmp_path / "second")
        try:
            found = await again.resolver.query(message, prepared)
            sent = 0 if step in ("before begin", "begun") else 1
            wanted = {"before begin": Absent, "answered": Accepted}.get(step, Unknown)
            assert isinstance(found, wanted), found
            if wanted is not Absent:
                outcome: Outcome = await again.sender.send(message, prepared)
                assert isinstance(outcome, wanted)
            await rig.until(lambda: len(centre.of("1001")) == sent)
        finally:
            await again.receiver.stop()


@pytest.mark.parametrize("step", ["begun", "put, not noted", "put", "waiting"])
async def test_a_package(queue_manager: PrivateBroker, tmp_path: Path, step: str) -> None:
    async with played(queue_manager, tmp_path / "first") as (rig, centre):
        message, prepared = await rig.prepared(batch([Person(1), Person(2)], "P1"))
        deadly(rig, step)
        await killed(rig, message, prepared)
        rig.harness.clock.offset += 1.0
        again = await reborn(rig, tmp_path / "second")
        again.harness.clock.offset += 1.0
        try:
            # What the queue manager is known to have, and nobody refused, is taken; else nobody knows.
            found = await again.resolver.query(message, prepared)
            assert isinstance(found, Accepted if step in ("put", "waiting") else Unknown), found
            await again.sender.send(message, prepared)
            assert len(centre.of("1102")) == (0 if step == "begun" else 1)
        finally:
            await again.receiver.stop()


async def test_an_unconfirmed_put_is_settled_by_its_answer(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        unconfirmed(rig, put=True)
        assert isinstance(await rig.send(ASKED), Accepted)


@pytest.mark.parametrize("put", [True, False])
async def test_an_unconfirmed_package_is_in_doubt_whatever_silence_means(
    queue_manager: PrivateBroker, tmp_path: Path, put: bool
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(batch([Person(1)], "P1"))
        unconfirmed(rig, put=put)
        assert isinstance(await rig.sender.send(message, prepared), Unknown)
        rig.harness.clock.offset += 5.0
        assert isinstance(await rig.resolver.query(message, prepared), Unknown)
        assert isinstance(await rig.sender.send(message, prepared), Unknown)
        assert len(centre.of("1102")) == int(put)


async def test_a_cut_line_is_made_anew_with_a_log_in(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    from adapters.treasury.simulator import declare

    wire, names = Wire(queue_manager.port), queues()
    declare(queue_manager.url, list(names.values()))
    settings = settings_for(queue_manager, names)
    mq = settings.mq.model_copy(update={"address": f"127.0.0.1:{wire.port}"})
    rig = Rig(tmp_path, settings.model_copy(update={"mq": mq}))
    centre = Centre(settings, rig.harness)
    centre.scripts["1001"] = lambda _head, body: [answered(body)]
    await centre.start()
    await rig.receiver.start()
    try:
        await rig.logged_in()
        for n in range(3):
            wire.cut()
            await until_accepted(rig, debit(Person(n), f"{n:08d}"))
        vouchers = [body.voucher_no for _, body in centre.of("1001")]
        assert len(vouchers) == len(set(vouchers)) == 3
        assert len(rig.accepted(DebitAnswered)) == 3
    finally:
        await rig.receiver.stop()
        await centre.link.close()
        wire.close()


async def until_accepted(rig: Rig, body: Any) -> None:
    """As the engine does it: again where certainly nothing was put, the resolver where nobody knows."""
    message, prepared = await rig.prepared(body)
    ends: list[object] = []

    async def once() -> None:
        try:
            outcome: object = await rig.sender.send(message, prepared)
        except PartnerDown:
            return
        if isinstance(outcome, Unknown):
            outcome = await rig.resolver.query(message, prepared)
        if isinstance(outcome, Accepted):
            ends.append(outcome)

    from tests.twisted_runner import sleep

    for _ in range(100):
        await Deferred.fromCoroutine(once())
        if ends:
            return
        await sleep(0.05)
    raise AssertionError(rig.harness.log.entries[-10:])


def unconfirmed(rig: Rig, *, put: bool) -> None:
    """The next put is not confirmed, whether it was done or not."""
    link = rig.channel.link
    real = link.put

    async def lost(queue: str, body: bytes, **ids: Any) -> None:
        link.put = real  # type: ignore[method-assign]
        if put:
            await real(queue, body, **ids)
        raise PutUnknown("未获确认", "not confirmed")

    link.put = lost  # type: ignore[method-assign]


@pytest.mark.parametrize("where", ["numbers", "ledger"])
async def test_where_nothing_can_be_noted_nothing_is_put(
    queue_manager: PrivateBroker, tmp_path: Path, where: str
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        message, prepared = await rig.prepared(ASKED)
        full = Unavailable("磁盘已满", "no room")

        async def fail(*_: object) -> None:
            raise full

        begin = rig.channel.ledger.begin
        if where == "numbers":
            rig.harness.serials.error = full
        else:
            rig.channel.ledger.begin = fail  # type: ignore[method-assign,assignment]
        with pytest.raises(PartnerDown):
            await rig.sender.send(message, prepared)
        rig.harness.serials.error = None
        rig.channel.ledger.begin = begin  # type: ignore[method-assign]
        await rig.logged_in()
        assert isinstance(await rig.sender.send(message, prepared), Accepted)
        assert len(centre.of("1001")) == 1


async def test_a_put_that_cannot_be_noted_is_a_put(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)

        async def fail(_: str) -> None:
            raise Unavailable("磁盘已满", "no room")

        rig.channel.ledger.put = fail  # type: ignore[method-assign,assignment]
        for _ in range(2):
            assert isinstance(await rig.sender.send(message, prepared), Unknown)
        assert len(centre.of("1001")) == 1
