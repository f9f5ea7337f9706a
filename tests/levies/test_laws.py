"""Whatever the order and repetition of words and parts, and whatever breaks, the book ends the same and money is counted
once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail

from gateway.canonical import Message
from gateway.contract import Accepted, Rejected, Unavailable
from gateway.levies.desk import Desk
from gateway.levies.lifecycle import (
    DOUBTFUL,
    FINAL,
    IN_DOUBT,
    OPEN,
    REJECTED,
    REVERSED,
    SUCCEEDED,
    SUCCESS,
    UNDONE,
    after_word,
)
from gateway.store import SqlStore, StoreSettings
from gateway.store import levies_reads as reads
from tests.levies.world import (
    BROKEN,
    NEXT,
    NO,
    World,
    answer,
    check,
    debit,
    file,
    listed,
    result,
    returned,
    reversal,
    single,
)
from tests.store.opening import started
from tests.twisted_runner import run

WORDS = [SUCCEEDED, REJECTED, UNDONE, IN_DOUBT]


@given(
    state=st.sampled_from(sorted(OPEN | FINAL)),
    word=st.sampled_from(WORDS),
    said=st.sampled_from([None, 100, 99]),
)
def test_the_machine(state: str, word: str, said: int | None) -> None:
    step = after_word(state, word, amount=100, said=said)
    if step.difference is not None or said == 99:
        assert step.after == state  # what contradicts changes nothing
    if state == SUCCESS:
        assert step.after in (SUCCESS, REVERSED)
    if state in FINAL:
        assert step.after in FINAL
    if step.after == DOUBTFUL:
        assert word == IN_DOUBT or state == DOUBTFUL
    again = after_word(step.after, word, amount=100, said=said)
    assert again.after == step.after  # a word said twice says nothing the second time
    assert again.difference == step.difference


@given(words=st.permutations([SUCCEEDED, SUCCEEDED, UNDONE, IN_DOUBT]))
def test_a_reversal_wins_whenever_it_comes(words: list[str]) -> None:
    state = "asked"
    for word in words:
        state, difference = after_word(state, word, amount=1)
        assert difference is None
    assert state == REVERSED


class Flaky:
    """A store that breaks now and then: before the commit, or after it, when nobody can tell."""

    def __init__(self, store: SqlStore, chance: random.Random) -> None:
        self._store = store
        self._chance = chance
        self.ask, self.message = store.ask, store.message

    def work(self, do: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        fate = self._chance.random()
        if fate < 0.1:
            return fail(Unavailable("坏了", "broken"))
        done = self._store.work(do, *arguments)
        if fate < 0.2:
            done.addCallback(lambda _: _broken())
        return done


def _broken() -> None:
    raise Unavailable("坏了", "broken")


async def _deliver(world: World, message: Message) -> None:
    """As the engine: until the store holds."""
    for _ in range(300):
        try:
            ended = await world.send(message)
        except Unavailable:
            continue
        if isinstance(ended, (Accepted, Rejected)):
            return
    raise AssertionError("never delivered")


async def _look(world: World) -> None:
    for _ in range(300):
        try:
            await world.look()
        except Unavailable:
            continue
        return
    raise AssertionError("never looked")


async def _day(folder: Path, seed: int) -> None:
    """Ten debits of a file and six real-time ones; the network's words in any order, some before their questions, some
    twice; the checks of two days in parts of three. In the end money was taken for those that it lists."""
    chance = random.Random(seed)
    at = StoreSettings.model_validate({"url": f"sqlite:///{folder}/g.db", "writer": "thread"})
    store = await started(at)
    world = World(store, at, folder)
    world.parts = replace(world.parts, store=Flaky(store, chance), chunk=3)
    world.desk = Desk(world.parts)
    try:
        asked = world.message(file([debit(n) for n in range(1, 11)]), "levy-office")
        await _deliver(world, asked)
        packages = [row.batch_no for row, _ in world.ask(reads.packages, asked.id)]
        fates = {n: chance.choice(["success", "refused", "lost", "taken"]) for n in range(1, 17)}
        fates |= {n: "reversed" for n in range(11, 17) if chance.random() < 0.2}
        told = [world.message(body, partner) for body, partner in _said(fates, packages, chance)]
        for message in chance.sample(told, len(told)):
            await _deliver(world, message)
            if chance.random() < 0.3:
                await _deliver(world, chance.choice(told))
            if chance.random() < 0.2:
                await _look(world)
        await _look(world)
        taken = [n for n in range(1, 17) if fates[n] in ("success", "taken")]
        parts = [
            world.message(part, "treasury")
            for part in [*check([listed(n) for n in taken], size=3), *check([], day=NEXT)]
        ]
        for message in chance.sample(parts, len(parts)):
            await _deliver(world, message)
            await _deliver(world, chance.choice(parts))
        for _ in range(3):
            await _look(world)
        await _laws(world, fates, taken)
    finally:
        world.close()
        await store.stop()


def _said(fates: dict[int, str], packages: list[str], chance: random.Random) -> list[tuple[Any, str]]:
    """What the network says of each, and the questions that it has by itself."""
    said: list[tuple[Any, str]] = []
    results: list[Any] = []
    for n, fate in fates.items():
        single_one = n > 10
        if single_one:
            said.append((single(n), "levy-office"))
        codes = {"success": "90000", "refused": NO}
        if fate in codes:
            said += [(answer(n, codes[fate]), "treasury")] * single_one
            results += [result(n, codes[fate])] * (not single_one)
        if fate == "reversed":
            said += [(reversal(n), "treasury"), (answer(n), "treasury")]
        if chance.random() < 0.3 and single_one:
            said.append((answer(n, BROKEN), "treasury"))
    for batch_no, lot in zip(packages, (range(1, 6), range(6, 11)), strict=True):
        mine = [one for one in results if int(one.serial) in lot]
        said.append((returned(batch_no, mine, BROKEN), "treasury"))
    return said


async def _laws(world: World, fates: dict[int, str], taken: list[int]) -> None:
    rows = {int(row.serial): row for row in world.debits()}
    states = {"success": "success", "taken": "success", "refused": "refused", "lost": "no-effect"}
    assert {n: row.state for n, row in rows.items()} == {
        n: states.get(fate, fate) for n, fate in fates.items()
    }
    assert sum(row.amount for row in rows.values() if row.state == "success") == 40_000 * len(taken)
    given = sorted(row.receipt for row in rows.values() if row.receipt is not None)
    assert given == [f"YB2026{n:08}" for n in range(1, len(given) + 1)], "receipts have a gap"
    assert world.differences() == []
    for row in rows.values():
        words = Counter((word.message_id, word.word) for word in world.ask(reads.history, row.id))
        assert set(words.values()) <= {1}, "a word was booked twice"
    reports = await world.reports()
    assert len(reports) == 1
    assert len(reports[0].results) == 10
    told = Counter(one.voucher_no for one in await world.answers())
    settled = {rows[n].voucher_no for n in range(11, 17) if fates[n] in ("taken", "lost")}
    assert set(told) <= settled
    assert set(told.values()) <= {1}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_the_book_ends_the_same(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    run(_day(tmp_path_factory.mktemp("laws"), seed), timeout=120)
