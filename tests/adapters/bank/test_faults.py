"""What goes wrong between us and a bank: whatever it is, a batch is executed once, and no result is believed twice."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.bank.files.ledger import Ledger
from adapters.bank.files.lint import problems
from adapters.bank.files.profile import file_of
from adapters.bank.simulator import server
from gateway.canonical.payment import BatchReturned, PaymentBatch
from gateway.contract import Absent, Accepted, PartnerDown, QueryOutcome, Reject, Unavailable, Unknown
from tests.adapters.bank.bodies import DAY, batch, verification
from tests.adapters.bank.conftest import Partner
from tests.adapters.bank.rig import Rig
from tests.twisted_runner import sleep

INQUIRY = """\
mapping: own.inquiry
version: 1
title: {zh: 批次查询, en: What became of a batch}
canonical: payment.batch.submitted.v1
direction: encode
codec: {kind: delimited, charset: gbk, separator: '|', trailing: true, line_end: crlf, records: {head: {first: true}}}
fields:
  - {at: head/batch, column: 1, as: text(20), to: batch_id, name: 批次号}
lossy:
""" + "".join(
    f"  - {{to: {name}, why: 只问批次号}}\n" for name in PaymentBatch.__struct_fields__ if name != "batch_id"
)


def executions(it: Rig) -> dict[str, tuple[int, int]]:
    return it.bank.books.batches()


async def settled(it: Rig, message: Any, prepared: Any) -> QueryOutcome:
    """What the engine does with a doubt: asks, and sends again where the batch certainly never came."""
    outcome = await it.sender.query(message, prepared)
    if isinstance(outcome, Absent):
        outcome = await it.sender.send(message, prepared)  # type: ignore[assignment]
    return outcome


@pytest.mark.parametrize("fault", ["drop-after-rename", "drop-before-rename"])
@pytest.mark.parametrize("taken", [False, True])
async def test_a_lost_answer_makes_no_second_file(partner: Partner, fault: str, taken: bool) -> None:
    it = partner()
    message = it.harness.message(batch())
    prepared = await it.sender.prepare(message)
    it.bank.faults.add(fault, 6)
    try:
        outcome: Any = await it.sender.send(message, prepared)
    except PartnerDown:
        outcome = None
    it.bank.faults.clear()
    if taken:
        it.bank.look()
    if not isinstance(outcome, Accepted):
        outcome = await settled(it, message, prepared)
    it.bank.look()
    if isinstance(outcome, Unknown):
        assert taken, "a file that nobody took is seen where it is"
        await it.fetch()
        outcome = await it.sender.query(message, prepared)
    assert isinstance(outcome, Accepted)
    assert executions(it) == {"0001": (1, 1)}


@pytest.mark.parametrize("cut", [600, 3_000, 4_000, 5_000, 20_000, 60_000, 150_000])
async def test_a_cable_cut_anywhere_ends_in_one_execution(partner: Partner, cut: int) -> None:
    it = partner(cuts=[cut, cut])
    message = it.harness.message(batch("1" * 1500))
    prepared = await it.sender.prepare(message)
    act = it.sender.send
    for _ in range(6):
        try:
            outcome: Any = await act(message, prepared)
        except PartnerDown:
            continue
        it.bank.look()
        if isinstance(outcome, Accepted):
            break
        act = it.sender.send if isinstance(outcome, Absent) else it.sender.query  # type: ignore[assignment]
    it.bank.look()
    assert executions(it) == {"0001": (1, 1)}


async def test_a_name_is_given_once_whatever_happens(partner: Partner) -> None:
    it = partner("shipped:fixed")
    first = it.harness.message(batch())
    prepared = await it.sender.prepare(first)
    assert prepared.reference.endswith("001.dat")
    again = it.restarted()
    assert (await again.sender.prepare(first)).reference == prepared.reference, "also after a restart"
    other = again.harness.message(batch())
    with pytest.raises(Reject) as refused:
        await again.sender.prepare(other)
    assert refused.value.code == "duplicate"
    next_day = again.harness.message(batch(number="0002"))
    assert (await again.sender.prepare(next_day)).reference.endswith("002.dat")
    again.harness.clock.offset = 86400.0
    tomorrow = again.harness.message(batch(number="0003"))
    assert (await again.sender.prepare(tomorrow)).reference.endswith("001.dat"), "numbers begin anew"


async def test_what_nobody_had_begun_to_put_is_absent(partner: Partner) -> None:
    it = partner()
    message = it.harness.message(batch())
    prepared = await it.sender.prepare(message)
    assert await it.sender.query(message, prepared) == Absent()


class Died(BaseException):
    """The process."""


@pytest.mark.parametrize("noted", [False, True])
async def test_what_died_before_its_name_appeared_is_put_again(
    partner: Partner, noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = partner()
    message = it.harness.message(batch())
    prepared = await it.sender.prepare(message)
    with monkeypatch.context() as patched:

        def begin(self: Ledger, name: str) -> None:
            if noted:
                original(self, name)
            raise Died

        original = Ledger.begin
        patched.setattr(Ledger, "begin", begin)
        with pytest.raises(Died):
            await it.sender.send(message, prepared)
    it = it.restarted()
    it.bank.look()
    assert await it.sender.query(message, prepared) == Absent()
    assert await it.sender.send(message, prepared) == Accepted(reference=prepared.reference)
    it.bank.look()
    assert executions(it) == {"0001": (1, 1)}


@pytest.mark.parametrize(("profile", "last"), [("shipped:ybdf", 3), ("shipped:fixed", 2)])
async def test_it_is_noted_once_and_never_again_in_between(
    partner: Partner, monkeypatch: pytest.MonkeyPatch, profile: str, last: int
) -> None:
    """The last rename was asked for, the connection is lost, and the second pass finds a disk that is full."""
    it = partner(profile)
    message = it.harness.message(batch())
    prepared = await it.sender.prepare(message)
    noted: list[str] = []
    begin = Ledger.begin

    def once(self: Ledger, name: str) -> None:
        noted.append(name)
        if len(noted) > 1:
            raise OSError(28, "No space left on device")
        begin(self, name)

    renames = iter(range(1, 1000))
    monkeypatch.setattr(Ledger, "begin", once)
    monkeypatch.setattr(
        it.bank.faults, "strikes", lambda kind: kind == "drop-after-rename" and next(renames) == last
    )
    for _ in range(4):
        try:
            outcome = await it.sender.send(message, prepared)
        except PartnerDown:
            outcome = None  # type: ignore[assignment]
        it.bank.look()
        if outcome is not None:
            break
    assert executions(it) == {"0001": (1, 1)}


async def test_a_rename_that_happens_after_somebody_looked_makes_no_second_file(
    partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stalls beyond every deadline, and carries on."""
    it = partner("shipped:fixed")
    message = it.harness.message(batch())
    prepared = await it.sender.prepare(message)
    goes_on = threading.Event()
    rename = server._Files.rename

    def stalled(self: Any, old: str, new: str) -> Any:
        if new.endswith(".ok"):
            goes_on.wait(30)
        return rename(self, old, new)

    monkeypatch.setattr(server._Files, "rename", stalled)
    outcome: Any = await it.sender.send(message, prepared)
    assert isinstance(outcome, Unknown)
    outcome = await it.sender.query(message, prepared)
    goes_on.set()
    for _ in range(200):
        if any(name.endswith(".ok") for name in os.listdir(it.bank.home / "in")):
            break
        await sleep(0.05)
    it.bank.look()
    for _ in range(3):
        act = it.sender.send if isinstance(outcome, Absent) else it.sender.query
        outcome = await act(message, prepared)
        it.bank.look()
    assert executions(it) == {"0001": (1, 1)}


async def test_a_silent_bank_is_asked_again_and_never_sent_to_again(partner: Partner) -> None:
    it = partner()
    it.bank.faults.add("silent")
    message, prepared, _ = await it.submit(batch())
    it.bank.look()
    for _ in range(3):
        assert isinstance(await it.sender.query(message, prepared), Unknown)
    assert executions(it) == {"0001": (1, 1)}


async def test_a_silent_bank_is_asked_by_file_where_that_was_agreed(partner: Partner, tmp_path: Path) -> None:
    (tmp_path / "inquiry.yaml").write_text(INQUIRY, encoding="utf-8")
    profile = tmp_path / "own.yaml"
    shipped = file_of("shipped:ybdf").read_text(encoding="utf-8")
    asking = "send:\n  inquiry: {mapping: inquiry.yaml, name: 'CX_{date}_{batch}.txt', asks: disbursement}\n"
    profile.write_text(shipped.replace("send:\n", asking), encoding="utf-8")
    assert problems(profile) == []
    it = partner(profile)
    it.bank.faults.add("silent")
    message, prepared, _ = await it.submit(batch())
    it.bank.look()
    for _ in range(2):
        assert isinstance(await it.sender.query(message, prepared), Unknown)
    it.bank.look()
    [come] = await it.fetch()
    assert come.subject == "0001"
    assert await it.sender.query(message, prepared) == Accepted(reference=prepared.reference)
    assert executions(it) == {"0001": (1, 1)}


async def test_a_refused_batch_comes_back_refused(partner: Partner) -> None:
    it = partner()
    it.bank.faults.add("refuse")
    await it.submit(batch("111"))
    it.bank.look()
    [come] = await it.fetch()
    assert isinstance(come.body, BatchReturned)
    assert {r.status for r in come.body.results} == {"rejected.no-account"}


async def test_the_same_return_again_is_the_same_message(partner: Partner) -> None:
    it = partner()
    it.bank.faults.add("duplicate")
    await it.submit(batch())
    it.bank.look()
    assert len(await it.fetch()) == 1
    it.bank.look()
    assert os.listdir(it.bank.home / "out"), "it came a second time"
    assert await it.fetch() == []
    assert os.listdir(it.bank.home / "out") == []
    assert it.inbox.refused == []


@pytest.mark.parametrize(
    ("fault", "code", "rule"),
    [("contradict", "conflict", "same-name"), ("wrong-totals", "invalid", "count")],
)
async def test_a_wrong_return_is_refused_on_record(
    partner: Partner, fault: str, code: str, rule: str
) -> None:
    it = partner()
    it.bank.faults.add(fault)
    await it.submit(batch("1147"))
    it.bank.look()
    await it.fetch()
    it.bank.look()
    await it.fetch()
    [refused] = it.inbox.refused
    assert refused.code == code
    assert refused.rule == rule
    [report] = it.harness.context.state_dir.rglob("*.report.txt")
    text = report.read_text(encoding="utf-8")
    assert "refused-1" in text
    for body in batch("1147").items:
        assert body.account_no not in text
        assert body.name not in text


async def test_half_a_final_return_is_refused_where_it_must_be_whole(partner: Partner) -> None:
    it = partner()
    it.bank.faults.add("parts")
    await it.submit(batch("1147"))
    it.bank.look()
    assert await it.fetch() == []
    assert [r.rule for r in it.inbox.refused] == ["batch-count"]


async def test_a_return_waits_until_it_can_be_committed(partner: Partner) -> None:
    it = partner()
    await it.submit(batch())
    it.bank.look()
    it.inbox.error = Unavailable("库不可用", "the store is away")
    assert await it.fetch() == []
    assert len(os.listdir(it.bank.home / "out")) == 1
    it.inbox.error = None
    assert len(await it.fetch()) == 1


async def test_yesterdays_return_proves_nothing_about_todays_batch_of_the_same_number(
    partner: Partner,
) -> None:
    it = partner()
    await it.submit(batch())
    it.bank.look()
    assert len(await it.fetch()) == 1
    it.harness.clock.offset = 86400.0
    message, prepared, _ = await it.submit(replace(batch(), requested_on=DAY + dt.timedelta(days=1)))
    for file in (it.bank.home / "in").iterdir():
        file.unlink()  # it is gone, and nobody knows who has it
    assert isinstance(await it.sender.query(message, prepared), Unknown)


async def test_verified_accounts_prove_nothing_about_a_batch_of_the_same_number(partner: Partner) -> None:
    it = partner()
    await it.submit(verification())
    it.bank.look()
    assert len(await it.fetch()) == 1
    message, prepared, _ = await it.submit(batch(number=verification().request_id))
    for file in (it.bank.home / "in").iterdir():
        file.unlink()
    assert isinstance(await it.sender.query(message, prepared), Unknown)


async def test_a_file_that_speaks_of_another_batch_than_its_name_is_refused(partner: Partner) -> None:
    it = partner()
    for number in ("0001", "0002"):
        await it.submit(batch(number=number))
    it.bank.look()
    out = it.bank.home / "out"
    one, other = sorted(out.iterdir())
    one.write_bytes(other.read_bytes())
    other.unlink()
    assert await it.fetch() == []
    assert [r.rule for r in it.inbox.refused] == ["batch-number"]


async def test_a_companion_that_somebody_else_wrote_leaves_the_outcome_open(partner: Partner) -> None:
    it = partner()
    message = it.harness.message(batch())
    prepared = await it.sender.prepare(message)
    flag = it.bank.home / "in" / prepared.reference.replace(".txt", ".ok")
    (it.bank.home / "in" / prepared.reference).write_bytes(prepared.content)
    flag.write_bytes(b"theirs")
    assert isinstance(await it.sender.send(message, prepared), Unknown), "the bank may take it"
    assert isinstance(await it.sender.query(message, prepared), Unknown)


async def test_a_second_file_of_a_batch_is_refused_by_the_bank_and_counted(
    partner: Partner,
) -> None:
    it = partner()
    _, prepared, _ = await it.submit(batch())
    it.bank.look()
    folder = it.bank.home / "in"
    name = prepared.reference
    (folder / name).write_bytes(prepared.content)
    (folder / f"{name}.md5").write_text(hashlib.md5(prepared.content).hexdigest())
    (folder / name.replace(".txt", ".ok")).touch()
    it.bank.look()
    assert executions(it) == {"0001": (2, 1)}
