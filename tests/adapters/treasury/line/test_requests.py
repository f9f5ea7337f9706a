"""All other business: agreements, reversals and states that somebody asks for, requests for reports and packages."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from gateway.bus.private_broker import PrivateBroker
from gateway.canonical import Body
from gateway.canonical.levy import AgreementAnswered, DebitAnswered, DebitReversalAnswered
from gateway.canonical.levy_day import EntriesAsked, PackagesAnnounced
from gateway.canonical.levy_network import DebitStateAnswered, DebitStateAsked, ReceiptGiven, ResendAsked
from gateway.canonical.levy_refund import (
    Correction,
    CorrectionsSubmitted,
    PackageAnswered,
    PackageDetailResult,
    Refund,
    RefundsSubmitted,
)
from gateway.contract import Absent, Accepted, Reject, Rejected, Unknown
from tests.adapters.treasury.line.rig import answered, played, receipt, undone
from tests.adapters.treasury.line.test_packages import announced, counted
from tests.adapters.treasury.people import COLLECTOR, DAY, Person, agreement, batch, debit, reversal
from tests.twisted_runner import sleep

pytestmark = pytest.mark.rabbitmq
ASKED = debit(Person(1), "OURS-7")


def agreed(body: Any, yes: bool = True) -> tuple[str, Body]:
    facts = asdict(body) | {"agreed": yes}
    return "9115", AgreementAnswered(**facts)


def state(body: Any, value: str = "20") -> tuple[str, Body]:
    return "9004", DebitStateAnswered(**asdict(body), state=value)


@pytest.mark.parametrize("yes", [True, False])
async def test_an_agreement_is_answered_either_way(
    queue_manager: PrivateBroker, tmp_path: Path, yes: bool
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["9114"] = lambda _head, body: [agreed(body, yes)]
        outcome = await rig.send(agreement(Person(1), "OURS-VC-1"))
        assert isinstance(outcome, Accepted)
        assert isinstance(outcome.reply, AgreementAnswered)
        assert (outcome.reply.request_no, outcome.reply.agreed) == ("OURS-VC-1", yes)
        assert [body.request_no for _, body in centre.of("9114")] == ["00000001"]


async def test_a_reversal_that_somebody_asks_for_is_put_once(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        await rig.send(ASKED)
        message, prepared = await rig.prepared(reversal(ASKED, "OURS-CANCEL-1"))
        assert isinstance(await rig.resolver.query(message, prepared), Absent)
        assert isinstance(await rig.sender.send(message, prepared), Unknown)
        assert isinstance(await rig.resolver.query(message, prepared), Unknown)
        [(head, wire)] = centre.of("1021")
        assert (wire.original_serial, wire.reversal_no) == ("00000001", "00000001")
        await centre.send(*undone(wire), head.id)
        await rig.until(lambda: rig.accepted(DebitReversalAnswered))
        await sleep(0.1)
        found = await rig.resolver.query(message, prepared)
        assert isinstance(found, Accepted)
        assert isinstance(found.reply, DebitReversalAnswered)
        assert found.reply == rig.accepted(DebitReversalAnswered)[0]
        assert (found.reply.reversal_no, found.reply.original_serial) == ("OURS-CANCEL-1", "OURS-7")
        assert isinstance(await rig.sender.send(message, prepared), Accepted)
        assert isinstance(await rig.resolver.reverse(message, prepared), Rejected)
        assert len(centre.of("1021")) == 1


async def test_a_number_that_two_senders_used_names_neither(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    """Serial numbers are their senders' own: the other one's debit must not be undone."""
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        await rig.send(ASKED)
        await rig.send(debit(Person(2), ASKED.serial))
        with pytest.raises(Reject) as refused:
            await rig.prepared(reversal(ASKED, "C1"))
        assert refused.value.code == "ambiguous-original"
        assert not centre.of("1021")


async def test_what_was_not_sent_from_here_can_be_neither_reversed_nor_asked_about(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, _):
        question = DebitStateAsked(
            sender_code=COLLECTOR, kind="1", original_message="1001", entrusted_on=DAY, serial="OURS-7"
        )
        for body in (reversal(ASKED, "C1"), question):
            with pytest.raises(Reject) as refused:
                await rig.prepared(body)
            assert refused.value.code == "unknown-original"


async def test_the_state_of_a_debit_and_of_a_package(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        centre.scripts["9003"] = lambda _head, body: [state(body)]
        await rig.send(ASKED)
        await rig.send(batch([Person(2)], "OURS-PACK"))
        for number, serial in (("1001", "OURS-7"), ("1102", "OURS-PACK")):
            which = {"serial" if number == "1001" else "batch_no": serial}
            question = DebitStateAsked(
                sender_code=COLLECTOR, kind="1", original_message=number, entrusted_on=DAY, **which
            )
            outcome = await rig.send(question)
            assert isinstance(outcome, Accepted)
            assert outcome.reply == DebitStateAnswered(**asdict(question), state="20")
        assert [(q.serial, q.batch_no) for _, q in centre.of("9003")] == [
            ("00000001", None),
            (None, "00000001"),
        ]


async def test_the_state_of_a_package_whose_put_is_unknown(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    packages = {"answer_timeout": 0.2, "silence_means_taken": False}
    asking = {"debit": "1", "package": "2", "states": {"20": "success", "30": "rejected"}}
    async with played(queue_manager, tmp_path, packages=packages, state_query=asking) as (rig, centre):
        for n, (value, kind) in enumerate([("20", Accepted), ("30", Rejected), ("00", Unknown)]):
            centre.scripts["9003"] = lambda _head, body, value=value: [state(body, value)]  # type: ignore[misc]
            message, prepared = await rig.prepared(batch([Person(n)], f"OURS-{value}"))
            assert isinstance(await rig.sender.send(message, prepared), Unknown)
            assert isinstance(await rig.resolver.query(message, prepared), kind)


async def test_a_state_query_that_is_refused_proves_nothing(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    asking = {"debit": "1", "package": "2"}
    async with played(queue_manager, tmp_path, state_query=asking) as (rig, centre):
        centre.scripts["9003"] = lambda _head, _body: [receipt("9003", "92001")]
        centre.scripts["1021"] = lambda _head, _body: [receipt("1021", "92001")]
        message, prepared = await rig.prepared(ASKED)
        await rig.sender.send(message, prepared)
        assert isinstance(await rig.resolver.query(message, prepared), Unknown)
        assert isinstance(await rig.resolver.reverse(message, prepared), Unknown)
        # A reversal that was refused as a message undoes nothing: a late success counts again.
        [(head, wire)] = centre.of("1001")
        await centre.send(*answered(wire), head.id)
        await rig.until(lambda: rig.accepted(DebitAnswered))
        await sleep(0.1)
        assert isinstance(await rig.resolver.query(message, prepared), Accepted)


async def test_contradicting_answers_leave_the_first_that_proves_something(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        assert isinstance(await rig.sender.send(message, prepared), Accepted)
        [(head, wire)] = centre.of("1001")
        await centre.send(*answered(wire, "90001"), head.id)
        await rig.until(lambda: rig.logged("treasury.answers_differ"))
        assert isinstance(await rig.resolver.query(message, prepared), Accepted)
        assert [word.raw_code for word in rig.accepted(DebitAnswered)] == ["90000", "90001"]


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (EntriesAsked(sender_code=COLLECTOR, booked_on=DAY), "1024"),
        (
            ResendAsked(
                sender_code=COLLECTOR, entrusted_on=DAY, wanted_message="2102", wanted_sender_code=COLLECTOR,
                wanted_entrusted_on=DAY, wanted_batch_no="00000001", organisation_kind="1",
            ),
            "9111",
        ),
        (
            ResendAsked(
                sender_code=COLLECTOR, entrusted_on=DAY, wanted_message="3122", wanted_batch_no="00000001",
                checked_on=DAY,
            ),
            "9113",
        ),
        (
            ResendAsked(
                sender_code=COLLECTOR, entrusted_on=DAY, wanted_message="3200", wanted_batch_no="00000001",
                checked_on=DAY, organisation_kind="1",
            ),
            "9117",
        ),
        (
            ResendAsked(
                sender_code=COLLECTOR, entrusted_on=DAY, wanted_message="3122", checked_on=DAY,
                check_kind="1", report_month="202611", file_month="202611",
            ),
            "9116",
        ),
    ],
)  # fmt: skip
async def test_what_is_only_asked_for(
    queue_manager: PrivateBroker, tmp_path: Path, body: Body, number: str
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        assert isinstance(await rig.send(body), Accepted)
        assert len(centre.of(number)) == 1
        centre.scripts[number] = lambda _head, _body: [receipt(number)]
        assert isinstance(await rig.send(body), Accepted)
        centre.scripts[number] = lambda _head, _body: [receipt(number, "90001", "无权")]
        assert isinstance(await rig.send(body), Rejected)


def refunds(number: str) -> RefundsSubmitted:
    rows = tuple(
        Refund(
            serial=f"R{n}", treasury_code="9901010000", payee_bank_line_no="999100000011",
            payee_branch_line_no="999100000020", payee_account_no=Person(n).account,
            payee_name=Person(n).name, contributor_no=Person(n).no, contributor_name=Person(n).name,
            voucher_no=f"T{n}", original_voucher_no=Person(n).voucher(), amount=100_00, billed_on=DAY,
            budget_kind="1", budget_subject="1020300", budget_level="4", adjustment_period=False, reason="01",
        )
        for n in (1, 2)
    )  # fmt: skip
    return RefundsSubmitted(collector_code=COLLECTOR, entrusted_on=DAY, batch_no=number, refunds=rows)


async def test_refunds_are_a_package_answered_row_by_row(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(refunds("OURS-R"))
        assert isinstance(await rig.sender.send(message, prepared), Accepted)
        [(head, wire)] = centre.of("1104")
        assert (wire.batch_no, [row.serial for row in wire.refunds]) == ("00000001", ["00000001", "00000002"])
        results = tuple(
            PackageDetailResult(serial=r.serial, amount=r.amount, voucher_no=r.voucher_no, raw_code="90000")
            for r in wire.refunds
        )
        answer = PackageAnswered(
            original_message="1104", sender_code=COLLECTOR, entrusted_on=wire.entrusted_on,
            batch_no=wire.batch_no, raw_code="90000", results=results,
        )  # fmt: skip
        await centre.send("9110", replace(answer, batch_no="00000009"), head.id)
        await rig.until(lambda: rig.harness.inbox.refused)
        await centre.send("9110", answer, head.id)
        await rig.until(lambda: rig.accepted(PackageAnswered))
        assert rig.accepted(PackageAnswered) == [replace(answer, batch_no="OURS-R")]
        await sleep(0.1)
        assert isinstance(await rig.resolver.query(message, prepared), Accepted)
        assert isinstance(await rig.sender.send(message, prepared), Accepted)
        assert len(centre.of("1104")) == 1


async def test_refunds_that_are_refused_as_a_package(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1104"] = lambda _head, _body: [receipt("1104", "90001", "国库未开通")]
        message, prepared = await rig.prepared(refunds("OURS-R"))
        assert isinstance(await rig.sender.send(message, prepared), Rejected)
        [word] = rig.accepted(PackageAnswered)
        assert (word.batch_no, word.raw_code, word.results) == ("OURS-R", "90001", ())
        assert isinstance(await rig.resolver.query(message, prepared), Rejected)


async def test_a_reversal_refused_as_a_message_is_refused(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        centre.scripts["1021"] = lambda _head, _body: [receipt("1021", "92001")]
        await rig.send(ASKED)
        message, prepared = await rig.prepared(reversal(ASKED, "C1"))
        assert isinstance(await rig.sender.send(message, prepared), Rejected)
        assert isinstance(await rig.resolver.query(message, prepared), Rejected)


async def test_a_correction_counts_as_its_collector_says(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    row = Correction(
        serial="K1", original_voucher_no="V1", billed_on=DAY, voucher_no="G1", adjustment_period=False,
        reason="02", original_budget_kind="1", original_budget_subject="1020300", original_budget_level="4",
        original_treasury_code="9901010000", original_amount=100_00, corrected_budget_kind="1",
        corrected_budget_subject="1020301", corrected_budget_level="4", corrected_treasury_code="9901010000",
        corrected_amount=100_00,
    )  # fmt: skip
    body = CorrectionsSubmitted(
        collector_code=COLLECTOR, entrusted_on=DAY, batch_no="K", total=100_00, corrections=(row,)
    )
    async with played(queue_manager, tmp_path) as (rig, centre):
        message, prepared = await rig.prepared(body)
        assert isinstance(await rig.sender.send(message, prepared), Accepted)
        known = await rig.channel.ledger.of_message(message.id, "1105")
        assert known is not None
        assert (known.count, known.total, known.serial, known.wire_no) == (1, 100_00, "K", "00000001")
        assert len(centre.of("1105")) == 1


async def test_what_this_network_does_not_do_is_refused(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        with pytest.raises(Reject) as refused:
            await rig.prepared(ReceiptGiven(original_message="1001", raw_code="90000"))
        assert refused.value.code == "unknown-operation"
        await centre.send(*receipt("1001"), "0" * 20)  # of a message nobody sent
        await rig.until(lambda: rig.logged("treasury.receipt_of_nothing"))
        await centre.send(*receipt("1102"), centre.of("9006")[0][0].id)  # of another number
        await rig.until(lambda: rig.harness.inbox.refused)


async def test_without_the_setting_a_missing_package_is_only_noted(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await centre.send(*announced(counted("2102", "00000089", 5, 2000_00)))
        await rig.until(lambda: rig.logged("treasury.package_missing"))
        assert rig.accepted(PackagesAnnounced)
        await sleep(0.1)
        assert centre.of("9111") == []


async def test_a_debit_of_an_earlier_day_keeps_its_day(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    """The day a debit was asked for is the asker's; the network knows it by the day it was sent."""
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        yesterday = DAY - dt.timedelta(days=1)
        outcome = await rig.send(debit(Person(2), "OURS-8", day=yesterday))
        assert isinstance(outcome, Accepted)
        assert isinstance(outcome.reply, DebitAnswered)
        assert outcome.reply.entrusted_on == yesterday
        assert centre.of("1001")[0][1].entrusted_on == DAY
