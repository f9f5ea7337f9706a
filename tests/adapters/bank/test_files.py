"""Every shipped profile, out and back: real files over real SFTP, read and answered by the simulated bank."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.bank.files.profile import file_of
from adapters.bank.simulator.books import Booked
from gateway.canonical.account import EntriesNotified, StatementReported, VerificationAnswered
from gateway.canonical.payment import BatchReturned, ReconciliationReported, StatusReported
from gateway.contract import Accepted, Reject
from mappings import SHIPPED
from tests.adapters.bank.bodies import batch, verification
from tests.adapters.bank.conftest import Partner


@pytest.mark.parametrize(
    ("profile", "facts"),
    [
        ("shipped:ybdf", {}),
        ("shipped:fixed", {}),
        ("shipped:postal", {}),
        ("shipped:cmbc", {"inter_bank": True, "party": None}),
        ("shipped:cmbc", {"inter_bank": False, "party": None}),
        ("shipped:utility", {"kind": "direct-debit", "party": None}),
    ],
)
async def test_a_batch_goes_out_and_its_results_come_back(
    partner: Partner, profile: str, facts: dict[str, Any]
) -> None:
    it = partner(profile)
    body = batch("1471", "0001", **facts)
    message, prepared, outcome = await it.submit(body)
    assert outcome == Accepted(reference=prepared.reference)
    it.bank.look()
    [(_, counts)] = it.bank.books.batches().items()
    assert counts == (1, 1)
    [come] = await it.fetch()
    returned = come.body
    assert isinstance(returned, BatchReturned)
    assert returned.batch_id == "0001"
    assert returned.stage == "final"
    assert [r.status.partition(".")[0] for r in returned.results] == [
        "settled",
        "rejected",
        "settled",
        "settled",
    ]
    assert [r.amount for r in returned.results] == [i.amount for i in body.items]
    assert [r.name for r in returned.results] == [i.name for i in body.items]
    assert come.raw
    assert come.subject == "0001"
    assert await it.fetch() == [], "what was taken is taken away"
    assert await it.sender.query(message, prepared) == Accepted(reference=prepared.reference)


async def test_pain_messages_as_files(partner: Partner) -> None:
    it = partner("shipped:iso20022")
    for kind in ("credit-transfer", "direct-debit"):
        body = batch("14", f"ISO20261120-{kind[0]}", kind)
        _, prepared, outcome = await it.submit(body)
        assert outcome == Accepted(reference=prepared.reference)
        it.bank.look()
        [come] = await it.fetch()
        assert isinstance(come.body, StatusReported)
        assert come.body.status == "partial"
        assert [(r.end_to_end_id, r.status, r.raw_code) for r in come.body.results] == [
            (body.items[0].end_to_end_id, "settled", None),
            (body.items[1].end_to_end_id, "rejected", "AC01"),
        ]
    today = dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()
    it.bank.take_back("ISO20261120-c", "R26112000001")
    it.bank.state(today)
    statement, notified = sorted(await it.fetch(), key=lambda i: type(i.body).__name__, reverse=True)
    assert isinstance(statement.body, StatementReported)
    assert [entry.side for entry in statement.body.entries] == ["debit", "credit", "debit"]
    assert isinstance(notified.body, EntriesNotified)
    [transaction] = notified.body.entries[0].transactions
    assert (transaction.batch_id, transaction.return_reason) == ("ISO20261120-c", "AC04")


async def test_accounts_are_verified(partner: Partner) -> None:
    it = partner("shipped:ybdf")
    await it.submit(verification("14"))
    it.bank.look()
    [come] = await it.fetch()
    assert isinstance(come.body, VerificationAnswered)
    assert [a.status for a in come.body.accounts] == ["accepted", "rejected.no-account"]
    assert come.subject == "HY20261120001"


def booked(day: dt.date) -> Booked:
    return Booked(
        reference="B000000001", batch="0001", day=day.isoformat(), item="R26112000001",
        name="张测试", account="6229990000000000019", amount=12345,
    )  # fmt: skip


async def test_the_day_is_reconciled_and_a_corrected_file_replaces_the_first(
    partner: Partner,
) -> None:
    it = partner("shipped:srcb")
    day = dt.date(2026, 11, 20)
    it.bank.reconcile(day)
    [first] = await it.fetch()
    assert isinstance(first.body, ReconciliationReported)
    assert (first.body.reconciled_on, first.body.lines) == (day, ())
    assert first.subject == "2026-11-20"
    it.bank.reconcile(day)
    assert await it.fetch() == [], "the same file again is the same message"
    it.bank.books.execute("0001", [booked(day)])
    it.bank.reconcile(day)
    [corrected] = await it.fetch()
    assert isinstance(corrected.body, ReconciliationReported)
    assert [line.amount for line in corrected.body.lines] == [12345]
    assert it.inbox.refused == []


async def test_intermediate_and_final_returns(partner: Partner, tmp_path: Path) -> None:
    profile = tmp_path / "platform.yaml"
    profile.write_text(
        """
profile: platform
title: {zh: 平台, en: Platform}
send:
  payout: {mapping: shipped:bank/agency.disbursement, name: '{batch}.txt'}
receive:
  intermediate: {mapping: shipped:bank/ums.return, name: '{batch}.ret', stage: intermediate, answers: payout}
  final: {mapping: shipped:bank/ums.return, name: 'final_{batch}.ret', stage: final, answers: payout, whole: true}
""",
        encoding="utf-8",
    )
    it = partner(profile)
    await it.submit(batch("18", "REQ20261120001"))
    it.bank.look()
    come = {i.body.stage: i.body for i in await it.fetch() if isinstance(i.body, BatchReturned)}
    assert [r.status for r in come["intermediate"].results] == ["settled", "pending"]
    assert [r.status for r in come["final"].results] == ["settled", "settled"]


async def test_what_the_bank_cannot_be_told_is_refused_without_its_value(
    partner: Partner,
) -> None:
    it = partner("shipped:ybdf")
    rare = batch("1")
    for body, code in (
        (replace(rare, items=(replace(rare.items[0], name="王䶮"),)), "mapping"),
        (replace(rare, batch_id="A_1"), "name"),
        (replace(rare, kind="direct-debit"), "unsupported"),
        (replace(rare, control_sum=1), "mapping"),
    ):
        with pytest.raises(Reject) as refused:
            await it.sender.prepare(it.harness.message(body))
        assert refused.value.code == code
        assert "䶮" not in refused.value.zh + refused.value.en


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        (r"charset: gbk", "charset: gb18030", "王䶮·娜"),
        (r"to: name, +(.*)\n", r"to: name, outside: substitute(name_substitutes), \1\n", "王YAN·娜"),
    ],
)
async def test_a_rare_name_goes_out_as_it_was_agreed(
    partner: Partner, tmp_path: Path, old: str, new: str, written: str
) -> None:
    shipped = (SHIPPED / "bank" / "ybdf.request.yaml").read_text(encoding="utf-8")
    own = re.sub(old, new, shipped).replace("bank.ybdf", "own.bank")
    if "substitute" in own:
        own += "  - {to: items.name, why: 银行约定的替换}\n"
    (tmp_path / "request.yaml").write_text(own, encoding="utf-8")
    profile = tmp_path / "own.yaml"
    text = file_of("shipped:ybdf").read_text(encoding="utf-8")
    profile.write_text(text.replace("shipped:bank/ybdf.request", "request.yaml"), encoding="utf-8")
    it = partner(profile)
    it.bank.faults.add("silent")  # its return would have to be of that charset, too
    body = batch("1")
    named = replace(body, items=(replace(body.items[0], name="王䶮·娜"),))
    _, prepared, _ = await it.submit(named)
    assert written.encode("gb18030") in prepared.content
    it.bank.look()
    assert it.bank.books.batches() == {"0001": (1, 1)}
