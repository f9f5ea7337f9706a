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
from tests.adapters.bank.online.rig import DETAILS, KINDS, REFERENCE, STATUS, SUBMIT, Rig, batch, rig

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


@pytest.mark.parametrize(("days", "known"), [(0, True), (7, True), (80, True), (95, False)])
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


async def test_given_up_after_its_time(tmp_path: Path) -> None:
    async with rig(tmp_path, progress=1000, poll={"every": 0.05, "give_up_after": 60}) as it:
        await it.send(batch())
        await it.look()
        it.harness.clock.offset = 61.0
        await it.look()
        assert await it.channel.ledger.due(float("inf")) == []
        assert ("error", "bank.batch_given_up") in [e[:2] for e in it.harness.log.entries]


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
