"""Laws that hold after any sequence of what agencies, people, banks and broken machines do."""

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
from twisted.internet.defer import Deferred, fail, gatherResults

from gateway.canonical import Message
from gateway.canonical.payment import PaymentBatch, outcome
from gateway.contract import Accepted, Reject, Rejected, Unavailable
from gateway.payments import batch_acts, item_acts
from gateway.payments.desk import Desk
from gateway.payments.duty import look_after
from gateway.payments.lifecycle import FINAL, LIVE, RETURNED, SETTLED, after_word
from gateway.store import Moved, SqlStore, StoreSettings
from gateway.store import payments_reads as reads
from gateway.store.api import Filter
from tests.payments.world import World, batch, item, result, returned
from tests.payments.world import settings as payments
from tests.store.opening import started
from tests.twisted_runner import run

TIMEOUT = 300.0
STATES = ["proposed", "approved", "batched", "withdrawn", *sorted(LIVE), "settled", "rejected", "returned"]
WORDS = ["accepted", "pending", "settled", "rejected.x", "returned", "partial", "unknown", "Z9"]


@given(
    state=st.sampled_from(STATES),
    word=st.sampled_from(WORDS),
    final=st.booleans(),
    asked=st.sampled_from([None, 100, 99]),
    moved=st.sampled_from([None, 100, 40, 0]),
)
def test_the_machine(state: str, word: str, final: bool, asked: int | None, moved: int | None) -> None:
    step = after_word(state, outcome(word), final=final, amount=100, asked=asked, moved=moved)
    if step.difference is not None:
        assert step.after == state  # what contradicts changes nothing
    if state == SETTLED:
        assert step.after in (SETTLED, RETURNED)
    if state in FINAL and step.after != state:
        assert (state, step.after) == (SETTLED, RETURNED)
    if state not in LIVE | FINAL:
        assert step.difference == "not-released"
    if not final:
        assert step.after not in FINAL or step.after == state
    if asked == 99:
        assert step.after == state
    # A word said twice says nothing the second time.
    booked = (moved or 100) if step.after == SETTLED and state != SETTLED else None
    again = after_word(
        step.after, outcome(word), final=final, amount=100, asked=asked, moved=moved, booked=booked
    )
    assert again.after == step.after
    assert again.difference == step.difference


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


class Day:
    """What a sequence of actions does; each is one of the letters below."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.files = 0
        self.numbers = 0
        self.told: list[Message] = []
        self.settled: set[str] = set()

    async def do(self, action: str) -> None:
        step = {
            "p": self.propose,
            "a": self.approve,
            "w": self.withdraw,
            "b": self.build,
            "r": self.release,
            "c": self.cancel,
            "t": self.tell,
            "o": self.once_more,
            "l": self.look,
            "n": self.anew,
        }[action]
        try:
            await step()
        except (Reject, Moved):
            return

    async def deliver(self, message: Message) -> None:
        """As the engine: until the store holds."""
        for _ in range(200):
            try:
                ended = await self.world.send(message)
            except Unavailable:
                continue
            if isinstance(ended, (Accepted, Rejected)):
                return
        raise AssertionError("never delivered")

    async def propose(self) -> None:
        self.files += 1
        some = [item(self.numbers + n, amount=self.chance.randint(1, 500)) for n in range(1, 12)]
        self.numbers += self.chance.choice([11, 5])  # the next file may propose some of them again
        body = batch(some, f"A{self.files}")
        await self.deliver(self.world.message(body, "agency-a"))

    async def approve(self) -> None:
        waiting = self.world.items(state="proposed")
        chosen = self.chance.sample(waiting, self.chance.randint(0, len(waiting)))
        if chosen:
            item_acts.approve(self.world.office, self.world.people["zhang"], chosen)

    async def withdraw(self) -> None:
        rows = self.world.items()
        if rows:
            one = self.chance.choice(rows)
            item_acts.withdraw(self.world.office, self.world.people["zhang"], [one], "不付了")

    async def build(self) -> None:
        self.world.build(self.chance.choice(["li", "zhang"]))

    def _batch(self, *states: str) -> Any:
        """Mostly one in these states, now and then any."""
        rows = self.world.beside.ask(reads.batches, None, None, 100)
        fitting = [row for row in rows if row.state in states]
        rows = rows if self.chance.random() < 0.1 else fitting
        return self.chance.choice(rows) if rows else None

    async def release(self) -> None:
        row = self._batch("built")
        if row is not None:
            by = self.chance.choice(["wang", "li", "zhang"])
            batch_acts.release(self.world.office, self.world.people[by], row)

    async def cancel(self) -> None:
        row = self._batch("built")
        if row is not None:
            batch_acts.cancel(self.world.office, self.world.people["li"], row, "改日")

    async def tell(self) -> None:
        row = self._batch("released", "under-way", "partly-returned", "closed")
        if row is None:
            return
        words = self.chance.choices(WORDS, k=self.chance.randint(1, row.count + 2))
        said = [result(n, word) for n, word in enumerate(words, 1)]
        stage = self.chance.choice(["final", "final", "intermediate"])
        message = self.world.message(returned(row.id, said, stage), "bank-a")
        self.told.append(message)
        await self.deliver(message)

    async def once_more(self) -> None:
        if self.told:
            await self.deliver(self.chance.choice(self.told))

    async def look(self) -> None:
        for row in self.world.beside.ask(reads.batches, None, "released", 100):
            if self.chance.random() < 0.5 and row.delivery_id is not None:
                await self.world.delivered(row.delivery_id, self.chance.choice(["accepted", "rejected"]))
        try:
            await look_after(self.world.parts)
        except Unavailable:
            return

    async def anew(self) -> None:
        rows = [row for row in self.world.items() if row.state in ("rejected", "returned")]
        if rows:
            self.numbers += 1
            old = self.chance.choice(rows)
            again = {row.replaces for row in self.world.items()}
            if old.id not in again:
                anew = [(old, f"R{self.numbers:08}")]
                item_acts.propose_again(self.world.office, self.world.people["zhang"], anew, "再付")

    async def laws(self) -> None:
        rows = self.world.items()
        by_batch: Counter[str] = Counter(row.batch_id for row in rows if row.batch_id is not None)
        batches = {row.id: row for row in self.world.beside.ask(reads.batches, None, None, 1000)}
        for id_, row in batches.items():
            held = [one for one in rows if one.batch_id == id_]
            if row.state == "cancelled":
                assert held == []
            else:
                assert (by_batch[id_], sum(one.amount for one in held)) == (row.count, row.total)
            if row.released_by is not None:
                assert row.released_by not in {row.built_by, *(one.approved_by for one in held)}

        released = {id_ for id_, row in batches.items() if row.released_by is not None}
        sent = await self.world.store.find(
            Filter(type="payment.batch.submitted.v1", partner="bank-a", limit=1000)
        )
        assert Counter(found.message.partner_message_id for found in sent) == Counter(released)
        paid: Counter[str] = Counter()
        for found in sent:
            body = self.world.vault.open_message(found.message.body, found.message.id).data
            assert isinstance(body, PaymentBatch)
            paid.update(one.end_to_end_id or "" for one in body.items)
        assert set(paid.values()) <= {1}, "an item is in two files"

        approved = sum(row.amount for row in rows if row.batch_id in released)
        assert sum(row.settled_amount or 0 for row in rows) <= approved
        now_settled = {row.id for row in rows if row.state == "settled"}
        ended = {row.id for row in rows if row.state in ("settled", "returned")}
        assert self.settled <= ended, "what was settled stays settled, or comes back"
        self.settled = now_settled
        for one in rows:
            if one.state in LIVE | {"settled", "returned"}:
                assert one.batch_id in released
            words = Counter(word.message_id for word in self.world.beside.ask(reads.history, one.id))
            assert set(words.values()) <= {1}, "a record was booked twice"
        assert len({row.end_to_end_id for row in rows}) == len(rows)
        by_id = {row.id: row for row in rows}
        for one in rows:  # of an item and all that it was proposed anew as, one is paid at most
            paid_once, before = one.state == SETTLED, one.replaces
            while before is not None:
                assert not (paid_once and by_id[before].state == SETTLED)
                before = by_id[before].replaces


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    actions=st.lists(st.sampled_from("paabbrrrttttolwcn"), min_size=15, max_size=40),
    seed=st.integers(0, 2**32),
)
def test_nothing_is_paid_twice(
    tmp_path_factory: pytest.TempPathFactory, actions: list[str], seed: int
) -> None:
    run(_day(tmp_path_factory.mktemp("laws"), actions, random.Random(seed)), timeout=120)


async def test_two_that_book_one_message_book_it_once(world: World) -> None:
    """As two gateways on one database may, for a moment, when a lease changes hands."""
    batch_id = await world.live_batch([item(n) for n in range(1, 41)])
    row = batch_acts.batch_of(world.office, batch_id)
    assert row.delivery_id is not None
    await world.delivered(row.delivery_id, "accepted")
    await look_after(world.parts)
    message = world.message(returned(batch_id, [result(n) for n in range(1, 41)]), "bank-a")
    await gatherResults([Deferred.fromCoroutine(world.send(message)) for _ in range(3)])
    assert isinstance(await world.send(message), Accepted)
    for one in world.items():
        assert one.state == "settled"
        assert len(world.beside.ask(reads.history, one.id)) == 1


async def _day(folder: Path, actions: list[str], chance: random.Random) -> None:
    at = StoreSettings.model_validate({"url": f"sqlite:///{folder}/g.db", "writer": "thread"})
    store = await started(at)
    world = World(store, at, folder, payments(max_items=6))
    world.parts = replace(world.parts, store=Flaky(store, chance), chunk=3)
    world.desk = Desk(world.parts)
    day = Day(world, chance)
    try:
        await day.do("p")
        for action in actions:
            await day.do(action)
            await day.laws()
    finally:
        world.close()
        await store.stop()
