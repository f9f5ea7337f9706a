"""A day compared with the bank's books, and accounts verified before anything is paid."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from gateway.canonical.account import VerificationAnswered, VerificationAsked, VerifiedAccount
from gateway.canonical.payment import ReconciliationLine, ReconciliationReported
from gateway.contract import Reject
from gateway.payments import item_acts
from gateway.payments.desk import Desk
from gateway.store import StoreSettings
from gateway.store import payments_changes as changes
from gateway.store import payments_reads as reads
from gateway.store.api import Filter
from gateway.store.payments import DifferenceRow, ItemRow
from gateway.store.session import Session
from tests.payments.conftest import Make
from tests.payments.world import World, item, result, returned
from tests.payments.world import settings as payments
from tests.store.opening import started

DAY = dt.date(2026, 11, 22)


def line(number: int, **changes: object) -> ReconciliationLine:
    values = {"end_to_end_id": f"E{number:08}", "bank_reference": f"B{number}", "amount": 100_000}
    return ReconciliationLine(**{**values, **changes})  # type: ignore[arg-type]


def day(lines: Sequence[ReconciliationLine], on: dt.date = DAY) -> ReconciliationReported:
    return ReconciliationReported(
        reconciled_on=on,
        initiating_party_id="990101",
        number_of_transactions=len(lines),
        control_sum=sum(one.amount for one in lines),
        lines=tuple(lines),
    )


async def _paid(world: World, count: int) -> str:
    batch_id = await world.live_batch([item(n) for n in range(1, count + 1)])
    await world.tell(returned(batch_id, [result(n, bank_reference=f"B{n}") for n in range(1, count + 1)]))
    return batch_id


def _open(world: World) -> list[DifferenceRow]:
    return world.beside.ask(lambda s: reads.differences(s, None, closed=False, limit=1000))


async def test_a_balanced_day_says_so(world: World) -> None:
    await _paid(world, 20)
    await world.tell(day([line(n) for n in range(1, 21)]))
    assert world.differences() == []
    [row] = world.beside.ask(reads.days, None, 10)
    assert (row.account, row.day, row.count, row.total, row.differences) == (
        "resident",
        "2026-11-22",
        20,
        2_000_000,
        0,
    )


async def test_every_kind_of_difference_is_found_and_a_later_file_closes_them(world: World) -> None:
    await _paid(world, 10)
    second = await world.live_batch([item(n) for n in range(11, 13)])
    await world.tell(returned(second, [result(1, "rejected")]))
    lines = [
        *(line(n) for n in range(2, 9)),  # 1, 9, 10 are missing there
        line(8, bank_reference="B8x"),  # twice
        line(3, end_to_end_id=None, bank_reference="B99"),  # nobody knows
        line(11),  # rejected, they say
        line(12),  # no result yet
        line(7, status="rejected"),
    ]
    lines[0] = line(2, amount=99_999)
    await world.tell(day(lines))
    kinds = sorted(row.kind for row in _open(world))
    # 7 is there twice, too, but only once as paid.
    assert kinds == sorted(
        ["missing-there"] * 3 + ["twice", "missing-here", "state", "state", "state", "amount"]
    )
    [amount] = [row for row in _open(world) if row.kind == "amount"]
    assert (amount.ours, amount.theirs, amount.reference) == ("100000", "99999", "E00000002")

    item_acts.close_difference(world.office, world.people["zhang"], amount.n, "银行更正")
    assert len(_open(world)) == len(kinds) - 1
    await world.tell(returned(second, [result(1, "rejected"), result(2)]))
    await world.tell(day([*(line(n) for n in range(1, 11)), line(12)]))
    assert world.differences() == []
    everything = world.beside.ask(lambda s: reads.differences(s, None, closed=True, limit=1000))
    assert {row.reason for row in everything} == {"银行更正", "superseded"}


async def test_another_day_is_another_day(world: World) -> None:
    await _paid(world, 3)
    await world.tell(day([line(1)], on=DAY + dt.timedelta(days=1)))
    assert world.differences() == ["day"]
    await world.tell(day([line(1), line(2), line(3)]))
    assert world.differences() == ["day"]


async def test_lines_of_an_attachment(world: World, tmp_path: Path) -> None:
    await _paid(world, 30)
    kept = world.kept(tmp_path, [line(n) for n in range(1, 30)])
    body = day([])
    await world.send(world.message(body, "bank-a", kept))
    assert world.differences() == ["missing-there"]


TIMEOUT = 240.0


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ours=st.sets(st.integers(1, 12)),
    theirs=st.lists(st.tuples(st.integers(1, 12), st.sampled_from([100_000, 50])), max_size=16),
)
def test_the_outer_join_is_that_of_sets(
    tmp_path_factory: pytest.TempPathFactory, ours: set[int], theirs: list[tuple[int, int]]
) -> None:
    """Differences found by SQL are those that plain Python finds."""
    from tests.twisted_runner import run

    folder = tmp_path_factory.mktemp("days")
    run(_join(folder, ours, theirs))


async def _join(folder: Path, ours: set[int], theirs: list[tuple[int, int]]) -> None:
    at = StoreSettings.model_validate({"url": f"sqlite:///{folder}/g.db", "writer": "thread"})
    store = await started(at)
    world = World(store, at, folder)
    try:
        batch_id = await world.live_batch([item(n) for n in range(1, 13)])
        await world.tell(returned(batch_id, [result(n) for n in sorted(ours)]))
        await world.tell(day([line(n, amount=fen) for n, fen in theirs]))
        expected = ["missing-there" for n in ours if n not in {m for m, _ in theirs}]
        seen: set[int] = set()
        for n, fen in theirs:
            expected += ["state"] if n not in ours else []
            expected += ["amount"] if fen != 100_000 else []
            expected += ["twice"] if n in seen else []
            seen.add(n)
        assert sorted(world.differences()) == sorted(expected)
    finally:
        world.close()
        await store.stop()


# Accounts


async def _answer(world: World, words: Sequence[tuple[int, str]]) -> None:
    [found] = (await world.store.find(Filter(type="account.verification.asked.v1")))[:1]
    asked = world.vault.open_message(found.message.body, found.message.id).data
    assert isinstance(asked, VerificationAsked)
    accounts = tuple(
        VerifiedAccount(sequence=n, account_no=asked.accounts[n - 1].account_no, status=word)
        for n, word in words
    )
    await world.tell(
        VerificationAnswered(
            request_id=asked.request_id, answered_on=DAY, number_of_accounts=len(words), accounts=accounts
        )
    )


async def test_only_verified_accounts_are_approved_where_it_is_required(make: Make) -> None:
    world = make(payments(require_verified=True))
    await world.propose([item(n) for n in range(1, 4)])
    with pytest.raises(Reject) as caught:
        world.approve()
    assert caught.value.code == "not-verified"
    [(_, count)] = item_acts.verify_accounts(world.office, "resident")
    assert count == 3
    assert item_acts.verify_accounts(world.office, "resident") == []
    await _answer(world, [(1, "accepted"), (2, "rejected.name"), (3, "X")])
    assert [row.verification for row in world.items()] == ["verified", "refused", "asked"]
    item_acts.approve(world.office, world.people["zhang"], world.items(end_to_end_id="E00000001"))
    for number in (2, 3):
        with pytest.raises(Reject):
            item_acts.approve(world.office, world.people["zhang"], world.items(end_to_end_id=f"E{number:08}"))
    assert [count for _, count in item_acts.verify_accounts(world.office, "resident", again=True)] == [2]


async def test_a_word_on_another_account_says_nothing(world: World) -> None:
    await world.propose([item(1)])
    [(request, _)] = item_acts.verify_accounts(world.office, "resident")
    other = VerifiedAccount(sequence=1, account_no="6229990000000000000", status="accepted")
    answer = VerificationAnswered(
        request_id=request, answered_on=DAY, number_of_accounts=1, accounts=(other,)
    )
    await world.tell(answer)
    assert [row.verification for row in world.items()] == ["asked"]


def _stock(session: Session, account_tag: bytes, count: int) -> None:
    """Items that were paid, by SQL."""
    rows = [
        ItemRow(
            id=f"I{n:08}",
            account="resident",
            kind="credit-transfer",
            proposer="agency-a",
            proposal="P",
            end_to_end_id=f"E{n:08}",
            own_reference=None,
            own_sequence=n,
            amount=100_000,
            state="settled",
            account_tag=account_tag,
            digest=b"",
            sealed=b"",
            batch_id="B",
            batch_sequence=n,
            settled_amount=100_000,
            settled_on=DAY.isoformat(),
            bank_reference=f"B{n}",
            created=1,
            updated=1,
        )
        for n in range(1, count + 1)
    ]
    session.many(changes.ITEM, [astuple(row) for row in rows])


async def test_a_large_day_takes_seconds(world: World, tmp_path: Path) -> None:
    """Every step of the comparison finds its rows by an index: 20,000 payments, and 20,000 on the wrong day."""
    await world.store.work(_stock, world.seals.tag("1"), 20_000)
    world.parts = replace(world.parts, chunk=2_000)
    world.desk = Desk(world.parts)
    began = time.monotonic()
    for on in (DAY, DAY + dt.timedelta(days=1)):
        kept = world.kept(tmp_path, [line(n) for n in range(1, 20_001)])
        await world.send(world.message(day([], on), "bank-a", kept))
    assert time.monotonic() - began < 20
    assert len(_open(world)) == 1_000  # as many as are listed: no history says when they were booked
    [first, second] = world.beside.ask(reads.days, None, 10)
    assert (second.differences, first.differences) == (0, 20_000)
