"""The sender against the simulated platform, with everything going right and everything going wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.settlement import adapter
from adapters.settlement.simulator import Options
from gateway.canonical.identity import PersonAnswer
from gateway.canonical.settlement import CancellationDone, ClaimSettled, ReversalDone
from gateway.contract import Accepted, PartnerDown, Reject, Rejected, RetryLater, Unknown
from tests.adapters.settlement.rig import cancellation, claim, person, reversal, rig


async def test_a_claim_is_settled(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        message, prepared, outcome = await it.settled()
        reply = outcome.reply
        assert isinstance(reply, ClaimSettled)
        assert reply.sender_message_id == prepared.reference
        assert (reply.total, reply.pooling_paid, reply.fund_total) == (2560, 1612, 1612)
        assert reply.personal_total == reply.account_paid + reply.cash_paid == 948
        assert outcome.mapping == "settlement.2207.output@1"
        assert outcome.reference is not None
        # The same prepared message again brings the stored answer and no second effect.
        again = await it.sender.send(message, prepared)
        assert isinstance(again, Accepted)
        assert again.raw == outcome.raw
        assert (it.in_force, it.double_effects) == (1, 0)


async def test_a_new_message_for_the_same_batch_shows_as_a_double_effect(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.settled()
        await it.settled()
        assert (it.in_force, it.double_effects) == (2, 1)


async def test_operations_are_those_of_the_manifest(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        for body in (claim(), person(), cancellation("S1"), reversal("H1")):
            message, prepared = await it.prepare(body)
            operation = adapter.manifest.outbound(message.type)
            assert operation is not None
            assert prepared.operation == operation.name


async def test_msgids_have_the_national_form(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        _, prepared = await it.prepare(claim())
        _, other = await it.prepare(claim())
        assert len(prepared.reference) == 30
        assert prepared.reference.startswith("H99010100001")
        assert prepared.reference != other.reference
        with pytest.raises(Reject) as refused:
            await it.prepare(claim(institution_code="H990101000012"))
        assert refused.value.field == "institution_code"


@pytest.mark.parametrize(("how", "uploads"), [("separate", 3), ("inline", 0)])
async def test_fee_details_travel_as_configured(tmp_path: Path, how: str, uploads: int) -> None:
    async with rig(tmp_path, fee_details=how) as it:
        _, prepared, _ = await it.settled(claim(lines=250))
        assert len(prepared.before) == uploads
        assert it.in_force == 1


async def test_without_fee_details(tmp_path: Path) -> None:
    async with rig(tmp_path, Options(need_details=False), fee_details="none") as it:
        _, prepared, _ = await it.settled()
        assert prepared.before == ()


async def test_a_person_is_found_or_not(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        outcome = await it.send(person())
        assert isinstance(outcome, Accepted)
        assert isinstance(outcome.reply, PersonAnswer)
        assert outcome.reply.insurances[0].insured_region == "990101"
        assert isinstance(await it.send(person("990101199001010011")), Rejected)


async def test_a_settlement_is_cancelled_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        _, _, outcome = await it.settled()
        assert isinstance(outcome.reply, ClaimSettled)
        done = await it.send(cancellation(outcome.reply.settlement_id))
        assert isinstance(done, Accepted)
        assert isinstance(done.reply, CancellationDone)
        assert done.reply.total == -2560
        assert it.in_force == 0
        assert isinstance(await it.send(cancellation(outcome.reply.settlement_id)), Rejected)


async def test_a_hospital_reverses(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        _, prepared, _ = await it.settled()
        for _ in range(2):
            done = await it.send(reversal(prepared.reference))
            assert isinstance(done, Accepted)
            assert isinstance(done.reply, ReversalDone)
            assert done.reply.original_message_id == prepared.reference
        assert it.in_force == 0
        assert isinstance(await it.send(reversal("H99010100001202501010101010001")), Rejected)


#: fault in 2207 → (outcome, settlements that took effect)
FAULTS: dict[str, tuple[type, int]] = {
    "delay-before-commit": (Unknown, 1),  # the simulator settles after our deadline
    "delay-after-commit": (Unknown, 1),
    "drop-after-commit": (Unknown, 1),
    "reset-before": (Unknown, 0),
    "silence": (Unknown, 0),
    "answer-twice": (Accepted, 1),
    "false-refusal": (Unknown, 1),
    "refusal": (Rejected, 0),
    "duplicate-msgid": (Unknown, 1),
    "output-string": (Accepted, 1),
    "extra-fields": (Accepted, 1),
    "truncated": (Unknown, 1),
    "http-502": (Unknown, 0),
    "http-502-after-commit": (Unknown, 1),
    "slow-drip": (Unknown, 1),
    "gbk": (Accepted, 1),
    "other-person": (Unknown, 1),
    "other-total": (Unknown, 1),
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_every_fault_of_a_settlement_has_its_outcome(tmp_path: Path, kind: str) -> None:
    from tests.twisted_runner import sleep

    expected, effects = FAULTS[kind]
    async with rig(tmp_path) as it:
        it.simulator.fault(kind, "2207", seconds=0.6)
        message, prepared = await it.prepare(claim())
        outcome = await it.sender.send(message, prepared)
        assert isinstance(outcome, expected), outcome
        assert "示例" not in getattr(outcome, "reason", "") or isinstance(outcome, Rejected)
        if kind == "delay-before-commit":
            for _ in range(600):
                if it.in_force:
                    break
                await sleep(0.05)
        assert it.in_force == effects
        # Whatever happened, the prepared message may be sent again without a second effect.
        await it.sender.send(message, prepared)
        assert it.in_force == 1 or kind == "refusal"
        assert it.double_effects == 0


@pytest.mark.parametrize(
    "kind",
    [
        "delay-after-commit",
        "drop-after-commit",
        "reset-before",
        "silence",
        "truncated",
        "http-502",
        "slow-drip",
    ],
)
async def test_a_failed_upload_settles_nothing_and_is_repeated(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault(kind, "2204", seconds=0.6)
        message, prepared = await it.prepare(claim())
        outcome = await it.sender.send(message, prepared)
        assert isinstance(outcome, RetryLater), outcome
        assert it.in_force == 0
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert (it.in_force, it.double_effects) == (1, 0)


async def test_a_refused_upload_refuses_the_claim(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault("refusal", "2204")
        outcome = await it.send(claim())
        assert isinstance(outcome, Rejected)
        assert outcome.field == "fee_lines"
        assert it.in_force == 0


async def test_an_upload_the_platform_has_already_is_no_obstacle(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault("duplicate-msgid", "2204")
        assert isinstance(await it.send(claim()), Accepted)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, RetryLater), (403, RetryLater), (404, RetryLater), (429, RetryLater), (413, Rejected)]
    + [(status, Unknown) for status in (302, 400, 408, 409, 500, 503, 504)],
)
async def test_what_the_gateway_in_front_says(tmp_path: Path, status: int, expected: type) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault("http-status", "2207", status=status)
        assert isinstance(await it.send(claim()), expected)


async def test_nothing_sent_is_partner_down(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        message, prepared = await it.prepare(claim())
        await it.simulator.stop()
        with pytest.raises(PartnerDown):
            await it.sender.send(message, prepared)


@pytest.mark.parametrize(
    "changes", [{"tif": {"paasid": "demo-app", "token": "other"}}, {"tif": None}], ids=["token", "unsigned"]
)
async def test_a_wrong_signature_lets_nothing_through(tmp_path: Path, changes: dict[str, Any]) -> None:
    async with rig(tmp_path, **changes) as it:
        assert isinstance(await it.send(claim()), RetryLater)
        assert it.in_force == 0


async def test_a_wrong_clock_lets_nothing_through(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.harness.clock.offset = 3600
        assert isinstance(await it.send(claim()), RetryLater)


async def test_a_platform_that_cannot_be_verified_leaves_the_refusal_open(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault("refusal", "2207")
        it.simulator.fault("silence", "5203")
        assert isinstance(await it.send(claim()), Unknown)


async def test_without_verification_a_refusal_is_taken_at_its_word(tmp_path: Path) -> None:
    async with rig(tmp_path, verify_refusals=False) as it:
        it.simulator.fault("false-refusal", "2207")
        assert isinstance(await it.send(claim()), Rejected)


async def test_doubtful_codes_leave_the_outcome_open(tmp_path: Path) -> None:
    async with rig(tmp_path, doubtful_codes=["-1"]) as it:
        it.simulator.fault("refusal", "2207")
        assert isinstance(await it.send(claim()), Unknown)
        it.simulator.fault("refusal", "2204")
        assert isinstance(await it.send(claim()), RetryLater)


async def test_a_question_whose_msgid_is_used_up_is_asked_under_a_new_one(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault("duplicate-msgid", "1101")
        assert isinstance(await it.send(person()), Accepted)


async def test_sign_in_per_operator_and_again_when_it_has_expired(tmp_path: Path) -> None:
    async with rig(tmp_path, Options(sign_in=True), sign_in={"ip": "192.0.2.10"}) as it:
        await it.settled()
        assert len(it.simulator.platform.sign_nos) == 1
        it.simulator.platform.sign_nos.clear()
        message, prepared = await it.prepare(person())
        assert isinstance(await it.sender.send(message, prepared), RetryLater)
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        await it.send(claim(operator_code="op02", visit_id="990101S0002"))
        assert len(it.simulator.platform.sign_nos) == 2


async def test_a_failed_sign_in_sends_nothing_else(tmp_path: Path) -> None:
    async with rig(tmp_path, Options(sign_in=True), sign_in={"ip": "192.0.2.10"}) as it:
        for kind in ("silence", "refusal", "truncated", "http-502"):
            it.simulator.fault(kind, "9001")
            assert isinstance(await it.send(claim()), RetryLater)
        assert it.in_force == 0


async def test_many_claims_at_once(tmp_path: Path) -> None:
    from twisted.internet.defer import Deferred, gatherResults

    async with rig(tmp_path, timeout=10.0, connections=8) as it:
        bodies = [claim(visit_id=f"990101S{n:04d}") for n in range(100)]
        outcomes = await gatherResults([Deferred.fromCoroutine(it.send(body)) for body in bodies])
        assert all(isinstance(o, Accepted) for o in outcomes)
        assert (it.in_force, it.double_effects) == (100, 0)
