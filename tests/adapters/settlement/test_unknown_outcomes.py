"""What becomes of every transaction whose answer was lost. The law: what it asks for happens once at most, and what is
reported is what the platform's books hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.settlement import adapter
from adapters.settlement.transactions import transaction_of
from gateway.canonical import Message
from gateway.contract import Absent, Accepted, Prepared, Rejected, Reversed, Unknown
from tests.adapters.settlement.bodies import NOW, PERSON, bill, body, diagnosed, fees, rows
from tests.adapters.settlement.rig import Rig, cancellation, claim, reversal, rig

#: Leads to where the request can be made; gives the request.
Setting = Callable[[Rig], Awaitable[Any]]


async def reply(it: Rig, request: Any) -> Any:
    """The reply of a request that goes through."""
    outcome = await it.send(request)
    assert isinstance(outcome, Accepted), outcome
    return outcome.reply


async def _registered(it: Rig) -> str:
    made = await reply(it, body("2201", registered_at=NOW, outpatient_no="MZ0001"))
    return str(made.visit_id)


async def _admitted(it: Rig) -> str:
    request = diagnosed("2401", admitted_at=NOW, certificate_kind="02", inpatient_no="ZY0001")
    return str((await reply(it, request)).visit_id)


async def registration(it: Rig) -> Any:
    return body("2201", registered_at=NOW, outpatient_no="MZ0001")


async def registration_withdrawal(it: Rig) -> Any:
    return body("2202", visit_id=await _registered(it), outpatient_no="MZ0001")


async def visit(it: Rig) -> Any:
    return body("2203", visit_id=await _registered(it))


async def outpatient_fees(it: Rig) -> Any:
    return fees("2204", await _registered(it))


async def all_outpatient_fees_withdrawn(it: Rig) -> Any:
    number = await _registered(it)
    await reply(it, fees("2204", number))
    return body("2205", visit_id=number, charge_batch_no="0000")


async def outpatient_settlement(it: Rig) -> Any:
    return claim()


async def outpatient_cancellation(it: Rig) -> Any:
    _, _, outcome = await it.settled()
    settled: Any = outcome.reply
    return cancellation(settled.settlement_id)


async def inpatient_fees(it: Rig) -> Any:
    return fees("2301", await _admitted(it))


async def inpatient_fees_withdrawn(it: Rig) -> Any:
    number = await _admitted(it)
    await reply(it, fees("2301", number, 3))
    return rows("2302", "fees", 2, visit_id=number, person_no=PERSON)


async def inpatient_settlement(it: Rig) -> Any:
    number = await _admitted(it)
    await reply(it, fees("2301", number))
    return bill("2304", number)


async def inpatient_cancellation(it: Rig) -> Any:
    request = await inpatient_settlement(it)
    settled = await reply(it, request)
    return body("2305", visit_id=request.visit_id, settlement_id=settled.settlement_id)


async def admission(it: Rig) -> Any:
    return diagnosed("2401", admitted_at=NOW, certificate_kind="02", inpatient_no="ZY0001")


async def discharge(it: Rig) -> Any:
    return diagnosed("2402", visit_id=await _admitted(it), discharged_at=NOW)


async def stay_change(it: Rig) -> Any:
    number = await _admitted(it)
    return diagnosed("2403", visit_id=number, admitted_at=NOW, certificate_kind="02", bed="B99")


async def admission_cancellation(it: Rig) -> Any:
    return body("2404", visit_id=await _admitted(it))


async def discharge_cancellation(it: Rig) -> Any:
    number = await _admitted(it)
    await reply(it, diagnosed("2402", visit_id=number, discharged_at=NOW))
    return body("2405", visit_id=number)


async def referral(it: Rig) -> Any:
    return body("2501")


MONEY: tuple[Setting, ...] = (
    outpatient_settlement,
    outpatient_cancellation,
    inpatient_settlement,
    inpatient_cancellation,
)
ASKED: tuple[Setting, ...] = (
    registration,
    registration_withdrawal,
    visit,
    outpatient_fees,
    all_outpatient_fees_withdrawn,
    inpatient_fees,
    inpatient_fees_withdrawn,
    discharge,
    stay_change,
    admission_cancellation,
    discharge_cancellation,
    referral,
)


def _state(it: Rig) -> Any:
    """What the platform holds, without what merely counts."""
    platform = it.simulator.platform
    lines = [(key, sorted(held)) for key, held in platform.books.fees.batches.items()]
    visits = [
        (v.number, v.endtime, v.facts.get("adm_bed"), len(v.diagnoses))
        for v in platform.books.visits.by_id.values()
    ]
    return lines, visits, len(platform.filings.filed), it.in_force, len(it.simulator.ledger.settlements)


async def _lost(it: Rig, request: Any, kind: str) -> tuple[Message, Prepared]:
    """Sends a request whose answer is lost."""
    message, prepared = await it.prepare(request)
    it.simulator.fault(kind, transaction_of(request).infno)
    outcome = await it.sender.send(message, prepared)
    assert isinstance(outcome, Unknown), outcome
    return message, prepared


@pytest.mark.parametrize("setting", [*MONEY, *ASKED, admission])
async def test_a_lost_answer_is_found_by_the_query(tmp_path: Path, setting: Setting) -> None:
    async with rig(tmp_path) as it:
        request = await setting(it)
        message, prepared = await _lost(it, request, "drop-after-commit")
        state = _state(it)
        found = await it.resolver.query(message, prepared)
        assert isinstance(found, Accepted), found
        assert type(found.reply) is transaction_of(request).reply
        # Should the engine send it again all the same, the platform knows the msgid.
        await it.sender.send(message, prepared)
        assert _state(it) == state
        assert it.double_effects == 0


@pytest.mark.parametrize("setting", ASKED)
async def test_a_lost_request_is_not_in_the_books_and_is_sent_again(tmp_path: Path, setting: Setting) -> None:
    async with rig(tmp_path) as it:
        message, prepared = await _lost(it, await setting(it), "reset-before")
        assert isinstance(await it.resolver.query(message, prepared), Absent)
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert isinstance(await it.resolver.query(message, prepared), Accepted)
        assert isinstance(await it.resolver.reverse(message, prepared), Rejected)


@pytest.mark.parametrize("infno", ["2205", "2302"])
async def test_lines_that_are_settled_were_not_withdrawn(tmp_path: Path, infno: str) -> None:
    """A withdrawal that arrived too late changes nothing, and nobody is told that it did."""
    async with rig(tmp_path) as it:
        if infno == "2205":
            await it.settled()
            request = body("2205", visit_id=claim().visit_id, charge_batch_no=claim().charge_batch_no)
        else:
            number = await _admitted(it)
            await reply(it, fees("2301", number))
            await reply(it, bill("2304", number))
            request = rows("2302", "fees", 2, visit_id=number, person_no=PERSON)
        state = _state(it)
        message, prepared = await _lost(it, request, "reset-before")
        found = await it.resolver.query(message, prepared)
        assert not isinstance(found, Accepted), found
        assert isinstance(await it.sender.send(message, prepared), Rejected)
        assert _state(it) == state


@pytest.mark.parametrize("setting", [*MONEY, admission])
async def test_what_may_be_reversed_has_no_effect_then_or_later(tmp_path: Path, setting: Setting) -> None:
    async with rig(tmp_path, reversal_not_found_is_success=True) as it:
        request = await setting(it)
        state = _state(it)
        for kind in ("reset-before", "drop-after-commit"):
            message, prepared = await _lost(it, request, kind)
            undone = await it.resolver.reverse(message, prepared)
            assert isinstance(undone, Reversed), undone
            assert not isinstance(await it.sender.send(message, prepared), Accepted)
            assert _state(it)[1:4] == state[1:4]
        assert it.double_effects == 0


async def test_the_newer_number_is_reversed_under_its_own(tmp_path: Path) -> None:
    async with rig(tmp_path, variants=["2207A"]) as it:
        message, prepared = await it.prepare(claim())
        it.simulator.fault("drop-after-commit", "2207A")
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        assert isinstance(await it.resolver.reverse(message, prepared), Reversed)
        assert it.in_force == 0


@pytest.mark.parametrize(("variants", "told"), [(["2207A"], "2207"), ([], "2207A"), (["2207A"], "2207A")])
async def test_a_hospital_reverses_by_the_number_it_knows(
    tmp_path: Path, variants: list[str], told: str
) -> None:
    async with rig(tmp_path, variants=variants) as it:
        _, prepared, _ = await it.settled()
        assert isinstance(await it.send(reversal(prepared.reference, told)), Accepted)
        assert it.in_force == 0


@pytest.mark.parametrize("setting", MONEY)
@pytest.mark.parametrize("kind", ["false-refusal", "mixed-charset", "truncated", "delivered-twice"])
async def test_money_moves_once_whatever_is_said(tmp_path: Path, setting: Setting, kind: str) -> None:
    async with rig(tmp_path) as it:
        request = await setting(it)
        before = len(it.simulator.ledger.settlements)
        message, prepared = await it.prepare(request)
        it.simulator.fault(kind, transaction_of(request).infno)
        outcome = await it.sender.send(message, prepared)
        if not isinstance(outcome, Accepted):
            assert isinstance(outcome, Unknown), outcome
            found = await it.resolver.query(message, prepared)
            assert isinstance(found, Accepted), found
            outcome = found
        assert isinstance(outcome, Accepted), outcome
        assert len(it.simulator.ledger.settlements) == before + 1
        assert it.double_effects == 0


@pytest.mark.parametrize("infno", ["2503", "2505"])
async def test_a_filing_whose_number_nobody_tells_waits_for_a_person(tmp_path: Path, infno: str) -> None:
    async with rig(tmp_path) as it:
        message, prepared = await _lost(it, body(infno), "reset-before")
        assert isinstance(await it.resolver.query(message, prepared), Absent)
        it.simulator.fault("drop-after-commit", infno)
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        assert isinstance(await it.resolver.query(message, prepared), Unknown)


async def test_what_no_query_tells_is_left_to_a_person(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        message, prepared = await _lost(it, body("3301"), "drop-after-commit")
        assert isinstance(await it.resolver.query(message, prepared), Unknown)
        assert isinstance(await it.resolver.reverse(message, prepared), Rejected)
        operation = adapter.manifest.outbound(message.type)
        assert operation is not None
        assert operation.on_unknown == "manual"


async def test_an_upload_the_platform_knows_is_accepted_only_where_it_is_the_same(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        number = await _registered(it)
        await reply(it, fees("2204", number))
        # The same lines under another msgid, as after a restart of the hospital: stored already, and equal.
        priced = await reply(it, fees("2204", number))
        assert [fee.amount for fee in priced.fees] == [1280, 1280]
        other = fees("2204", number, amount=1281)
        message, prepared = await it.prepare(other)
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        assert isinstance(await it.resolver.query(message, prepared), Unknown)
        assert it.simulator.platform.books.fees.total(("H99010100001", number, "B0001")) == 2560


async def test_answers_about_other_lines_or_persons_are_not_believed(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await _admitted(it)
        it.simulator.fault("other-person", "5303")
        assert isinstance(await it.send(body("5303")), Unknown)
        number = await _registered(it)
        it.simulator.fault("truncated", "2206")
        assert isinstance(await it.send(bill("2206", number)), Unknown)
        it.simulator.fault("other-total", "2206")
        assert isinstance(await it.send(bill("2206", number)), Unknown)


# -- 2205 before a corrected claim ------------------------------------------------------------------------


def corrected(lines: int = 2) -> Any:
    """The claim of `rig.claim` with dearer lines under the same numbers."""
    dearer = tuple(msgspec.structs.replace(x, amount=2560) for x in claim(lines).fee_lines)
    return claim(lines, total=2560 * lines, in_scope=2560 * lines - 128 * lines, fee_lines=dearer)


async def _uploaded_only(it: Rig) -> None:
    """A claim whose details arrived, and which was refused itself."""
    it.simulator.fault("refusal", "2207")
    assert isinstance(await it.send(claim()), Rejected)


@pytest.mark.parametrize("how", ["if-different", "always"])
async def test_corrected_details_replace_the_earlier_ones(tmp_path: Path, how: str) -> None:
    async with rig(tmp_path, old_details=how) as it:
        await _uploaded_only(it)
        message, prepared = await it.prepare(corrected())
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert (it.in_force, it.double_effects) == (1, 0)
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert (it.in_force, it.double_effects) == (1, 0)


@pytest.mark.parametrize("infno", ["2205", "5204"])
@pytest.mark.parametrize("kind", ["drop-after-commit", "reset-before", "refusal"])
async def test_a_replacement_that_broke_off_is_made_again(tmp_path: Path, infno: str, kind: str) -> None:
    async with rig(tmp_path) as it:
        await _uploaded_only(it)
        message, prepared = await it.prepare(corrected())
        it.simulator.fault(kind, infno)
        assert not isinstance(await it.sender.send(message, prepared), Accepted)
        assert it.in_force == 0
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert (it.in_force, it.double_effects) == (1, 0)


async def test_corrected_details_are_refused_where_nothing_may_be_withdrawn(tmp_path: Path) -> None:
    async with rig(tmp_path, old_details="never") as it:
        await _uploaded_only(it)
        outcome = await it.send(corrected())
        assert isinstance(outcome, Rejected)
        assert outcome.field == "fee_lines"


async def test_details_that_are_settled_are_not_replaced(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.settled()
        outcome = await it.send(corrected())
        assert isinstance(outcome, Rejected)
        assert "已结算" in outcome.reason
        assert (it.in_force, it.double_effects) == (1, 0)
