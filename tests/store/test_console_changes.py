"""Two people and one delivery, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from gateway.store import Moved, SqlStore, StoreSettings, open_clerk, open_reader
from gateway.store import console_changes as changes
from gateway.store import console_proposals as proposals
from gateway.store.api import Advance, DeliveryRow
from gateway.store.console_proposals import ProposedRow
from tests.store.samples import accept, advance, audit, new_id

ROUNDS, PEOPLE = 5, 6


async def _dead(store: SqlStore) -> DeliveryRow:
    unit = accept()
    await store.commit(unit)
    await store.commit(advance(unit.deliveries[0].id, "pending", "dead", attempts=3))
    row = await store.delivery(unit.deliveries[0].id)
    assert row is not None
    return row


def _proposal(seen: DeliveryRow) -> ProposedRow:
    return ProposedRow(
        id=new_id("p"),
        message_id=seen.message_id,
        delivery_id=seen.id,
        partner=seen.partner,
        operation=seen.operation,
        choice="replay",
        reason="checked",
        seen_state=seen.state,
        seen_updated=seen.updated,
        seen_next_at=seen.next_at,
        proposed_by="console:wang",
        proposed_at=5,
    )


def _replay(seen: DeliveryRow) -> Advance:
    return advance(
        seen.id, "dead", "pending", at=9, attempts=-2, audit=(audit(seen.message_id, b"replayed"),)
    )


def _work(settings: StoreSettings, do: Callable[..., None], *arguments: Any) -> bool:
    """Whether the guards held."""
    with open_clerk(settings) as clerk:
        try:
            clerk.work(do, *arguments)
        except Moved:
            return False
    return True


def _states(settings: StoreSettings, seen: DeliveryRow) -> list[str]:
    with open_reader(settings) as reader:
        return [row.state for row in reader.ask(proposals.of_delivery, seen.id)]


async def _recorded(store: SqlStore, seen: DeliveryRow) -> list[bytes]:
    """What is in the audit log about it, beside its acceptance."""
    return [entry for _, _, entry in await store.audit_of(seen.message_id)][1:]


async def test_both_move_or_neither(store: SqlStore, settings: StoreSettings) -> None:
    seen = await _dead(store)
    row, made = _proposal(seen), audit(seen.message_id, b"made")

    async def work(do: Callable[..., None], *arguments: Any) -> bool:
        held: bool = await deferToThread(_work, settings, do, *arguments)
        return held

    assert not await work(changes.propose, row, replace(seen, updated=1), made)
    assert await work(changes.propose, row, seen, made)
    other = _proposal(seen)
    assert not await work(changes.propose, other, seen, audit(seen.message_id, b"other"))
    stale = replace(seen, next_at=7)
    assert not await work(changes.carry_out, row.id, "console:li", None, _replay(seen), stale)
    wrong = replace(_replay(seen), before="in-doubt")
    assert not await work(changes.carry_out, row.id, "console:li", None, wrong, seen)
    assert _states(settings, seen) == ["open"]
    assert await store.delivery(seen.id) == seen
    assert await work(changes.carry_out, row.id, "console:li", "yes", _replay(seen), seen)
    after = await store.delivery(seen.id)
    assert after is not None
    assert (after.state, after.attempts) == ("pending", 1)
    with open_reader(settings) as reader:
        done = reader.ask(proposals.proposal, row.id)
    assert done is not None
    assert (done.state, done.decided_by, done.decided_at, done.note) == ("done", "console:li", 9, "yes")
    assert not await work(changes.close, row.id, "refused", "console:li", 10, None, audit(seen.message_id))
    assert await _recorded(store, seen) == [b"made", b"replayed"]


async def test_what_is_closed_leaves_the_delivery_and_makes_room(
    store: SqlStore, settings: StoreSettings
) -> None:
    seen = await _dead(store)
    for state in ("refused", "withdrawn", "void"):
        row = _proposal(seen)
        assert await deferToThread(
            _work, settings, changes.propose, row, seen, audit(seen.message_id, b"made")
        )
        closed = audit(seen.message_id, state.encode())
        end = (changes.close, row.id, state, "console:li", 10, "no", closed)
        assert await deferToThread(_work, settings, *end)
        assert not await deferToThread(
            _work, settings, changes.carry_out, row.id, "x", None, _replay(seen), seen
        )
    assert _states(settings, seen) == ["void", "withdrawn", "refused"]
    assert await store.delivery(seen.id) == seen
    assert await _recorded(store, seen) == [
        b"made", b"refused", b"made", b"withdrawn", b"made", b"void"
    ]  # fmt: skip


async def test_many_at_once_have_one_effect(store: SqlStore, settings: StoreSettings) -> None:
    """Proposing, approving, refusing and settling without the console, all in threads of their own."""
    for _ in range(ROUNDS):
        seen = await _dead(store)
        rows = [_proposal(seen) for _ in range(PEOPLE)]
        made = await gatherResults(
            [
                deferToThread(_work, settings, changes.propose, row, seen, audit(seen.message_id, b"made"))
                for row in rows
            ]
        )
        assert made.count(True) == 1
        row = rows[made.index(True)]
        refused = audit(seen.message_id, b"refused")
        ends = [
            *(
                deferToThread(_work, settings, changes.carry_out, row.id, f"p{n}", None, _replay(seen), seen)
                for n in range(PEOPLE)
            ),
            deferToThread(_work, settings, changes.close, row.id, "refused", "q", 9, None, refused),
            deferToThread(
                _work, settings, changes.propose, _proposal(seen), seen, audit(seen.message_id, b"again")
            ),
        ]
        came = await gatherResults(ends)
        assert came[:-1].count(True) == 1
        after, recorded = await store.delivery(seen.id), await _recorded(store, seen)
        assert after is not None
        carried = recorded.count(b"replayed")
        assert (after.state, after.attempts) == (("pending", 1) if carried else ("dead", 3))
        assert carried + recorded.count(b"refused") == 1
        assert recorded.count(b"again") == came[-1]
