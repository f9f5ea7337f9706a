"""Single debits: numbers given when they are sent, answers believed where they fit, and never a second put."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.bus.private_broker import PrivateBroker
from gateway.canonical.levy import DebitAnswered, DebitReversalAnswered
from gateway.canonical.levy_network import DebitStateAnswered
from gateway.contract import Absent, Accepted, PartnerDown, Rejected, RetryLater, Reversed, Unknown
from tests.adapters.treasury.line.rig import NEXT_DAY, answered, played, receipt, switched, undone
from tests.adapters.treasury.people import COLLECTOR, DAY, Person, batch, debit
from tests.twisted_runner import sleep

pytestmark = pytest.mark.rabbitmq
ASKED = debit(Person(1), "OURS-SERIAL-00001", day=DAY)


async def test_a_debit_is_answered_under_the_identity_it_was_asked_with(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        outcome = await rig.send(ASKED)
        assert isinstance(outcome, Accepted), outcome
        assert isinstance(outcome.reply, DebitAnswered)
        assert (outcome.reply.entrusted_on, outcome.reply.serial) == (DAY, "OURS-SERIAL-00001")
        [(head, wire)] = centre.of("1001")
        assert (wire.serial, wire.entrusted_on) == ("00000001", DAY)
        assert head.id.startswith("920261120")
        assert len(head.id) == 20
        assert rig.accepted(DebitAnswered) == [outcome.reply]  # the book hears it as well


async def test_the_day_and_the_numbers_are_those_of_the_moment_it_is_sent(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        message, prepared = await rig.prepared(ASKED)
        await centre.send("9101", switched())
        await rig.until(lambda: rig.channel.session.known_day == NEXT_DAY)
        outcome = await rig.sender.send(message, prepared)
        assert isinstance(outcome, Accepted)
        [(head, wire)] = centre.of("1001")
        assert wire.entrusted_on == NEXT_DAY
        assert head.work_date == NEXT_DAY
        assert isinstance(outcome.reply, DebitAnswered)
        assert outcome.reply.entrusted_on == DAY


@pytest.mark.parametrize(
    ("code", "kind"),
    [("90001", Rejected), ("94052", Unknown), ("94999", Unknown), ("77777", Unknown), ("90000", Accepted)],
)
async def test_what_a_code_means_is_for_the_table_to_say(
    queue_manager: PrivateBroker, tmp_path: Path, code: str, kind: type
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body, code)]
        assert isinstance(await rig.send(ASKED), kind)


async def test_a_general_answer_that_takes_it_is_not_the_last_word(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [receipt("1001"), answered(body)]
        assert isinstance(await rig.send(ASKED), Accepted)


async def test_a_general_answer_that_refuses_it_is_the_books_word_too(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, _body: [receipt("1001", "92001", "报文无法识别")]
        outcome = await rig.send(ASKED)
        assert isinstance(outcome, Rejected)
        assert outcome.code == "92001"
        [word] = rig.accepted(DebitAnswered)
        assert (word.raw_code, word.serial, word.voucher_no) == ("92001", ASKED.serial, ASKED.voucher_no)


async def test_refused_for_want_of_a_log_in_it_waits_for_one_and_goes_out_anew(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path, session={"not_logged_in_words": ["未登录"]}) as (rig, centre):
        centre.scripts["1001"] = lambda _head, _body: [receipt("1001", "90001", "未登录")]
        message, prepared = await rig.prepared(ASKED)
        assert isinstance(await rig.sender.send(message, prepared), RetryLater)
        await rig.until(lambda: len(centre.of("9006")) == 2)
        await rig.logged_in()
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        assert isinstance(await rig.sender.send(message, prepared), Accepted)
        assert [body.serial for _, body in centre.of("1001")] == ["00000001", "00000002"]
        assert [word.raw_code for word in rig.accepted(DebitAnswered)] == ["90000"]


@pytest.mark.parametrize(
    "changes", [{"serial": "00000009"}, {"voucher_no": "399010110000000099"}, {"entrusted_on": NEXT_DAY}]
)
async def test_an_answer_about_another_debit_is_never_believed(
    queue_manager: PrivateBroker, tmp_path: Path, changes: dict[str, Any]
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body, **changes)]
        assert isinstance(await rig.send(ASKED), Unknown)
        assert rig.accepted(DebitAnswered) == []
        assert [no.code for no in rig.harness.inbox.refused] == ["answer-mismatch"]
        assert rig.logged("treasury.answer_of_another")


async def test_an_answer_to_a_message_nobody_sent_is_never_believed(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        outcome = await rig.sender.send(message, prepared)
        assert isinstance(outcome, Unknown)
        [(_, wire)] = centre.of("1001")
        await centre.send(*answered(wire), "0" * 20)
        await rig.until(lambda: rig.harness.inbox.refused)
        assert isinstance(await rig.resolver.query(message, prepared), Unknown)


async def test_a_late_answer_is_on_record_and_settles_the_doubt(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        assert isinstance(await rig.sender.send(message, prepared), Unknown)
        [(head, wire)] = centre.of("1001")
        await centre.send(*answered(wire), head.id)
        await rig.until(lambda: rig.accepted(DebitAnswered))
        await sleep(0.05)
        found = await rig.resolver.query(message, prepared)
        assert isinstance(found, Accepted)
        assert isinstance(found.reply, DebitAnswered)
        assert (found.reply.serial, found.reply.debited_on, found.reply.raw_code) == (
            ASKED.serial,
            DAY,
            "90000",
        )
        assert isinstance(await rig.sender.send(message, prepared), Accepted)
        assert len(centre.of("1001")) == 1


async def test_what_may_be_on_the_queue_is_never_put_again(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        for _ in range(3):
            assert isinstance(await rig.sender.send(message, prepared), Unknown)
        assert len(centre.of("1001")) == 1


async def test_without_an_answer_it_is_reversed_under_its_own_day(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        assert isinstance(await rig.sender.send(message, prepared), Unknown)
        assert isinstance(await rig.resolver.query(message, prepared), Unknown)
        await centre.send("9101", switched())
        await rig.until(lambda: rig.channel.session.known_day == NEXT_DAY)
        centre.scripts["1021"] = lambda _head, body: [undone(body)]
        assert isinstance(await rig.resolver.reverse(message, prepared), Reversed)
        [(_, wire)] = centre.of("1021")
        assert (wire.original_entrusted_on, wire.original_serial) == (DAY, "00000001")
        assert wire.entrusted_on == NEXT_DAY
        [word] = rig.accepted(DebitReversalAnswered)
        assert (word.original_entrusted_on, word.original_serial) == (DAY, ASKED.serial)
        # Asked once more, such as after a crash: the answer is known.
        assert isinstance(await rig.resolver.reverse(message, prepared), Reversed)
        assert len(centre.of("1021")) == 1


@pytest.mark.parametrize("undo", ["before", "after", None])
async def test_a_success_read_after_a_reversal_was_put_proves_nothing(
    queue_manager: PrivateBroker, tmp_path: Path, undo: str | None
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        await rig.sender.send(message, prepared)
        [(head, wire)] = centre.of("1001")
        assert isinstance(await rig.resolver.reverse(message, prepared), Unknown)
        [(undoing, cancel)] = centre.of("1021")
        if undo == "before":
            await centre.send(*undone(cancel), undoing.id)
        await centre.send(*answered(wire), head.id)
        await rig.until(lambda: rig.accepted(DebitAnswered))
        await sleep(0.1)
        assert isinstance(await rig.resolver.query(message, prepared), Unknown)
        assert isinstance(await rig.sender.send(message, prepared), Unknown)
        if undo == "after":
            await centre.send(*undone(cancel), undoing.id)
        if undo is not None:
            await rig.until(lambda: rig.accepted(DebitReversalAnswered))
            await sleep(0.1)
        ended = await rig.resolver.reverse(message, prepared)
        assert isinstance(ended, Unknown if undo is None else Reversed)
        assert len(centre.of("1001")) == 1


async def test_what_was_answered_meanwhile_is_not_reversed(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        await rig.sender.send(message, prepared)
        [(head, wire)] = centre.of("1001")
        await centre.send(*answered(wire), head.id)
        await rig.until(lambda: rig.accepted(DebitAnswered))
        await sleep(0.1)
        assert isinstance(await rig.resolver.reverse(message, prepared), Unknown)
        assert centre.of("1021") == []
        assert isinstance(await rig.resolver.query(message, prepared), Accepted)


async def test_a_refusal_stands_whether_a_reversal_was_put_or_not(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        await rig.sender.send(message, prepared)
        [(head, wire)] = centre.of("1001")
        await rig.resolver.reverse(message, prepared)
        await centre.send(*answered(wire, "90001"), head.id)
        await rig.until(lambda: rig.accepted(DebitAnswered))
        await sleep(0.1)
        assert isinstance(await rig.resolver.query(message, prepared), Rejected)


@pytest.mark.parametrize("code", ["0", "2"])
async def test_any_other_answer_to_a_reversal_leaves_it_to_the_check_of_the_day(
    queue_manager: PrivateBroker, tmp_path: Path, code: str
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        await rig.sender.send(message, prepared)
        centre.scripts["1021"] = lambda _head, body: [undone(body, code)]
        for _ in range(2):
            assert isinstance(await rig.resolver.reverse(message, prepared), Unknown)
        assert len(centre.of("1021")) == 1


@pytest.mark.parametrize(("state", "kind"), [("20", Accepted), ("30", Rejected), ("00", Unknown)])
async def test_a_state_proves_what_the_settings_say(
    queue_manager: PrivateBroker, tmp_path: Path, state: str, kind: type
) -> None:
    asking = {"debit": "1", "package": "2", "states": {"20": "success", "30": "rejected"}}
    async with played(queue_manager, tmp_path, state_query=asking) as (rig, centre):
        centre.scripts["9003"] = lambda _head, body: [
            (
                "9004",
                DebitStateAnswered(
                    sender_code=body.sender_code, kind=body.kind, original_message=body.original_message,
                    entrusted_on=body.entrusted_on, serial=body.serial, state=state,
                ),
            )
        ]  # fmt: skip
        message, prepared = await rig.prepared(ASKED)
        await rig.sender.send(message, prepared)
        found = await rig.resolver.query(message, prepared)
        assert isinstance(found, kind)
        [(_, question)] = centre.of("9003")
        assert (question.serial, question.kind, question.batch_no) == ("00000001", "1", None)
        words = rig.accepted(DebitAnswered)
        assert [word.serial for word in words] == ([] if kind is Unknown else [ASKED.serial])


async def test_what_was_never_put_is_absent_and_needs_no_reversal(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        assert isinstance(await rig.resolver.query(message, prepared), Absent)
        assert isinstance(await rig.resolver.reverse(message, prepared), Reversed)
        assert centre.of("1021") == []


async def test_a_message_older_than_the_ledger_is_left_to_people(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        old = rig.harness.clock.now().replace(year=2025)
        message, prepared = await rig.prepared(ASKED, time=old)
        assert isinstance(await rig.resolver.query(message, prepared), Unknown)
        assert isinstance(await rig.resolver.reverse(message, prepared), Unknown)
        assert centre.of("1021") == []


async def test_a_queue_that_is_not_there_leaves_nothing_behind(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, _):
        message, prepared = await rig.prepared(ASKED)
        rig.channel.settings = rig.settings.model_copy(
            update={"queues": rig.settings.queues.model_copy(update={"online_out": "NOWHERE"})}
        )
        with pytest.raises(PartnerDown):
            await rig.sender.send(message, prepared)
        assert await rig.channel.ledger.of_message(message.id, "1001") is None
        rig.channel.settings = rig.settings


async def test_another_collector_is_refused(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    from msgspec.structs import replace

    from gateway.contract import Reject

    async with played(queue_manager, tmp_path) as (rig, _):
        with pytest.raises(Reject) as refused:
            await rig.prepared(replace(ASKED, collector_code="299020200000"))
        assert refused.value.field == "collector_code"
        assert COLLECTOR != "299020200000"


@pytest.mark.parametrize("first", ["alone", "packaged"])
async def test_a_voucher_number_is_put_once_whoever_asks_and_however(
    queue_manager: PrivateBroker, tmp_path: Path, first: str
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body, "90001")]
        package = batch([Person(1), Person(2)], "OURS-PACK-1")
        alone = debit(Person(1), "ANOTHERS-1")
        before, after = (ASKED, package) if first == "alone" else (package, ASKED)
        await rig.send(before)
        for body in (after, alone):
            outcome = await rig.send(body)
            assert isinstance(outcome, Rejected)
            assert (outcome.code, outcome.field) == ("voucher-taken", "voucher_no")
        assert len(centre.of("1001")) + len(centre.of("1102")) == 1
        # What was not put takes no number away from anybody.
        last = await rig.send(batch([Person(2)], "OURS-PACK-2"))
        assert isinstance(last, Accepted if first == "alone" else Rejected)


async def test_a_switch_while_it_is_made_gives_it_the_new_day(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        session, numbers, one = rig.channel.session, rig.channel.numbers, rig.channel.numbers.one

        async def switching(*asked: Any) -> str:
            session.known_day = NEXT_DAY
            return await one(*asked)

        numbers.one = switching  # type: ignore[method-assign,assignment]
        assert isinstance(await rig.send(ASKED), Accepted)
        [(head, wire)] = centre.of("1001")
        assert (head.work_date, wire.entrusted_on) == (NEXT_DAY, NEXT_DAY)
