"""What a person may decide, what is said about it, and what goes on record."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.audit import decode
from gateway.desk.cases import (
    Case,
    Choice,
    Need,
    carry_out,
    case_of,
    choices_of,
    decision,
    find_case,
    follows_of,
    next_of,
    require_possible,
    warning_of,
)
from gateway.desk.refused import Changed, NeedsConfirmation, NotPossible, SeveralDeliveries
from gateway.desk.words import STATES, state
from gateway.engine.lifecycle import FINAL, OPEN
from gateway.store import open_clerk, open_reader
from gateway.store.api import Accept
from tests.cli.conftest import PERSON, Stocked, owe, running_store
from tests.twisted_runner import run

ALLOWED = {
    "dead": {Choice.REPLAY, Choice.NO_EFFECT},
    "held": {Choice.LET_GO, Choice.NO_EFFECT},
    "in-doubt": {Choice.ASK_AGAIN, Choice.TOOK_EFFECT, Choice.NO_EFFECT},
}
ME = "console:wang"


def _case(stocked: Stocked, in_state: str, operation: str = "ask", **fields: Any) -> Case:
    message_id = owe(stocked, in_state, operation, **fields)
    with open_reader(stocked.configuration.gateway.store) as reader:
        [delivery] = reader.deliveries_of(message_id)
        message = reader.message(message_id)
    assert message is not None
    return case_of(stocked.configuration, delivery, message)


def _in(case: Case, in_state: str, **fields: Any) -> Case:
    delivery = replace(case.delivery, state=in_state, **fields)
    return Case(delivery, case.message, case.operation, case.enabled)


def _last(stocked: Stocked, message_id: str) -> Any:
    with open_reader(stocked.configuration.gateway.store) as reader:
        return decode(reader.audit_of(message_id)[-1][2])


def test_every_state_has_words() -> None:
    assert set(STATES) == FINAL | OPEN | {"dead"}
    assert state("dead") == "投递失败 dead"
    assert state("new") == "new"


def test_the_state_says_what_can_be_decided(stocked: Stocked) -> None:
    """Whoever offers a choice that the state does not allow is refused before anything is done."""
    seen = _case(stocked, "dead")
    for name, choice in itertools.product(STATES, Choice):
        case = _in(seen, name)
        assert set(choices_of(case)) == ALLOWED.get(name, set())
        if choice in choices_of(case):
            require_possible(case, choice, confirmed=False)
            continue
        with pytest.raises(NotPossible) as refused:
            require_possible(case, choice, confirmed=True)
        assert f"现为 centre: {state(name)}；须为" in refused.value.zh
        assert f"it is centre: {state(name)}" in refused.value.en


@pytest.mark.parametrize("choice", list(Choice))
def test_money_is_warned_of(stocked: Stocked, choice: Choice) -> None:
    before = next(name for name, allowed in ALLOWED.items() if choice in allowed)
    case = _case(stocked, before, "claim")
    with pytest.raises(NeedsConfirmation) as warned:
        require_possible(case, choice, confirmed=False)
    zh, en = warning_of(choice)
    reference = case.delivery.reference
    assert warned.value.zh == f"注意，涉及资金（centre claim {reference}）：{zh}"
    assert warned.value.en == f"this moves money (centre claim {reference}): {en}"
    require_possible(case, choice, confirmed=True)


def test_where_nobody_would_work_on_it_only_an_end_is_possible(stocked: Stocked) -> None:
    case = _case(stocked, "dead", "gone")
    assert case.need is Need.PARTNER
    with pytest.raises(NotPossible, match="enable it first"):
        require_possible(case, Choice.REPLAY, confirmed=True)
    require_possible(case, Choice.NO_EFFECT, confirmed=True)


def test_a_confirmation_does_not_help_while_the_gateway_tries(stocked: Stocked) -> None:
    case = _case(stocked, "in-doubt", "claim", next_at=int(time.time() * 1000))
    for choice in (Choice.TOOK_EFFECT, Choice.NO_EFFECT):
        with pytest.raises(NotPossible, match="let it end first"):
            require_possible(case, choice, confirmed=True)


def test_the_next_step_is_named_without_commands(stocked: Stocked) -> None:
    seen = _case(stocked, "dead")
    told = {
        Need.CAUSE: _in(seen, "dead"),
        Need.FINDING: _in(seen, "held"),
        Need.WORD: _in(seen, "in-doubt"),
        Need.GATEWAY: _in(seen, "in-doubt", next_at=1_767_600_000_000),
        Need.PARTNER: Case(seen.delivery, seen.message, None, False),
    }
    assert set(told) == set(Need)
    texts = set()
    for need, case in told.items():
        assert case.need is need
        assert not any("--" in text for text in next_of(case))
        texts.add(next_of(case))
    assert len(texts) == len(Need)


def test_an_end_leaves_the_sender_to_be_told(stocked: Stocked) -> None:
    case = _case(stocked, "in-doubt")
    assert "请告知提交方" in follows_of(case, Choice.TOOK_EFFECT)[0]
    assert "再次查询" in follows_of(case, Choice.ASK_AGAIN)[0]


def test_what_more_is_known_goes_on_record(stocked: Stocked) -> None:
    case = _case(stocked, "in-doubt", "claim")
    more: dict[str, str | int] = {"proposed_by": "console:li", "reason": "forged", "attempts": -1}
    done = carry_out(stocked.configuration, case, Choice.TOOK_EFFECT, "已对账", ME, more)
    assert (done.before, done.after) == ("in-doubt", "accepted")
    entry = _last(stocked, case.message.id)
    assert (entry.event, entry.actor, entry.delivery) == ("delivery.settled", ME, case.delivery.id)
    assert entry.detail == {
        "proposed_by": "console:li",
        "before": "in-doubt",
        "attempts": 4,
        "reason": "已对账",
        "choice": "took-effect",
        "reference": case.delivery.reference,
    }


def test_what_has_changed_is_left_alone(stocked: Stocked) -> None:
    case = _case(stocked, "dead")
    carry_out(stocked.configuration, case, Choice.REPLAY, "对方已恢复", ME)
    with pytest.raises(Changed, match="look at it again"):
        carry_out(stocked.configuration, case, Choice.NO_EFFECT, "不再需要", ME)
    assert _last(stocked, case.message.id).event == "delivery.replayed"


def test_a_decision_alone_commits_nothing(stocked: Stocked) -> None:
    case = _case(stocked, "dead")
    made = decision(
        stocked.configuration, case, Choice.REPLAY, "对方已恢复", ME, {"approved_by": "console:li"}
    )
    with open_reader(stocked.configuration.gateway.store) as reader:
        assert reader.audit_of(case.message.id) == []
    with open_clerk(stocked.configuration.gateway.store) as clerk:
        assert clerk.advance(made, case.delivery)
    assert _last(stocked, case.message.id).detail["approved_by"] == "console:li"


def test_one_of_several_deliveries_must_be_named(stocked: Stocked) -> None:
    seen = _case(stocked, "dead")
    message = replace(seen.message, id="01a00000-0000-7000-8000-000000000001", partner_message_id="two")
    both = tuple(
        replace(
            seen.delivery, id=f"01a00000-0000-7000-8000-00000000000{n}", message_id=message.id, partner=to
        )
        for n, to in ((2, "centre"), (3, "other"))
    )
    with running_store(stocked.configuration) as store:
        run(store.commit(Accept(message, both, ())))
    with open_reader(stocked.configuration.gateway.store) as reader:

        def find(partner: str | None, choice: Choice) -> Case:
            return find_case(stocked.configuration, reader, message.id, partner, choice)

        with pytest.raises(SeveralDeliveries) as several:
            find(None, Choice.REPLAY)
        assert several.value.standing == "centre: 投递失败 dead、other: 投递失败 dead"
        assert find("other", Choice.REPLAY).delivery == both[1]
        with pytest.raises(NotPossible, match="would have to be 结果不明 in-doubt"):
            find(None, Choice.ASK_AGAIN)
        with pytest.raises(NotPossible, match="it is —"):
            find("nobody", Choice.REPLAY)


def test_no_text_holds_a_person(stocked: Stocked) -> None:
    case = _case(stocked, "in-doubt", "claim")
    texts = [
        *next_of(case),
        *(text for choice in Choice for text in (*warning_of(choice), *follows_of(case, choice))),
    ]
    assert not any(PERSON in text for text in texts)
