"""The adapter as the engine sees it: the contract's own kit, numbers, the connection test."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.treasury import adapter
from adapters.treasury.line.ledger import Ledger, Request
from adapters.treasury.line.numbers import Numbers
from gateway.bus.private_broker import PrivateBroker
from gateway.contract import Reject
from gateway.contract.conformance import problems
from tests.adapters.context import Harness, MemorySerials
from tests.adapters.treasury.line.rig import Rig, played, queues, settings_for
from tests.adapters.treasury.people import COLLECTOR, DAY, NODE
from tests.twisted_runner import run

EXAMPLE = {
    "node": NODE,
    "collectors": [COLLECTOR],
    "mq": {"kind": "amqp", "address": "127.0.0.1:9", "user": "guest", "password": "guest"},
    "seal": {"kind": "keyed-sm3", "key": "DEMO-TREASURY-KEY-0001"},
    "session": {"password": "DEMO-0001"},
}


def test_conformance() -> None:
    assert problems(adapter, EXAMPLE) == []


@pytest.mark.rabbitmq
async def test_the_connection_test_beside_a_running_session(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        steps = [step async for step in rig.checker.check()]
        assert all(step.ok for step in steps), steps
        assert (steps[0].name, steps[-1].name) == ("keys", "session")
        assert "2026-11-20" in steps[-1].zh
        centre.scripts.pop("9005")
        assert not [step async for step in rig.checker.check()][-1].ok


@pytest.mark.rabbitmq
async def test_the_connection_test_alone_takes_nothing(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    from adapters.treasury.simulator import declare

    names = queues()
    declare(queue_manager.url, list(names.values()))
    rig = Rig(tmp_path, settings_for(queue_manager, names))
    steps = [step async for step in rig.checker.check()]
    assert all(step.ok for step in steps), steps
    assert "运行中的网关" in steps[-1].zh


@pytest.mark.rabbitmq
async def test_the_connection_test_finds_what_is_missing(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    rig = Rig(tmp_path, settings_for(queue_manager, queues()))
    steps = [step async for step in rig.checker.check()]
    assert not steps[-1].ok
    seal = {"kind": "keyed-sm3", "key": "short"}
    rig = Rig(tmp_path, settings_for(queue_manager, queues(), seal=seal))
    [step] = [step async for step in rig.checker.check()]
    assert (step.name, step.ok) == ("keys", False)


@given(
    leading=st.sampled_from(["9", ""]),
    asked=st.lists(
        st.tuples(st.sampled_from(["tra", "pack", "vc", "cancel"]), st.integers(0, 2)), max_size=30
    ),
)
def test_no_number_is_given_twice(leading: str, asked: list[tuple[str, int]]) -> None:
    serials = MemorySerials()

    async def give() -> None:
        given_ones: set[tuple[str, dt.date, str]] = set()
        identities: set[str] = set()
        for kind, later in asked:
            numbers = Numbers(serials, leading)  # as after a restart
            day = DAY + dt.timedelta(days=later)
            one = await numbers.one(kind, day)  # type: ignore[arg-type]
            identity = await numbers.message_id(day)
            assert (len(one), len(identity)) == (8, 20)
            assert one.isdecimal()
            assert (kind, day, one) not in given_ones
            assert identity not in identities
            given_ones.add((kind, day, one))
            identities.add(identity)

    run(give())


async def test_numbers_that_are_used_up_are_no_numbers(tmp_path: Path) -> None:
    serials = MemorySerials({"tra.20261120": 99_999_998})
    numbers = Numbers(serials, "9")
    assert await numbers.one("tra", DAY) == "99999999"
    with pytest.raises(Reject) as refused:
        await numbers.one("tra", DAY)
    assert "用尽" in refused.value.zh
    assert await numbers.one("tra", DAY + dt.timedelta(days=1)) == "00000001"


async def test_the_ledger_keeps_what_settings_say(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    ledger = Ledger(harness.context)
    for n, at in (("old", 1000.0), ("new", 2000.0)):
        row = Request(id=n, number="1001", message=n, collector=COLLECTOR, wire_day=DAY, day=DAY, at=at)
        await ledger.begin(row)
        assert await ledger.known(n) == row
    await ledger.note_heard("S", "1", b"digest", None)
    await ledger.clean(1500.0)
    assert await ledger.known("old") is None
    assert await ledger.known("new") is not None
    assert await ledger.heard("S", "1") == b"digest"
    assert (tmp_path / "network.db").stat().st_mode & 0o077 == 0
    await ledger.close()
