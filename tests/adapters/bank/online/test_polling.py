"""Asking about batches until they have ended: what is not all, or contradicts itself, is not taken for the end."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from adapters.bank.online.words import Batch, Cursor, Page
from gateway.canonical.payment import StatusReported
from gateway.contract import Accepted, PartnerDown
from tests.adapters.bank.online.rig import DETAILS, KINDS, REFERENCE, batch, rig


@pytest.mark.parametrize("kind", KINDS)
async def test_details_that_cannot_be_had_are_asked_for_again(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        it.bank.bank.page = 4
        await it.send(batch(10))
        it.bank.fault("drop-after", DETAILS[kind], skip=1)
        await it.look(2)
        assert it.returned == []
        await it.look()
        assert [len(body.results) for body in it.returned] == [10]


@pytest.mark.parametrize("kind", KINDS)
async def test_details_that_are_not_all(tmp_path: Path, kind: str) -> None:
    """They are told as far as they go, and the batch stays open until all are there."""
    async with rig(tmp_path, kind) as it:
        await it.send(batch(3))
        held = it.books.batches[REFERENCE]
        last = held.items.pop()
        await it.look(3)
        assert [(body.stage, len(body.results)) for body in it.returned] == [("intermediate.incomplete", 2)]
        held.items.append(last)
        await it.look(2)
        assert [(body.stage, len(body.results)) for body in it.returned][1:] == [("final", 3)]


@pytest.mark.parametrize("kind", KINDS)
async def test_items_under_way_in_a_finished_batch(tmp_path: Path, kind: str) -> None:
    """The batch is asked about until they have ended, too: they would wait for ever otherwise."""
    async with rig(tmp_path, kind) as it:
        await it.send(batch(3))
        last = it.books.batches[REFERENCE].items[-1]
        last.status = "A"
        await it.look(3)
        assert [body.stage for body in it.returned] == ["intermediate.incomplete"]
        last.status = "S"
        await it.look()
        assert [body.stage for body in it.returned] == ["intermediate.incomplete", "final"]
        assert await it.channel.ledger.due(float("inf")) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_batch_failed_by_the_head_is_not_refused_unseen(tmp_path: Path, kind: str) -> None:
    """All of it is refused only where the bank was asked for its items: one lost answer must not set money free."""
    async with rig(tmp_path, kind) as it:
        await it.send(batch(3, lasts="449"))
        held = it.books.batches[REFERENCE]
        it.bank.fault("drop-after", DETAILS[kind], count=2)
        await it.look()
        held.flag, held.asked = "F", 99  # a batch with one success, failed for the bank
        held.state = "FIN"
        for _ in range(2):
            await it.look()
            assert it.inbox.accepted == []
        await it.look()
        [body] = it.returned
        assert [r.status for r in body.results] == ["rejected.error", "rejected.error", "settled"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_batch_whose_items_were_never_begun(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        await it.send(batch(2))
        held = it.books.batches[REFERENCE]
        held.state, held.flag = "FIN", "R"
        for item in held.items:
            item.status = "I"
        await it.look()
        [inbound] = it.inbox.accepted
        assert isinstance(inbound.body, StatusReported)
        assert inbound.body.status == "rejected.vetoed"


@pytest.mark.parametrize("kind", KINDS)
async def test_pages_in_a_circle(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        await it.send(batch(6))
        await it.look()
        known = await it.channel.ledger.known(REFERENCE)
        assert known is not None
        known = msgspec.structs.replace(known, request=it.books.batches[REFERENCE].request)
        it.bank.bank.page = 2
        pages = []
        after: Cursor = {}
        for _ in range(2):
            page = await it.channel.dialect.details(known, after)
            assert isinstance(page, Page)
            pages.append(page)
            after = page.after
        asked = 0

        async def turn(_: Cursor) -> Page:
            nonlocal asked
            asked += 1
            assert asked < 10
            return pages[asked % 2]

        assert await it.receiver.poller._results.fetch(known, turn) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_one_batch_that_fails_does_not_stop_the_others(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        await it.send(batch())
        await it.send(batch(batch_id="YB990101202611200002"))
        ask = it.channel.ask

        async def broken(known: Batch) -> object:
            if known.reference == REFERENCE:
                raise RuntimeError("a fault of ours")
            return await ask(known)

        it.channel.ask = broken  # type: ignore[method-assign, assignment]
        for known, _phase in await it.channel.ledger.due(float("inf")):
            await it.channel.ledger.later(known.reference, 0.0)
        with pytest.raises(RuntimeError):
            await it.receiver.poller.look()
        for _ in range(2):
            await it.receiver.poller.look()
            await it.channel.ledger.later("YB990101202611200002", 0.0)
        await it.receiver.poller.look()
        assert [body.batch_id for body in it.returned] == ["YB990101202611200002"]


@pytest.mark.parametrize("kind", KINDS)
async def test_replayed_after_it_was_given_up(tmp_path: Path, kind: str) -> None:
    """Its results are asked for again."""
    async with rig(tmp_path, kind, poll={"every": 0.05, "give_up_after": 60}) as it:
        message, prepared = await it.prepare(batch())
        submit = it.channel.dialect.submit

        async def down(*_: object) -> object:
            raise PartnerDown("无法连接", "cannot connect")

        it.channel.dialect.submit = down  # type: ignore[method-assign, assignment]
        with pytest.raises(PartnerDown):
            await it.sender.send(message, prepared)
        it.harness.clock.offset = 61.0
        await it.look()
        assert await it.channel.ledger.due(float("inf")) == []
        it.channel.dialect.submit = submit  # type: ignore[method-assign]
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        await it.look(2)
        assert [body.stage for body in it.returned] == ["final"]


async def test_given_up_after_its_time(tmp_path: Path) -> None:
    async with rig(tmp_path, progress=1000, poll={"every": 0.05, "give_up_after": 60}) as it:
        await it.send(batch())
        await it.look()
        it.harness.clock.offset = 61.0
        await it.look()
        assert await it.channel.ledger.due(float("inf")) == []
        assert ("error", "bank.batch_given_up") in [e[:2] for e in it.harness.log.entries]
