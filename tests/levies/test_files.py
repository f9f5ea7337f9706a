"""Files of debits: all of one or nothing, packages for one bank each, and one report when everything has an end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.canonical.levy import DebitBatchSubmitted
from gateway.canonical.rows import rows_beside, with_rows
from gateway.contract import Accepted, Rejected, RetryLater
from gateway.levies import reports
from gateway.store import levies_booking as booking
from gateway.store import levies_reads as reads
from tests.levies.conftest import Make
from tests.levies.world import BANK, BROKEN, NO, OK, World, agreement, debit, file, result, returned, settings


async def test_a_file_becomes_packages_and_one_report(world: World) -> None:
    packages = await world.sent([debit(n) for n in range(1, 13)])
    assert packages == ["00000001", "00000002", "00000003"]
    sizes = [len(m.data.debits) for m in world.published if isinstance(m.data, DebitBatchSubmitted)]
    assert sizes == [5, 5, 2]
    assert set(world.states()) == {"sent"}
    for number, package in enumerate(packages):
        some = range(number * 5 + 1, min(number * 5 + 6, 13))
        said = [result(n, NO, raw_text="余额不足") if n == 7 else result(n) for n in some]
        await world.tell(returned(package, said))
        await world.look()
        assert len(await world.reports()) == (number == 2)
    [told] = await world.reports()
    assert (told.original_batch_no, told.raw_code) == ("A1", OK)
    assert [row.serial for row in told.results] == [f"{n:08}" for n in range(1, 13)]
    assert [row.raw_code for row in told.results] == [NO if n == 7 else OK for n in range(1, 13)]
    assert told.results[0].receipt_no == "YB202600000001"
    assert (told.results[6].receipt_no, told.results[6].raw_text) == (None, "余额不足")
    assert [r for r in world.receipts() if r] == [f"YB2026{n:08}" for n in range(1, 12)]
    await world.look()
    assert len(await world.reports()) == 1
    [row] = world.ask(reads.files, None, 10)
    assert (row.state, row.reports, row.count) == ("sent", 1, 12)
    assert [p.state for p, _ in world.ask(reads.packages, row.message_id)] == ["closed"] * 3


async def test_each_payers_bank_has_packages_of_its_own(world: World) -> None:
    other = "990200000029"
    some = [debit(n, payer_bank_line_no=other if n % 2 else BANK) for n in range(1, 8)]
    await world.sent(some)
    bodies = [m.data for m in world.published if isinstance(m.data, DebitBatchSubmitted)]
    assert [(body.payer_bank_line_no, len(body.debits)) for body in bodies] == [(BANK, 3), (other, 4)]
    assert {one.payer_bank_line_no for body in bodies for one in body.debits} == {None}


async def test_the_same_again_is_the_same(world: World) -> None:
    await world.sent([debit(1), debit(2)])
    await world.sent([debit(2, serial="77"), debit(3)], "A2")
    assert len(world.debits()) == 3
    assert [len(m.data.debits) for m in world.published if isinstance(m.data, DebitBatchSubmitted)] == [2, 1]
    first, second = sorted(world.ask(reads.files, None, 10), key=lambda row: row.message_id)
    assert [(row.count, row.repeated) for row in (first, second)] == [(2, 0), (1, 1)]


async def test_a_file_with_what_was_registered_before_is_answered_whole(world: World) -> None:
    """Its sender counts what comes back."""
    [package] = await world.sent([debit(1), debit(2)])
    await world.sent([debit(2, serial="77"), debit(3)], "A2")
    await world.sent([debit(1), debit(2)], "A3")

    await world.tell(returned(package, [result(1), result(2, NO, raw_text="余额不足")]))
    await world.look()
    told = {one.original_batch_no: one.results for one in await world.reports()}
    assert sorted(told) == ["A1", "A3"]
    assert told["A1"] == told["A3"]
    await world.tell(returned("00000002", [result(3)]))
    await world.look()
    told = {one.original_batch_no: one.results for one in await world.reports()}
    assert [(row.serial, row.raw_code, row.raw_text) for row in told["A2"]] == [
        ("77", NO, "余额不足"),
        ("00000003", OK, None),
    ]
    # What has ended already is told at once.
    await world.sent([debit(3)], "A4")
    await world.look()
    assert [one.original_batch_no for one in await world.reports()][-1] == "A4"
    outcome = await world.submit([debit(1), debit(1)], "A5")
    assert isinstance(outcome, Rejected)
    assert outcome.field == "debits[2].voucher_no"


def _files(world: World) -> list[Any]:
    return sorted(world.ask(reads.files, None, 10), key=lambda row: row.message_id)


@pytest.mark.parametrize(
    ("second", "field"),
    [
        ([debit(3), debit(2, amount=1)], "debits[2].voucher_no"),
        ([debit(3), debit(3)], "debits[2].voucher_no"),
        ([debit(3), debit(4, amount=0)], "debits[2].amount"),
        ([], "debits"),
    ],
)
async def test_what_cannot_be_refuses_the_whole_file(world: World, second: list[Any], field: str) -> None:
    await world.sent([debit(1), debit(2)])
    outcome = await world.submit(second, "A2")
    assert isinstance(outcome, Rejected)
    assert outcome.field == field
    assert len(world.debits()) == 2
    [told] = await world.reports()
    assert (told.original_batch_no, told.raw_code, told.results) == ("A2", NO, ())
    assert told.raw_text


async def test_who_may_not_collect_is_refused(world: World) -> None:
    outcome = await world.tell(file([debit(1)]), "office-c")
    assert isinstance(outcome, Rejected)
    assert outcome.field == "collector_code"
    outcome = await world.submit([debit(1)], payer_bank_line_no=None)
    assert isinstance(outcome, Rejected)
    assert outcome.field == "debits[1].payer_bank_line_no"


async def test_while_the_network_is_disabled_a_file_waits_and_then_goes_on(world: World) -> None:
    world.routed = False
    message = world.message(file([debit(n) for n in range(1, 8)]), "levy-office")
    outcome = await world.send(message)
    assert isinstance(outcome, RetryLater)
    assert "treasury" in outcome.reason
    world.routed = True
    assert isinstance(await world.send(message), Accepted)
    assert isinstance(await world.send(message), Accepted)
    assert [len(m.data.debits) for m in world.published if isinstance(m.data, DebitBatchSubmitted)] == [5, 2]


async def test_a_large_files_debits_are_records_beside_it(world: World, tmp_path: Path) -> None:
    kept = world.kept(tmp_path, [debit(n) for n in range(1, 24)])
    assert isinstance(await world.send(world.message(file([]), "levy-office", kept)), Accepted)
    assert len(world.debits(state="asked")) == 23
    assert len(world.published) == 5


async def test_a_package_that_never_left_refuses_its_debits(world: World) -> None:
    await world.submit([debit(1), debit(2)])
    [message] = world.published
    await world.arrived(message, "rejected")
    await world.look()
    assert world.states() == ["refused", "refused"]
    [told] = await world.reports()
    assert [row.raw_code for row in told.results] == [NO, NO]
    assert "package" in (told.results[0].raw_text or "")


async def test_a_package_refused_as_a_whole(world: World) -> None:
    [package] = await world.sent([debit(1), debit(2)])
    await world.tell(returned(package, [], NO))
    assert world.states() == ["refused", "refused"]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_refusal_after_some_results_is_a_contradiction(world: World, killed: bool) -> None:
    """The network did take the package: what it has not spoken about may be debited yet."""
    [package] = await world.sent([debit(1), debit(2)])
    await world.tell(returned(package, [result(1)]))
    refusal = world.message(returned(package, [], NO), "treasury")
    if killed:  # between the difference and the end of the message
        work = world.store.work
        world.parts.store.work = lambda do, *more: _die() if do is booking.answered else work(do, *more)  # type: ignore[method-assign]
        with pytest.raises(RuntimeError):
            await world.send(refusal)
        world.parts.store.work = work  # type: ignore[method-assign]
    await world.send(refusal)
    assert world.states() == ["success", "sent"]
    assert world.differences() == ["contradiction"]


def _die() -> Any:
    raise RuntimeError


async def test_a_code_that_says_nothing_about_a_package_leaves_it_to_its_results(world: World) -> None:
    [package] = await world.sent([debit(1), debit(2)])
    await world.tell(returned(package, [], BROKEN))
    assert world.states() == ["sent", "sent"]
    await world.tell(returned(package, [], NO))
    assert world.states() == ["refused", "refused"]
    assert world.differences() == []


async def test_results_prove_that_a_package_arrived(world: World) -> None:
    await world.submit([debit(1)])
    [message] = world.published
    await world.arrived(message, "in-doubt")
    await world.tell(returned("00000001", [result(1)]))
    [row] = await world.store.deliveries_of(message.id)
    assert row.state == "accepted"
    assert world.states() == ["success"]


async def test_only_with_an_agreement(make: Make) -> None:
    world = make(settings(require_agreement=True))
    for n in (1, 2, 3):
        await world.tell(agreement(debit(n)))
    await world.tell(agreement(debit(2), revoke=True))
    await world.tell(agreement(debit(3), revoke=True, agreed=False))
    packages = await world.sent(
        [debit(1), debit(2), debit(3), debit(4), debit(1, voucher_no="X", payer_account_no="9")]
    )
    assert world.states() == ["sent", "refused", "sent", "refused", "refused"]
    await world.tell(returned(packages[0], [result(1), result(3)]))
    await world.look()
    [told] = await world.reports()
    assert [row.raw_code for row in told.results] == [OK, NO, OK, NO, NO]
    assert "协议" in (told.results[1].raw_text or "")


async def test_what_is_wrong_with_results_is_a_difference(world: World) -> None:
    [package] = await world.sent([debit(1), debit(2)])
    await world.tell(returned("00000099", [result(1)]))
    await world.tell(returned(package, [result(1, amount=1), result(9)]))
    assert world.differences() == ["amount", "unknown-debit", "unknown-package"]
    assert world.states() == ["sent", "sent"]


async def test_a_report_of_many_results_has_them_beside_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LARGEST", 3)
    [package] = await world.sent([debit(n) for n in range(1, 5)])
    await world.tell(returned(package, [result(n) for n in range(1, 5)]))
    await world.look()
    [message] = [m for m in world.published if m.type == "levy.batch.returned.v1"]
    assert rows_beside(message) == 4
    kept = message.attachment
    assert kept is not None
    body = with_rows(message, world.chest.records(kept))
    assert [row.receipt_no for row in body.results] == [f"YB2026{n:08}" for n in range(1, 5)]
