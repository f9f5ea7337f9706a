"""The laws of a delivery's life, whatever the partner does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import Absent, Accepted, Operation, Rejected, RetryLater, Reversed, Title, Unknown
from gateway.engine.lifecycle import (
    ACCEPTED,
    DEAD,
    IN_DOUBT,
    REJECTED,
    REVERSED,
    WAITING,
    Backoff,
    Policy,
    Standing,
    after_attempt,
    after_query,
    after_reverse,
)

POLICY = Policy()
outcomes = st.sampled_from(
    [
        Accepted(),
        Rejected(code="-1", reason="不足"),
        RetryLater(reason="busy"),
        RetryLater(reason="busy", after=9.0),
        Unknown(reason="no answer"),
    ]
)
rules = st.sampled_from(["resend", "query", "reverse", "manual"])


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    return Standing(
        operation=Operation(
            name="op",
            title=Title(zh="操作", en="operation"),
            direction="out",
            request="settlement.claim.submitted.v1",
            on_unknown=draw(rules),
            moves_money=draw(st.booleans()),
        ),
        style=draw(st.sampled_from(["one-way", "request-reply"])),
        attempts=draw(st.integers(1, 40)),
        resolutions=draw(st.integers(1, 40)),
        expired=draw(st.booleans()),
        chance=draw(st.floats(0, 0.999)),
    )


@given(outcomes, standings())
def test_an_unknown_outcome_is_sent_again_only_where_twice_is_harmless(
    outcome: object, standing: Standing
) -> None:
    step = after_attempt(outcome, standing, POLICY)  # type: ignore[arg-type]
    if isinstance(outcome, Unknown) and standing.operation.on_unknown != "resend":
        assert step.after == IN_DOUBT
    if step.after == IN_DOUBT:
        assert isinstance(outcome, Unknown)


@given(outcomes, standings())
def test_every_attempt_leads_somewhere_that_a_person_or_a_timer_takes_up(
    outcome: object, standing: Standing
) -> None:
    step = after_attempt(outcome, standing, POLICY)  # type: ignore[arg-type]
    assert step.after in {ACCEPTED, REJECTED, WAITING, DEAD, IN_DOUBT}
    if step.after == WAITING:
        assert step.delay is not None
        assert step.delay >= 0
    if step.after != ACCEPTED:
        assert step.reason


@given(outcomes, standings())
def test_a_final_refusal_always_tells_the_sender(outcome: object, standing: Standing) -> None:
    step = after_attempt(outcome, standing, POLICY)  # type: ignore[arg-type]
    assert (step.after == REJECTED) == (step.refusal is not None)


@given(standings())
def test_money_that_is_absent_is_reversed_before_anything_else(standing: Standing) -> None:
    step = after_query(Absent(), standing, POLICY)
    if standing.operation.on_unknown == "reverse":
        assert step is None
    else:
        assert step is not None
        assert step.after in {WAITING, DEAD, REJECTED}


@given(standings(), st.sampled_from([Reversed(), Rejected(code="-1", reason=""), Unknown(reason="silence")]))
def test_a_reversal_never_leads_to_a_second_effect(standing: Standing, outcome: object) -> None:
    step = after_reverse(outcome, standing, POLICY)  # type: ignore[arg-type]
    if step.after == WAITING:  # sent anew, only after a certain reversal and under a new reference
        assert isinstance(outcome, Reversed)
        assert step.renew
    if step.after == REVERSED:
        assert isinstance(outcome, Reversed)
        assert step.refusal == "reversed"


@given(standings())
def test_what_stays_unknown_ends_with_a_person(standing: Standing) -> None:
    tired = replace(standing, resolutions=POLICY.resolve.limit)
    step = after_reverse(Unknown(reason="silence"), tired, POLICY)
    assert (step.after, step.delay) == (IN_DOUBT, None)
    assert "person" in (step.reason or "")


@given(st.integers(1, 500), st.floats(0, 0.999))
def test_waiting_grows_to_a_bound(tries: int, chance: float) -> None:
    backoff = Backoff()
    delay = backoff.delay(tries, chance)
    assert 0 < delay <= backoff.longest
    assert backoff.delay(tries + 1, chance) >= delay


@pytest.mark.parametrize("on_unknown", ["query", "reverse"])
def test_a_settlement_found_by_query_is_accepted(on_unknown: str) -> None:
    operation = Operation(
        name="op",
        title=Title(zh="操作", en="operation"),
        direction="out",
        request="settlement.claim.submitted.v1",
        on_unknown=on_unknown,  # type: ignore[arg-type]
    )
    standing = Standing(
        operation=operation, style="one-way", attempts=1, resolutions=1, expired=False, chance=0.5
    )
    step = after_query(Accepted(), standing, POLICY)
    assert step is not None
    assert step.after == ACCEPTED
