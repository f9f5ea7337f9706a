"""Confirmations and acknowledgements against plain models of the broker's side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.bus.acks import AckBatch
from gateway.bus.contract import Nacked
from gateway.transports.amqp.confirms import Confirms
from tests.transports.test_amqp_frames import frames_of


@given(st.data())
def test_acks_settle_exactly_what_was_settled(data: st.DataObject) -> None:
    batch = AckBatch(1)
    at_broker: set[int] = set()
    open_here: list[int] = []
    acked: set[int] = set()
    nacked: set[int] = set()
    acked_there: set[int] = set()
    nacked_there: set[int] = set()
    for tag in range(1, data.draw(st.integers(1, 25)) + 1):
        batch.delivered(tag)
        at_broker.add(tag)
        open_here.append(tag)
        for _ in range(data.draw(st.integers(0, len(open_here)))):
            chosen = open_here.pop(data.draw(st.integers(0, len(open_here) - 1)))
            if data.draw(st.booleans()):
                batch.ack(chosen)
                acked.add(chosen)
            else:
                batch.nack(chosen, True)
                nacked.add(chosen)
        if batch.due and data.draw(st.booleans()):
            for frame in frames_of(batch.frames()):
                method = frame.method
                assert method.delivery_tag in at_broker, "an unknown tag closes the channel"
                up_to = {tag for tag in at_broker if tag <= method.delivery_tag}
                settled = up_to if method.multiple else {method.delivery_tag}
                (acked_there if method.NAME == "Basic.Ack" else nacked_there).update(settled)
                at_broker -= settled
            assert acked_there == acked
            assert nacked_there == nacked
            assert len(batch) == len(at_broker) == len(open_here)


@given(st.data())
def test_confirms_answer_each_publish_once(data: st.DataObject) -> None:
    confirms = Confirms()
    outcomes: dict[int, list[bool]] = {}
    waiting: set[int] = set()
    for _ in range(data.draw(st.integers(1, 30))):
        for _ in range(data.draw(st.integers(0, 5))):
            answer = confirms.expect()
            tag = confirms.last_tag
            outcomes[tag] = []
            waiting.add(tag)
            answer.addCallbacks(
                lambda _, tag=tag: outcomes[tag].append(True), lambda _, tag=tag: outcomes[tag].append(False)
            )
        if not waiting:
            continue
        tag, multiple, good = (
            data.draw(st.sampled_from(sorted(waiting))),
            data.draw(st.booleans()),
            data.draw(st.booleans()),
        )
        answered = {one for one in waiting if one <= tag} if multiple else {tag}
        if good:
            confirms.confirmed(tag, multiple)
        else:
            confirms.failed(tag, multiple, Nacked("no"))
        waiting -= answered
        assert all(outcomes[one] == [good] for one in answered)
        assert len(confirms) == len(waiting)
        assert all(outcomes[one] == [] for one in waiting)


@given(st.data())
def test_a_window_is_answered_once_after_its_last_message(data: st.DataObject) -> None:
    confirms = Confirms()
    outcomes: dict[range, list[bool]] = {}
    waiting: set[int] = set()
    refused: set[int] = set()
    for size in data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=5)):
        answer = confirms.expect_many(size)
        tags = range(confirms.last_tag - size + 1, confirms.last_tag + 1)
        outcomes[tags] = []
        waiting |= set(tags)
        answer.addCallbacks(
            lambda _, tags=tags: outcomes[tags].append(True),
            lambda _, tags=tags: outcomes[tags].append(False),
        )
    while waiting:
        tag, multiple = data.draw(st.sampled_from(sorted(waiting))), data.draw(st.booleans())
        answered = {one for one in waiting if one <= tag} if multiple else {tag}
        if data.draw(st.booleans()):
            confirms.confirmed(tag, multiple)
        else:
            confirms.failed(tag, multiple, Nacked("no"))
            refused |= answered
        waiting -= answered
        for tags, told in outcomes.items():
            assert told == ([] if waiting & set(tags) else [not refused & set(tags)])
        assert len(confirms) == len(waiting)


def test_overdue_is_what_was_waiting_a_period_ago() -> None:
    confirms = Confirms()
    failed: list[str] = []
    confirms.expect().addErrback(lambda _: failed.append("first"))
    confirms.fail_overdue(Nacked("late"))
    confirms.expect().addErrback(lambda _: failed.append("second"))
    assert not failed
    confirms.fail_overdue(Nacked("late"))
    assert failed == ["first"]
    confirms.forget_watch()
    confirms.fail_overdue(Nacked("late"))
    assert failed == ["first"]
    confirms.confirmed(1, False)  # too late, and of no effect
    confirms.confirmed(0, True)
    assert len(confirms) == 0
