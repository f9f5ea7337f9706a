"""Every transaction there and back against the simulated platform, over HTTP, in the order of real work."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.settlement import adapter
from adapters.settlement.codec import BEIJING
from adapters.settlement.simulator import Options
from adapters.settlement.transactions import FORMATS, transaction_of
from gateway.canonical import body_type
from gateway.canonical.reconciliation import SettlementDetail
from gateway.canonical.refusal import RequestDone
from gateway.contract import Accepted, Reject, Rejected, Unavailable
from tests.adapters.settlement.bodies import NOW, PERSON, ROWS, bill, body, diagnosed, fees, rows
from tests.adapters.settlement.rig import Rig, cancellation, claim, person, rig

ON_UNKNOWN = {"none": "resend", "reversed": "reverse", "asked": "query", "open": "manual"}


def test_the_manifest_says_what_the_table_says() -> None:
    listed = {o.name: o for o in adapter.manifest.operations}
    assert set(listed) == {row.operation for row in ROWS.values()}
    for row in ROWS.values():
        operation = listed[row.operation]
        assert body_type(operation.request) is row.request
        assert body_type(operation.reply or "") is row.reply
        assert (operation.on_unknown, operation.moves_money) == (ON_UNKNOWN[row.effect], row.moves_money)
        assert row.infno.rstrip("A") in operation.title.zh


def test_every_shipped_mapping_of_a_transaction_is_used() -> None:
    from mappings import SHIPPED

    shipped = {f.stem for f in (SHIPPED / "settlement").glob("*.yaml")}
    # The channel writes the sign-in itself.
    assert {name for name in shipped if not name.startswith("900")} == set(FORMATS)


def test_the_message_chooses_among_numbers() -> None:
    referral = body("2501")
    assert transaction_of(msgspec.structs.replace(referral, previous_visit_id=None)).infno == "2501"
    assert transaction_of(msgspec.structs.replace(referral, previous_visit_id="V1")).infno == "2501A"
    newer = transaction_of(claim(), ("2207A", "2203A"))
    assert (newer.infno, newer.input, newer.output) == ("2207A", "2207.input", "2207.output")
    for number in ("2502", "2504", "2506"):
        assert transaction_of(body("2504", transaction=number)).infno == number
    with pytest.raises(Reject) as refused:
        transaction_of(body("2504", transaction="2508"))
    assert refused.value.field == "transaction"


async def done(it: Rig, request: Any) -> Any:
    """The reply of a request that goes through, of the type that the table says."""
    outcome = await it.send(request)
    assert isinstance(outcome, Accepted), outcome
    assert type(outcome.reply) is transaction_of(request).reply
    return outcome.reply


async def refused(it: Rig, request: Any, text: str) -> None:
    outcome = await it.send(request)
    assert isinstance(outcome, Rejected), outcome
    assert text in outcome.reason


async def registered(it: Rig) -> str:
    """A visit, by 2201."""
    reply = await done(it, body("2201", registered_at=NOW, outpatient_no="MZ0001"))
    return str(reply.visit_id)


async def admitted(it: Rig, number: str = "ZY0001") -> str:
    """A stay, by 2401."""
    reply = await done(it, diagnosed("2401", admitted_at=NOW, certificate_kind="02", inpatient_no=number))
    return str(reply.visit_id)


async def test_an_outpatient_from_question_to_undoing(tmp_path: Path) -> None:
    async with rig(tmp_path, variants=["2203A", "2207A"]) as it:
        assert (await done(it, person())).insurances
        assert (await done(it, body("2001"))).benefits[0].entitled
        visit = await registered(it)
        await refused(it, body("2201", registered_at=NOW, outpatient_no="MZ0001"), "已挂号")
        await done(it, body("2203", visit_id=visit))
        priced = await done(it, fees("2204", visit))
        assert [fee.amount for fee in priced.fees] == [1280, 1280]
        estimate = await done(it, bill("2206", visit))
        assert (estimate.total, estimate.pooling_paid, it.in_force) == (2560, 1612, 0)
        settled = await done(it, claim(visit_id=visit, fee_lines=()))
        assert (settled.total, settled.fund_total) == (estimate.total, estimate.fund_total)

        listed = await done(it, body("5201", visit_id=visit, since=None, until=None, medical_kind=None))
        assert [v.visit_id for v in listed.visits] == [visit]
        assert (await done(it, body("5202", visit_id=visit))).diagnoses[0].code
        found = await done(it, body("5203", visit_id=visit, settlement_id=None))
        assert found.settlement_id == settled.settlement_id
        shown = await done(it, body("5204", visit_id=visit, settlement_id=None))
        assert {fee.settlement_id for fee in shown.fees} == {settled.settlement_id}
        day = {"since": dt.datetime(2020, 1, 1, tzinfo=dt.UTC), "until": NOW}
        assert (await done(it, body("5205", **day))).fees
        assert ("S0000", Decimal("25.60")) in {(s.kind, s.value) for s in (await done(it, body("5206"))).sums}

        await refused(it, body("2205", visit_id=visit, charge_batch_no="B0001"), "已结算")
        await done(it, cancellation(settled.settlement_id, visit_id=visit))
        await refused(it, body("2202", visit_id=visit, outpatient_no="MZ0001"), "费用明细")
        await done(it, body("2205", visit_id=visit, charge_batch_no="0000"))
        await done(it, body("2202", visit_id=visit, outpatient_no="MZ0001"))
        assert it.simulator.platform.books.visits.by_id == {}
        sent = {r["infno"] for r in it.simulator.platform.requests}
        assert {"2203A", "2207A"} <= sent


async def test_a_stay_from_admission_to_undoing(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        visit = await admitted(it)
        await refused(it, diagnosed("2401", certificate_kind="02", inpatient_no="ZY0002"), "已在院")
        assert [v.visit_id for v in (await done(it, body("5303"))).visits] == [visit]
        await done(it, diagnosed("2403", visit_id=visit, admitted_at=NOW, certificate_kind="02", bed="B99"))
        assert (await done(it, body("5303"))).visits[0].admission_bed == "B99"
        assert len((await done(it, fees("2301", visit, 100))).fees) == 100
        await done(it, rows("2302", "fees", 98, visit_id=visit, person_no=PERSON))
        await refused(it, rows("2302", "fees", 98, visit_id=visit, person_no=PERSON), "不存在")
        estimate = await done(it, bill("2303", visit))
        settled = await done(it, bill("2304", visit))
        assert (settled.total, settled.fund_total) == (estimate.total, estimate.fund_total) == (2560, 1612)
        await done(it, diagnosed("2402", visit_id=visit, discharged_at=NOW))
        assert (await done(it, body("5303"))).visits == ()
        ids = {"visit_id": visit, "settlement_id": settled.settlement_id}
        assert (await done(it, body("4101A", **ids))).list_id
        await refused(it, body("4101", **ids, person_no=None), "已上传")

        await done(it, body("2305", **ids))
        await done(it, body("2405", visit_id=visit))
        await refused(it, body("2404", visit_id=visit), "费用明细")
        await done(it, _all_lines(visit))
        await done(it, body("2404", visit_id=visit))
        assert (it.in_force, it.simulator.platform.books.visits.by_id) == (0, {})


def _all_lines(visit: str) -> Any:
    made = rows("2302", "fees", 1, visit_id=visit, person_no=PERSON)
    return msgspec.structs.replace(made, fees=(msgspec.structs.replace(made.fees[0], line_no="0000"),))


async def test_filings_are_filed_found_and_withdrawn(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        since = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        for request, query, rows_of, withdrawal in (
            (body("2501"), body("5304", since=since, until=None), "referrals", "2502"),
            (body("2503"), body("5301"), "diseases", "2504"),
            (body("2505"), body("5302", kind=body("2505").kind), "designations", "2506"),
        ):
            filed = await done(it, request)
            assert len(getattr(await done(it, query), rows_of)) == 1
            undo = body("2504", transaction=withdrawal, filing_no=filed.filing_no, reason="填错")
            assert isinstance(await done(it, undo), RequestDone)
            assert getattr(await done(it, query), rows_of) == ()
            await refused(it, undo, "不存在")
        assert (await done(it, body("2501", previous_visit_id="V1"))).filing_no


async def test_catalogue_matches(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        matched = body("3301")
        await done(it, matched)
        await done(it, body("3302", item_code=matched.matches[0].item_code))
        await refused(it, body("3302", item_code=matched.matches[0].item_code), "不存在")


async def test_totals_agree_or_differ(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        _, _, outcome = await it.settled()
        settled: Any = outcome.reply
        day = settled.settled_at.astimezone(BEIJING).date()
        ours = body(
            "3201",
            since=day,
            until=day,
            total=settled.total,
            fund_total=settled.fund_total,
            account_paid=settled.account_paid,
            count=1,
        )
        assert (await done(it, ours)).result == "balanced"
        assert (await done(it, msgspec.structs.replace(ours, count=2))).result != "balanced"


def details_of(settled: Any, **changes: Any) -> Any:
    """One settlement of the institution's books, to be compared."""
    facts: dict[str, Any] = {
        "settlement_id": settled.settlement_id,
        "visit_id": settled.visit_id,
        "person_no": settled.person_no,
        "total": settled.total,
        "fund_total": settled.fund_total,
        "account_paid": settled.account_paid,
        "refund": False,
    }
    row = SettlementDetail(**{**facts, **changes})
    day = settled.settled_at.astimezone(BEIJING).date()
    sums = {"total": row.total, "fund_total": row.fund_total, "cash_paid": settled.cash_paid, "count": 1}
    return body("3202", since=day, until=day, file_no="mine", details=(row,), refunds=True, **sums)


async def two_settled(it: Rig) -> tuple[Any, Any]:
    _, _, first = await it.settled()
    _, _, second = await it.settled(claim(visit_id="990101S0002"))
    return first.reply, second.reply


@pytest.mark.parametrize("encoding", ["base64", "bytes"])
async def test_details_go_up_as_a_file_and_differences_come_back(tmp_path: Path, encoding: str) -> None:
    async with rig(tmp_path, file_encoding=encoding) as it:
        ours, centres = await two_settled(it)
        reply = await done(it, details_of(ours))
        kinds = {d.settlement_id: (d.kind, d.total) for d in reply.differences}
        assert kinds == {
            ours.settlement_id: ("balanced", 2560),
            centres.settlement_id: ("centre-only", 2560),
        }
        assert [r["infno"] for r in it.simulator.platform.requests][-3:] == ["9101", "3202", "9102"]
        wrong = await done(it, details_of(ours, total=2561))
        assert {d.kind for d in wrong.differences} == {"different", "centre-only"}
        alien = await done(it, details_of(ours, settlement_id="990101A999"))
        assert {d.kind for d in alien.differences} == {"institution-only", "centre-only"}
        # What the centre has not is the word `null` in its file.
        assert [d.total for d in alien.differences if d.kind == "institution-only"] == [None]


@pytest.mark.parametrize(("infno", "kind"), [
    ("9101", "drop-after-commit"), ("3202", "drop-after-commit"), ("9102", "truncated-file"),
    ("9102", "refusal"), ("9101", "duplicate-msgid"),
])  # fmt: skip
async def test_a_comparison_that_broke_off_is_made_again(tmp_path: Path, infno: str, kind: str) -> None:
    async with rig(tmp_path) as it:
        ours, _ = await two_settled(it)
        message, prepared = await it.prepare(details_of(ours))
        it.simulator.fault(kind, infno)
        assert not isinstance(await it.sender.send(message, prepared), Accepted)
        assert isinstance(await it.sender.send(message, prepared), Accepted)


async def test_a_file_the_platform_has_is_only_named(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        ours, _ = await two_settled(it)
        bare = msgspec.structs.replace(details_of(ours), details=())
        await refused(it, bare, "文件不存在")
        await done(it, details_of(ours))
        number = next(iter(it.simulator.platform.clearing.files))
        compared = await done(it, msgspec.structs.replace(bare, file_no=number))
        assert compared.differences is None


@pytest.mark.parametrize("kind", ["rows-reversed", "extra-fields", "output-string", "delivered-twice", "gbk"])
async def test_answers_written_in_another_way_are_read_alike(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, Options(sign_in=True), sign_in={"ip": "192.0.2.10"}) as it:
        visit = await registered(it)
        await done(it, body("2203", visit_id=visit))
        query = body("5204", visit_id=visit, settlement_id=None)
        for request in (fees("2204", visit, 3), bill("2206", visit, 3), query):
            it.simulator.fault(kind, transaction_of(request).infno)
            await done(it, request)
        assert len(list(it.simulator.platform.books.fees.of_visit(visit))) == 3


async def test_the_session_ends_with_the_gateway(tmp_path: Path) -> None:
    options, wanted = Options(sign_in=True), {"ip": "192.0.2.10", "sign_out": True}
    async with rig(tmp_path, options, sign_in=wanted) as it:
        session = adapter.receiver(it.settings, it.harness.context)
        assert session is not None
        await session.start()
        await it.send(person())
        await it.send(claim(operator_code="op02"))
        assert len(it.simulator.platform.sign_nos) == 2
        await session.stop()
        assert it.simulator.platform.sign_nos == set()
    async with rig(tmp_path, options, sign_in=wanted) as it:
        session = adapter.receiver(it.settings, it.harness.context)
        assert session is not None
        await it.send(person())
        it.harness.serials.error = Unavailable("存储不可用", "the store is away")
        await session.stop()  # the stop of the gateway does not fail for it
        assert [event for _, event, _ in it.harness.log.entries] == ["sign-out.not-sent"]
    async with rig(tmp_path, options, sign_in={"ip": "192.0.2.10"}) as it:
        assert adapter.receiver(it.settings, it.harness.context) is None
