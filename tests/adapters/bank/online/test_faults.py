"""What becomes of batches whose answers are lost, wrong or forged. The law: whatever is lost, a batch is executed once at
most, and what is reported is what the bank's books hold."""

from __future__ import annotations

import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.bank.simulator.online_cdc import Cdc
from gateway.canonical.payment import PaymentBatch
from gateway.contract import Absent, Accepted, PartnerDown, Rejected, RetryLater, Unknown
from tests import twisted_runner
from tests.adapters.bank.online.rig import KINDS, REFERENCE, STATUS, SUBMIT, Rig, batch, rig

TIMEOUT = 120.0

#: Done at the bank, though nobody was told.
AFTER = (
    "silence", "drop-after", "truncated", "http-500", "plain-error-after", "garbage", "html", "refuse-after",
    "wrong-signature", "no-request",
)  # fmt: skip
#: Not done.
BEFORE = ("reset-before", "plain-error")


def faults(kind: str, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if kind == "cmb-cdc" or name != "wrong-signature"]


class Killed(Exception):
    """The process ends here; what comes after it is done by another one."""


def kill_at(it: Rig, place: str, *, after: bool) -> None:
    """Ends the process the next time it writes to the ledger, before or after that is committed."""
    ledger = it.channel.ledger
    work = getattr(ledger, place)

    async def killed(*arguments: object) -> object:
        setattr(ledger, place, work)
        if after:
            await work(*arguments)
        raise Killed

    setattr(ledger, place, killed)


async def survived(it: Rig, work: Coroutine[Any, Any, object]) -> object:
    """What becomes of an attempt or a query as the engine sees it, which starts again where it was killed."""
    try:
        return await work
    except Killed:
        await it.channel.ledger.close()
        it.begin()
        return Unknown(reason="killed")


async def settle(it: Rig, body: PaymentBatch, limit: int = 12) -> object:
    """What the engine does: attempts, and queries where the outcome is unknown, until it is known or a person is asked."""
    message, prepared = await it.prepare(body)
    for _ in range(limit):
        try:
            outcome = await survived(it, it.sender.send(message, prepared))
        except PartnerDown:
            continue
        for _ in range(limit):
            if not isinstance(outcome, Unknown):
                break
            try:
                outcome = await survived(it, it.query(message, prepared))
            except PartnerDown:
                continue
        if isinstance(outcome, Absent | RetryLater):
            continue
        return outcome
    return Unknown(reason="a person must decide")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", AFTER)
async def test_a_lost_answer_is_found_by_the_query(tmp_path: Path, kind: str, fault: str) -> None:
    if fault not in faults(kind, AFTER):
        return
    async with rig(tmp_path, kind) as it:
        message, prepared = await it.prepare(batch())
        it.bank.fault(fault, SUBMIT[kind, "credit-transfer"])
        outcome = await it.sender.send(message, prepared)
        assert isinstance(outcome, Unknown), outcome
        found = await it.query(message, prepared)
        assert isinstance(found, Accepted), found
        assert found.reference == it.books.batches[REFERENCE].request
        # Should the engine send it again all the same, nothing goes out.
        again = await it.sender.send(message, prepared)
        assert isinstance(again, Unknown)
        assert it.books.attempts[REFERENCE] == it.books.executed[REFERENCE] == 1
        await it.look(2)
        assert [body.stage for body in it.returned] == ["final"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_lost_request_is_sent_again(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        message, prepared = await it.prepare(batch())
        it.bank.fault("reset-before", SUBMIT[kind, "credit-transfer"])
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        assert isinstance(await it.query(message, prepared), Absent)
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert it.books.executed[REFERENCE] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_absence_is_believed_only_where_it_is_proven(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind, absent_codes=[]) as it:
        message, prepared = await it.prepare(batch())
        it.bank.fault("reset-before")
        await it.sender.send(message, prepared)
        assert isinstance(await it.query(message, prepared), Unknown)  # a code nobody has confirmed
        it.bank.bank.absent_code = ""
        assert isinstance(await it.query(message, prepared), Unknown)  # a success without a row
    async with rig(tmp_path / "other", kind, absent_codes=[], absent_when_empty=True) as it:
        it.bank.bank.absent_code = ""
        message, prepared = await it.prepare(batch())
        it.bank.fault("reset-before")
        await it.sender.send(message, prepared)
        assert isinstance(await it.query(message, prepared), Absent)
    async with rig(tmp_path / "soon", kind, absent_after=3600) as it:
        message, prepared = await it.prepare(batch())
        it.bank.fault("reset-before")
        await it.sender.send(message, prepared)
        assert isinstance(await it.query(message, prepared), Unknown)
        it.harness.clock.offset = 3601.0
        assert isinstance(await it.query(message, prepared), Absent)


async def test_an_empty_answer_with_a_business_code_is_no_absence(tmp_path: Path) -> None:
    async with rig(tmp_path, absent_codes=["BIZ0001"], absent_when_empty=True) as it:
        message, prepared = await it.prepare(batch())
        it.bank.fault("reset-before")
        await it.sender.send(message, prepared)
        bank = it.bank.bank
        assert isinstance(bank, Cdc)
        bank.absent_code, bank.bizcode = "", "BIZ0099"
        assert isinstance(await it.query(message, prepared), Unknown)
        bank.bizcode = "BIZ0001"
        assert isinstance(await it.query(message, prepared), Absent)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refusal_is_believed_where_the_books_say_so(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind, absent_after=3600) as it:
        it.bank.fault("refuse", SUBMIT[kind, "credit-transfer"])
        outcome = await it.send(batch())
        assert isinstance(outcome, Rejected), outcome
        assert outcome.code in ("ERR0099", "-99")
        assert await it.channel.ledger.due(float("inf")) == []
    async with rig(tmp_path / "after", kind) as it:
        it.bank.fault("refuse-after", SUBMIT[kind, "credit-transfer"])
        assert isinstance(await it.send(batch()), Unknown)
        assert it.books.executed[REFERENCE] == 1
    async with rig(tmp_path / "listed", kind, refused_codes=["ERR0099", "-99"]) as it:
        it.bank.fault("refuse", SUBMIT[kind, "credit-transfer"])
        assert isinstance(await it.send(batch()), Rejected)
        assert it.bank.bank.requests == [SUBMIT[kind, "credit-transfer"]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["drop-after", "reset-before"])
async def test_an_answer_lost_between_slices_is_for_a_person(tmp_path: Path, kind: str, fault: str) -> None:
    """Nobody can tell how many slices the bank has: it waits, and executes nothing, until somebody acts."""
    async with rig(tmp_path, kind, slice_size=10) as it:
        message, prepared = await it.prepare(batch(30))
        it.bank.fault(fault, SUBMIT[kind, "credit-transfer"], skip=1)
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        found = await it.query(message, prepared)
        assert isinstance(found, Unknown)
        assert "收齐" in found.reason
        again = await it.sender.send(message, prepared)  # should anything ever ask for it
        assert isinstance(again, Unknown)
        assert it.bank.bank.requests.count(SUBMIT[kind, "credit-transfer"]) <= 2
        await it.look(3)
        assert it.returned == []
        assert it.books.executed[REFERENCE] == 0
        assert it.books.attempts[REFERENCE] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_the_last_slices_answer_lost(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind, slice_size=10) as it:
        message, prepared = await it.prepare(batch(30))
        it.bank.fault("drop-after", SUBMIT[kind, "credit-transfer"], skip=2)
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        assert isinstance(await it.query(message, prepared), Accepted)
        await it.look(2)
        assert [len(body.results) for body in it.returned] == [30]
        assert it.books.executed[REFERENCE] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [False, True])
async def test_killed_between_the_banks_word_and_ours(tmp_path: Path, kind: str, after: bool) -> None:
    async with rig(tmp_path, kind) as it:
        kill_at(it, "taken", after=after)
        assert isinstance(await settle(it, batch()), Accepted)
        assert it.books.executed[REFERENCE] == it.books.attempts[REFERENCE] == 1
        await it.look(2)
        assert [body.stage for body in it.returned] == ["final"]


@pytest.mark.parametrize("kind", KINDS)
async def test_slices_go_on_where_nothing_was_written(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind, slice_size=10) as it:
        message, prepared = await it.prepare(batch(30))
        dialect, submit = it.channel.dialect, it.channel.dialect.submit
        asked = 0

        async def cut(piece: object, known: object) -> object:
            nonlocal asked
            asked += 1
            if asked == 2:
                raise PartnerDown("无法连接", "cannot connect")
            return await submit(piece, known)  # type: ignore[arg-type]

        dialect.submit = cut  # type: ignore[method-assign, assignment]
        with pytest.raises(PartnerDown):
            await it.sender.send(message, prepared)
        await it.channel.ledger.close()
        it.begin()  # and killed meanwhile
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert it.books.executed[REFERENCE] == it.books.attempts[REFERENCE] == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "fault", ["garbage", "html", "truncated", "http-500", "other-batch", "wrong-signature"]
)
async def test_answers_to_queries_that_prove_nothing(tmp_path: Path, kind: str, fault: str) -> None:
    if kind == "cmb-xml" and fault == "wrong-signature":
        return
    async with rig(tmp_path, kind) as it:
        message, prepared = await it.prepare(batch())
        await it.sender.send(message, prepared)
        it.bank.fault(fault, STATUS[kind], count=2)
        assert isinstance(await it.query(message, prepared), Unknown)
        await it.look()
        assert it.returned == []
        assert isinstance(await it.query(message, prepared), Accepted)
        if fault == "wrong-signature":
            assert ("error", "bank.signature_wrong") in [e[:2] for e in it.harness.log.entries]


async def test_a_genuine_answer_to_another_question(tmp_path: Path) -> None:
    """An answer of an hour ago, by which the bank had no such batch, proves nothing now."""
    async with rig(tmp_path) as it:
        message, prepared = await it.prepare(batch())
        assert isinstance(await it.query(message, prepared), Absent)
        it.bank.fault("drop-after", SUBMIT["cmb-cdc", "credit-transfer"])
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        it.bank.fault("stale", STATUS["cmb-cdc"])
        assert isinstance(await it.query(message, prepared), Unknown)
        assert isinstance(await it.query(message, prepared), Accepted)
        assert it.books.executed[REFERENCE] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reference_the_bank_knows_already(tmp_path: Path, kind: str) -> None:
    """As after the state folder was restored from an old backup."""
    async with rig(tmp_path, kind) as it:
        message, prepared = await it.prepare(batch())
        await it.sender.send(message, prepared)
        await it.channel.ledger.close()
        (it.folder / "online.db").unlink()
        assert isinstance(await it.query(message, prepared), Accepted)
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        assert it.bank.bank.requests.count(SUBMIT[kind, "credit-transfer"]) == 1
        await it.look(2)
        assert [body.stage for body in it.returned] == ["final"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bank_that_is_not_there(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        message, prepared = await it.prepare(batch())
        await it.bank.stop()
        with pytest.raises(PartnerDown):
            await it.sender.send(message, prepared)
        with pytest.raises(PartnerDown):
            await it.query(message, prepared)
        await it.look()
        known = await it.channel.ledger.known(REFERENCE)
        assert known is not None
        assert (known.begun, known.taken, known.request) == (0, 0, None)  # nothing of it is at the bank


@pytest.mark.parametrize(("days", "known"), [(0, True), (7, True), (80, True), (91, False), (95, False)])
async def test_a_front_end_that_answers_for_a_week_at_a_time(tmp_path: Path, days: int, known: bool) -> None:
    async with rig(tmp_path, "cmb-xml") as it:
        message, prepared = await it.prepare(batch())
        await it.sender.send(message, prepared)
        it.harness.clock.offset = it.bank_clock.offset = days * 86400.0
        found = await it.query(message, prepared)
        assert isinstance(found, Accepted if known else Unknown), found
        if not known:
            assert isinstance(found, Unknown)
            assert "90" in found.reason


async def test_an_attempt_that_sends_nothing_does_not_move_the_day_that_is_asked_for(tmp_path: Path) -> None:
    """Else the front end would be asked about days on which nothing was submitted, and prove an absence that is none."""
    async with rig(tmp_path, "cmb-xml") as it:
        message, prepared = await it.prepare(batch())
        it.bank.fault("drop-after", SUBMIT["cmb-xml", "credit-transfer"])
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        it.harness.clock.offset = it.bank_clock.offset = 20 * 86400.0
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        assert isinstance(await it.query(message, prepared), Accepted)


async def test_a_front_end_asked_without_our_record(tmp_path: Path) -> None:
    """A batch that waited for two weeks before it was sent; then the state folder was lost."""
    async with rig(tmp_path, "cmb-xml") as it:
        message, prepared = await it.prepare(batch())
        it.harness.clock.offset = it.bank_clock.offset = 15 * 86400.0
        await it.sender.send(message, prepared)
        await it.channel.ledger.close()
        (it.folder / "online.db").unlink()
        assert isinstance(await it.query(message, prepared), Accepted)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), kind=st.sampled_from(KINDS), slices=st.booleans())
def test_law_one_execution_whatever_is_lost(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: str, slices: bool
) -> None:
    twisted_runner.run(_law(tmp_path_factory.mktemp("law"), seed, kind, slices), timeout=TIMEOUT)


async def _law(folder: Path, seed: int, kind: str, slices: bool) -> None:
    dice = random.Random(seed)
    pool = faults(kind, AFTER + BEFORE)
    async with rig(folder, kind, timeout=0.3, slice_size=2 if slices else 1000) as it:
        for _ in range(dice.randrange(6)):
            it.bank.fault(dice.choice(pool), skip=dice.randrange(3))
        if dice.random() < 0.6:
            kill_at(
                it, dice.choice(("begin", "submitting", "taken", "seen", "forget")), after=dice.random() < 0.5
            )
        outcome = await settle(it, batch(5))
        assert it.books.executed[REFERENCE] <= 1
        it.bank.bank.faults.clear()
        if isinstance(outcome, Accepted):
            assert it.books.executed[REFERENCE] == 1
        if isinstance(outcome, Rejected):
            assert it.books.executed[REFERENCE] == 0
        for _ in range(6):
            await survived(it, it.look())
        finals = [body for body in it.returned if body.stage == "final"]
        assert len(finals) == it.books.executed[REFERENCE]
        assert not any("测试" in repr(entry) or "622999" in repr(entry) for entry in it.harness.log.entries)
