"""Packages of debits, what the network sends by itself, and the counts of the day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.bus.private_broker import PrivateBroker
from gateway.canonical import Body
from gateway.canonical.levy import (
    CheckedDebit,
    DebitBatchReturned,
    DebitResult,
    DebitsChecked,
)
from gateway.canonical.levy_day import PackageCount, PackagesAnnounced
from gateway.canonical.levy_network import TextSent
from gateway.contract import Accepted, Conflict, Inbound, Receipt, Reject, Rejected, Unavailable, Unknown
from tests.adapters.treasury.line.rig import Rig, played, receipt, switched
from tests.adapters.treasury.people import BANK, COLLECTOR, DAY, NODE, Person, batch
from tests.twisted_runner import sleep

pytestmark = pytest.mark.rabbitmq
ASKED = batch([Person(n) for n in range(1, 4)], "OURS-PACK-1")


def returned(wire: Any, count: int = 3, **changes: Any) -> tuple[str, DebitBatchReturned]:
    """2102 to a 1102 as it was on the wire."""
    results = tuple(
        DebitResult(
            serial=d.serial, amount=d.amount, voucher_no=d.voucher_no, debited_on=DAY, raw_code="90000"
        )
        for d in wire.debits[:count]
    )
    facts: dict[str, Any] = {
        "payer_bank_line_no": BANK, "entrusted_on": DAY, "batch_no": "00000088", "collector_code": COLLECTOR,
        "original_entrusted_on": wire.entrusted_on, "original_batch_no": wire.batch_no, "raw_code": "90000",
        "results": results,
    }  # fmt: skip
    return "2102", DebitBatchReturned(**{**facts, **changes})


def checked(part: int = 1, pack_no: str = "00000009") -> DebitsChecked:
    row = CheckedDebit(
        payee_code="9901010000", original_message="1001", sender_code=COLLECTOR, entrusted_on=DAY,
        serial="00000001", voucher_no="399010110000000001", amount=400_00, debited_on=DAY, state="20",
    )  # fmt: skip
    return DebitsChecked(
        checked_on=DAY, batch_no=pack_no, collector_code=COLLECTOR, total_count=2, total=800_00,
        part_count=2, part_no=part, debits=(row,),
    )  # fmt: skip


def announced(*packages: PackageCount, direction: str = "sent") -> tuple[str, PackagesAnnounced]:
    body = PackagesAnnounced(
        direction=direction, checked_on=DAY, batch_no="00000001", organisation_code=COLLECTOR,
        organisation_kind="1", package_count=len(packages), part_count=1, part_no=1, packages=packages,
    )  # fmt: skip
    return ("3201" if direction == "sent" else "3200"), body


def counted(number: str, pack_no: str, count: int, total: int, sender: str = COLLECTOR) -> PackageCount:
    return PackageCount(
        original_message=number,
        sender_code=sender,
        entrusted_on=DAY,
        batch_no=pack_no,
        count=count,
        total=total,
    )


async def test_silence_takes_a_package_and_its_results_come_under_our_number(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        outcome = await rig.send(ASKED)
        assert isinstance(outcome, Accepted)
        assert outcome.reference == "00000001"
        [(head, wire)] = centre.of("1102")
        assert [d.serial for d in wire.debits] == ["00000001", "00000002", "00000003"]
        await centre.send(*returned(wire), head.id)
        await rig.until(lambda: rig.accepted(DebitBatchReturned))
        [word] = rig.accepted(DebitBatchReturned)
        assert (word.original_entrusted_on, word.original_batch_no) == (DAY, "OURS-PACK-1")
        assert word.batch_no == "00000088"


async def test_silence_that_means_nothing_is_settled_by_the_results(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    packages = {"answer_timeout": 0.2, "silence_means_taken": False}
    async with played(queue_manager, tmp_path, packages=packages) as (rig, centre):
        message, prepared = await rig.prepared(ASKED)
        assert isinstance(await rig.sender.send(message, prepared), Unknown)
        assert isinstance(await rig.resolver.query(message, prepared), Unknown)
        [(head, wire)] = centre.of("1102")
        await centre.send(*returned(wire), head.id)
        await rig.until(lambda: rig.accepted(DebitBatchReturned))
        await sleep(0.05)
        assert isinstance(await rig.resolver.query(message, prepared), Accepted)
        assert isinstance(await rig.sender.send(message, prepared), Accepted)
        assert len(centre.of("1102")) == 1


async def test_a_package_refused_at_once(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1102"] = lambda _head, _body: [receipt("1102", "92001", "格式错误")]
        assert isinstance(await rig.send(ASKED), Rejected)
        [word] = rig.accepted(DebitBatchReturned)
        assert (word.original_batch_no, word.raw_code, word.results) == ("OURS-PACK-1", "92001", ())


async def test_a_package_refused_late_is_a_return_without_results(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        assert isinstance(await rig.send(ASKED), Accepted)
        [(head, _)] = centre.of("1102")
        await centre.send(*receipt("1102", "92001"), head.id)
        await rig.until(lambda: rig.accepted(DebitBatchReturned))
        assert rig.accepted(DebitBatchReturned)[0].results == ()


@pytest.mark.parametrize("code", ["94052", "94999"])
async def test_a_package_in_doubt_is_no_refusal(
    queue_manager: PrivateBroker, tmp_path: Path, code: str
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts["1102"] = lambda _head, _body: [receipt("1102", code)]
        assert isinstance(await rig.send(ASKED), Unknown)
        assert rig.accepted(DebitBatchReturned) == []


async def test_returns_of_other_packages_are_never_believed(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await rig.send(ASKED)
        [(head, wire)] = centre.of("1102")
        number, body = returned(wire)
        more = DebitResult(serial="00000009", amount=1, voucher_no="9", debited_on=DAY, raw_code="90000")
        for wrong in (
            msgspec.structs.replace(body, original_batch_no="00000007"),
            msgspec.structs.replace(body, results=(*body.results, more)),
        ):
            await centre.send(number, wrong, head.id)
        await rig.until(lambda: len(rig.harness.inbox.refused) == 2)
        assert rig.accepted(DebitBatchReturned) == []


async def test_too_many_debits_belong_to_the_book_first(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path, packages={"size": 2}) as (rig, _):
        with pytest.raises(Reject) as refused:
            await rig.prepared(ASKED)
        assert (refused.value.field, refused.value.rule) == ("debits", "count")
        assert "levies" in refused.value.zh


async def test_a_package_of_records_is_put_whole(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        file = tmp_path / "debits"
        file.write_bytes(b"x")
        kept = await rig.harness.inbox.keep(file, records=ASKED.debits)
        message, prepared = await rig.prepared(msgspec.structs.replace(ASKED, debits=()), attachment=kept)
        assert isinstance(await rig.sender.send(message, prepared), Accepted)
        [(_, wire)] = centre.of("1102")
        assert [d.voucher_no for d in wire.debits] == [d.voucher_no for d in ASKED.debits]


async def test_parts_of_a_day_are_handed_on_as_they_come(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await centre.send("3122", checked(2))
        await centre.send("3122", checked(1))
        await rig.until(lambda: len(rig.accepted(DebitsChecked)) == 2)
        assert {day.part_no for day in rig.accepted(DebitsChecked)} == {1, 2}


async def test_a_missing_package_is_asked_for_once_an_announcement(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    resend = {"organisation_kind": "1", "sender_code": COLLECTOR}
    async with played(queue_manager, tmp_path, resend=resend) as (rig, centre):
        await centre.send("3122", checked(1))
        await rig.send(ASKED)
        [(head, wire)] = centre.of("1102")
        await centre.send(*returned(wire), head.id)
        await rig.until(lambda: rig.accepted(DebitBatchReturned))
        raw = await centre.send(
            *announced(
                counted("2102", "00000088", 3, 1200_00, BANK),  # came
                counted("2102", "00000089", 5, 2000_00, BANK),  # did not
                counted("3122", "00000009", 2, 800_00),  # one part of two came
            )
        )
        await rig.until(lambda: len(centre.of("9111")) + len(centre.of("9113")) == 2)
        [(_, package)] = centre.of("9111")
        [(_, check)] = centre.of("9113")
        assert (package.wanted_batch_no, package.wanted_sender_code) == ("00000089", BANK)
        assert (check.wanted_batch_no, check.checked_on) == ("00000009", DAY)
        await centre.send("3201", ASKED, raw=raw)  # the same message once more
        await rig.until(lambda: rig.logged("treasury.repeated"))
        assert len(centre.of("9111")) == 1


async def test_what_we_sent_is_counted_too(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await rig.send(ASKED)
        mine = counted("1102", "00000001", 3, 1200_00)
        await centre.send(*announced(mine, direction="received"))
        await rig.until(lambda: rig.accepted(PackagesAnnounced))
        await sleep(0.1)
        assert not rig.logged("treasury.package_counted_otherwise")
        await centre.send(
            *announced(
                msgspec.structs.replace(mine, total=1),
                counted("1102", "00000044", 3, 1),
                direction="received",
            )
        )
        await rig.until(lambda: rig.logged("treasury.package_not_ours"))
        assert rig.logged("treasury.package_counted_otherwise")


# What arrives, whatever it is


async def test_the_same_message_twice_is_one_message(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        raw = await centre.send("3122", checked())
        await centre.send("3122", checked(), raw=raw)
        await rig.until(lambda: rig.logged("treasury.repeated"))
        assert len(rig.accepted(DebitsChecked)) == 1


async def test_the_same_number_with_other_bytes_is_refused(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await centre.send("3122", checked(1), id="20261120000000009011", reference="20261120000000009011")
        await rig.until(lambda: rig.accepted(DebitsChecked))
        await sleep(0.1)
        await centre.send("3122", checked(2), id="20261120000000009011", reference="20261120000000009011")
        await rig.until(lambda: rig.harness.inbox.refused)
        assert rig.harness.inbox.refused[0].code == "duplicate-msgid"
        assert len(rig.accepted(DebitsChecked)) == 1


async def test_bad_seals_and_unreadable_messages_are_refused_told_and_gone(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        good = centre.seal.seal(centre.formats.write("3122", checked(), centre.head("3122"), _at()))
        forged = good.replace(b"400.00", b"900.00")
        strange = centre.seal.seal(good.partition(b"<!--")[0].replace(b"3122", b"7777"))
        elsewhere = centre.seal.seal(good.partition(b"<!--")[0].replace(NODE.encode(), b"299010100009"))
        for raw in (forged, strange, elsewhere, b"\x00 not a document"):
            await centre.send("3122", checked(), raw=raw)
        await rig.until(lambda: len(rig.harness.inbox.refused) == 4)
        codes = {no.code for no in rig.harness.inbox.refused}
        assert codes == {"signature", "unknown-operation", "invalid", "malformed"}
        await rig.until(lambda: len(centre.of("9120")) == 3)  # of what has no head, nothing can be said
        told = {body.original_message for _, body in centre.of("9120")}
        assert told == {"3122", "7777"}
        assert rig.accepted(DebitsChecked) == []


async def test_nothing_is_told_where_settings_forbid_it(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path, answer_errors=False) as (rig, centre):
        await centre.send("3122", checked(), raw=b"<CFX></CFX>")
        await rig.until(lambda: rig.harness.inbox.refused)
        await sleep(0.1)
        assert centre.of("9120") == []


async def test_where_the_store_is_away_it_stays_on_the_queue(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        rig.harness.inbox.error = Unavailable("库不可用", "no store")
        await centre.send("3122", checked())
        await rig.until(lambda: rig.logged("mq.take_failed"))
        rig.harness.inbox.error = None
        await rig.until(lambda: rig.accepted(DebitsChecked))


async def test_what_no_route_takes_is_on_record(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        inbox = rig.harness.inbox

        async def nowhere(inbound: Inbound) -> Receipt:
            raise Reject("没有路由", "no route", code="no-route")

        inbox.accept = nowhere  # type: ignore[method-assign]
        await centre.send("9105", text())
        await rig.until(lambda: "9105" in [one.kind for one in inbox.handled_ones])
        assert not inbox.refused


async def test_a_conflict_in_the_store_is_a_refusal(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):

        async def taken(inbound: Inbound) -> Receipt:
            raise Conflict("标识已用", "used", code="duplicate-msgid", field="msgid", rule="unique")

        rig.harness.inbox.accept = taken  # type: ignore[method-assign]
        await centre.send("9105", text())
        await rig.until(lambda: rig.harness.inbox.refused)
        assert rig.harness.inbox.refused[0].code == "duplicate-msgid"


async def test_texts_go_both_ways(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        assert isinstance(await rig.send(text()), Accepted)
        assert [body.content for _, body in centre.of("9105")] == ["请核对"]
        await centre.send("9105", text())
        await rig.until(lambda: rig.accepted(TextSent))


async def test_no_personal_value_is_logged_or_remembered(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await rig.send(ASKED)
        [(head, wire)] = centre.of("1102")
        await centre.send(*returned(wire), head.id)
        await centre.send("9101", switched())
        await rig.until(lambda: rig.accepted(DebitBatchReturned))
        everything = str(rig.harness.log.entries).encode() + _files(rig)
        for debit in ASKED.debits:
            for value in (debit.payer_name, debit.payer_account_no, debit.contributor_no, debit.agreement_no):
                assert value.encode() not in everything


def _files(rig: Rig) -> bytes:
    return b"".join(file.read_bytes() for file in rig.harness.context.state_dir.iterdir() if file.is_file())


def text() -> Body:
    return TextSent(
        from_node=NODE,
        to_node="100000000000",
        sender_code=COLLECTOR,
        receiver_code="100000000000",
        content="请核对",
    )


def _at() -> dt.datetime:
    return dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
