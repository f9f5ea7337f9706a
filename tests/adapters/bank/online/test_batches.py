"""Batches that go through: submitted, asked about, their results taken over, in both dialects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.bank.online import document_of
from adapters.bank.online.words import Batch
from gateway.canonical.payment import PaymentResult, StatusReported
from gateway.contract import Accepted, Reject, Unavailable
from tests.adapters.bank.online.rig import KINDS, NAMES, REFERENCE, SUBMIT, batch, rig, until


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("business", ["credit-transfer", "direct-debit"])
async def test_from_submission_to_results(tmp_path: Path, kind: str, business: str) -> None:
    async with rig(tmp_path, kind, progress=2) as it:
        sent = batch(5, business, lasts="94599")
        outcome = await it.send(sent)
        assert isinstance(outcome, Accepted), outcome
        assert outcome.reference == it.books.batches[REFERENCE].request
        assert it.books.executed[REFERENCE] == 1
        await it.look(2)
        assert it.returned == []  # not finished: RTNFLG means nothing yet
        await it.look(3)
        [body] = it.returned
        assert (body.stage, body.batch_id, body.status) == ("final", REFERENCE, "settled")
        assert (body.number_of_transactions, body.control_sum) == (5, sent.control_sum)
        assert [r.sequence for r in body.results] == [1, 2, 3, 4, 5]
        assert [r.amount for r in body.results] == [i.amount for i in sent.items]
        assert body.results[1].status == "rejected.error"
        assert body.results[1].raw_code == "AGC0004"
        partly = 2 if business == "direct-debit" else None
        assert {r.status for n, r in enumerate(body.results) if n not in (1, partly)} == {"settled"}
        if partly is not None:  # a success for the bank, and not the whole for us
            assert body.results[partly].settled_amount == sent.items[partly].amount // 2
            assert body.results[partly].status == "partial"
        assert await it.channel.ledger.due(float("inf")) == []
        for name in NAMES:
            assert name not in it.logged()
        assert sent.items[0].account_no not in it.logged()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("business", ["credit-transfer", "direct-debit"])
async def test_what_the_batch_does_not_say_stands_in_the_settings(
    tmp_path: Path, kind: str, business: str
) -> None:
    facts: dict[str, Any] = {
        "account": "990100000000271",
        "transaction_kinds": {business: "BYBK"},
        "purposes": {business: "医保"},
    }
    async with rig(tmp_path, kind, **facts) as it:
        outcome = await it.send(batch(2, business, own_account_no=None, category_purpose=None, purpose=None))
        assert isinstance(outcome, Accepted), outcome


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_stored_can_be_read_again(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        it.bank.bank.page = 2
        await it.send(batch(3))
        await it.look(2)
        [inbound] = it.inbox.accepted
        name, _, _ = inbound.mapping.removeprefix("bank.").partition("@")
        document = document_of(inbound.raw)
        tree = it.channel.formats.parse(name, document, it.harness.clock.now())
        again: Any = it.channel.formats.read(
            name, tree, it.harness.clock.now(), batch_id=REFERENCE, stage="final"
        )
        assert again.results == inbound.body.results[2:]  # the last page


@pytest.mark.parametrize("kind", KINDS)
async def test_slices_and_pages(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind, slice_size=100) as it:
        it.bank.bank.page = 70
        outcome = await it.send(batch(250))
        assert isinstance(outcome, Accepted), outcome
        assert it.bank.bank.requests.count(SUBMIT[kind, "credit-transfer"]) == 3
        assert it.books.executed[REFERENCE] == 1
        await it.look(2)
        [body] = it.returned
        assert [r.sequence for r in body.results] == list(range(1, 251))


async def test_items_that_come_as_an_attachment(tmp_path: Path) -> None:
    async with rig(tmp_path, slice_size=10) as it:
        whole = batch(25)
        file = tmp_path / "agency.txt"
        file.write_bytes(b"as received")
        claim = await it.inbox.keep(file, records=whole.items)
        message = it.harness.message(msgspec.structs.replace(whole, items=()), attachment=claim)
        prepared = await it.sender.prepare(message)
        assert isinstance(await it.sender.send(message, prepared), Accepted)
        assert [item.amount for item in it.books.batches[REFERENCE].items] == [i.amount for i in whole.items]
        assert it.books.executed[REFERENCE] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_many_results_are_an_attachment(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind, poll={"every": 0.05, "inline": 10}) as it:
        await it.send(batch(25))
        await it.look(2)
        [inbound] = it.inbox.accepted
        assert inbound.raw == b""
        assert inbound.body.results == ()
        claim = inbound.attachment
        assert (claim.records, claim.name) == (25, f"{REFERENCE}.final")
        lines = [
            msgspec.json.decode(line, type=PaymentResult) for line in it.inbox.attachments.records(claim)
        ]
        assert [line.sequence for line in lines] == list(range(1, 26))
        assert not list(it.folder.glob("answers-*"))


async def test_a_running_receiver(tmp_path: Path) -> None:
    async with rig(tmp_path, progress=3) as it:
        await it.receiver.start()
        await it.send(batch())
        await until(lambda: it.returned)
        await it.receiver.stop()
        assert len(it.inbox.accepted) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_batch_that_an_approver_refuses(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        await it.send(batch())
        it.books.veto(REFERENCE)
        await it.look()
        [inbound] = it.inbox.accepted
        assert isinstance(inbound.body, StatusReported)
        assert (inbound.body.batch_id, inbound.body.status) == (REFERENCE, "rejected.vetoed")
        assert await it.channel.ledger.due(float("inf")) == []


async def test_refunds_are_taken_once_each(tmp_path: Path) -> None:
    async with rig(tmp_path, refunds={"every": 1, "during": 3600}) as it:
        await it.send(batch(3))
        await it.look(3)
        assert len(it.returned) == 1
        it.books.send_back(REFERENCE, "00000002")
        await it.look(2)
        it.books.send_back(REFERENCE, "00000003")
        await it.look(2)
        refunds = it.returned[1:]
        assert [(b.stage, b.results[0].sequence, b.results[0].status) for b in refunds] == [
            ("final.refund", 2, "returned"),
            ("final.refund", 3, "returned"),
        ]
        it.harness.clock.offset = 7200.0
        await it.look()
        assert await it.channel.ledger.due(float("inf")) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_killed_around_the_commit_of_results(tmp_path: Path, kind: str) -> None:
    """The inbox has committed, the ledger does not know it: the same message again, not another."""
    async with rig(tmp_path, kind) as it:
        await it.send(batch())
        ledger = it.channel.ledger
        complete = ledger.complete

        async def killed(*_: object) -> None:
            raise RuntimeError("killed")

        ledger.complete = killed  # type: ignore[method-assign, assignment]
        with pytest.raises(RuntimeError):
            await it.look(2)
        ledger.complete = complete  # type: ignore[method-assign]
        await ledger.close()
        it.begin()
        await it.look(1)
        assert len(it.inbox.accepted) == 2
        assert len(it.returned) == 1
        keys = {i.idempotency for i in it.inbox.accepted}
        assert len(keys) == 1


async def test_a_store_that_is_away(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.send(batch())
        it.inbox.error = Unavailable("存储不可用", "the store is away")
        await it.look(3)
        it.inbox.error = None
        await it.look()
        assert len(it.returned) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_what_cannot_be_sent(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        whole = batch(3)
        for wrong in (
            batch(3, control_sum=1),
            batch(0),
            batch(3, items=tuple(reversed(whole.items))),
            batch(3, batch_id="A" * 31),
            batch(3, category_purpose=None),
            batch(3, purpose=None),
            batch(3, own_account_no=None),
        ):
            with pytest.raises(Reject) as refused:
                await it.prepare(wrong)
            for name in NAMES:
                assert name not in str(refused.value)
        assert it.bank.bank.requests == []


async def test_blanks_in_names(tmp_path: Path) -> None:
    item = msgspec.structs.replace(batch(1).items[0], name="ANNA BEISPIEL")
    async with rig(tmp_path) as it:
        with pytest.raises(Reject) as refused:
            await it.prepare(batch(1, items=(item,)))
        assert (refused.value.rule, refused.value.field) == ("blanks", "accnam")
        assert "ANNA" not in str(refused.value)
    async with rig(tmp_path / "other", blanks="remove") as it:
        assert isinstance(await it.send(batch(1, items=(item,))), Accepted)
        assert it.books.batches[REFERENCE].items[0].name == "ANNABEISPIEL"


@pytest.mark.parametrize("kind", KINDS)
async def test_one_reference_for_two_batches(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        await it.send(batch(2))
        other = await it.send(batch(3))
        assert getattr(other, "code", "") == "duplicate-reference"
        assert it.books.attempts[REFERENCE] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_connection_test(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        assert [step.ok async for step in it.checker.check()] == [True, True]
        it.bank.fault("refuse")
        steps = [step async for step in it.checker.check()]
        assert steps[1].ok
        assert "99" in steps[1].zh  # with the code, for the operator to judge
        it.bank.fault("html")
        assert [step.ok async for step in it.checker.check()] == [True, False]
        assert not it.books.batches
    if kind == "cmb-cdc":
        async with rig(tmp_path / "other") as it:
            it.bank.fault("wrong-signature")
            assert [step.ok async for step in it.checker.check()] == [True, False]


def test_the_ledger_holds_no_personal_data() -> None:
    names = {field.name for field in msgspec.structs.fields(Batch)}
    assert names == {
        "reference",
        "message",
        "kind",
        "count",
        "total",
        "at",
        "tried",
        "begun",
        "taken",
        "request",
    }
