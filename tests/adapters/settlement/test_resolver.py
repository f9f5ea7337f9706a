"""What becomes of a settlement whose answer was lost. The law: money moves once at most, and what is
reported as reversed has no effect, now or later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.settlement.simulator import KINDS, Options
from gateway.canonical import Message
from gateway.canonical.settlement import CancellationDone, ClaimSettled
from gateway.contract import (
    Absent,
    Accepted,
    PartnerDown,
    Prepared,
    Rejected,
    RetryLater,
    Reversed,
    Unknown,
)
from tests.adapters.settlement.rig import Rig, cancellation, claim, person, reversal, rig
from tests.twisted_runner import sleep


async def test_query_finds_our_settlement(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault("drop-after-commit", "2207")
        message, prepared = await it.prepare(claim())
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        found = await it.resolver.query(message, prepared)
        assert isinstance(found, Accepted)
        assert isinstance(found.reply, ClaimSettled)
        assert found.reply.sender_message_id == prepared.reference
        assert found.reply.total == 2560
        assert found.mapping == "settlement.5203.output@1"


async def test_query_tells_nothing_from_another_ones_settlement(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        message, prepared = await it.prepare(claim(charge_batch_no="B0002"))
        assert isinstance(await it.resolver.query(message, prepared), Absent)
        await it.settled()
        assert isinstance(await it.resolver.query(message, prepared), Absent)


async def test_query_finds_a_refund(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        _, _, outcome = await it.settled()
        assert isinstance(outcome.reply, ClaimSettled)
        it.simulator.fault("drop-after-commit", "2208")
        message, prepared = await it.prepare(cancellation(outcome.reply.settlement_id))
        assert isinstance(await it.resolver.query(message, prepared), Absent)
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        found = await it.resolver.query(message, prepared)
        assert isinstance(found, Accepted)
        assert isinstance(found.reply, CancellationDone)
        assert found.reply.total == -2560
        # Reversing the cancellation puts the settlement back in force.
        assert isinstance(await it.resolver.reverse(message, prepared), Reversed)
        assert it.in_force == 1


async def test_reverse_undoes_what_took_effect(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        message, prepared, _ = await it.settled()
        for _ in range(2):
            assert isinstance(await it.resolver.reverse(message, prepared), Reversed)
        assert it.in_force == 0
        assert isinstance(await it.resolver.query(message, prepared), Absent)


@pytest.mark.parametrize("platform_says", ["failure", "success"])
@pytest.mark.parametrize("counts", [True, False])
async def test_an_original_that_never_came(tmp_path: Path, platform_says: str, counts: bool) -> None:
    options = Options(reversal_not_found=platform_says)
    async with rig(tmp_path, options, reversal_not_found_is_success=counts) as it:
        message, prepared = await it.prepare(claim())
        outcome = await it.resolver.reverse(message, prepared)
        assert isinstance(outcome, Reversed if counts or platform_says == "success" else Unknown)
        # Should it still arrive, it must not take effect any more.
        late = await it.sender.send(message, prepared)
        assert isinstance(late, Rejected)
        assert it.in_force == 0


async def test_an_original_overtaken_by_its_reversal(tmp_path: Path) -> None:
    async with rig(tmp_path, reversal_not_found_is_success=True) as it:
        it.simulator.fault("delay-before-commit", "2207", seconds=0.7)
        message, prepared = await it.prepare(claim())
        assert isinstance(await it.sender.send(message, prepared), Unknown)
        assert isinstance(await it.resolver.query(message, prepared), Absent)
        assert isinstance(await it.resolver.reverse(message, prepared), Reversed)
        await sleep(0.5)
        assert it.in_force == 0


async def test_a_reversal_that_is_refused_is_left_to_a_person(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        message, prepared, outcome = await it.settled()
        assert isinstance(outcome.reply, ClaimSettled)
        await it.send(cancellation(outcome.reply.settlement_id))
        assert isinstance(await it.resolver.reverse(message, prepared), Rejected)


async def test_words_for_already_reversed(tmp_path: Path) -> None:
    async with rig(tmp_path, reversed_words=["模拟的业务错误"]) as it:
        message, prepared, _ = await it.settled()
        it.simulator.fault("refusal", "2601")
        assert isinstance(await it.resolver.reverse(message, prepared), Reversed)


@pytest.mark.parametrize("kind", ["silence", "reset-before", "http-502", "truncated", "http-status"])
async def test_a_resolver_that_hears_nothing_knows_nothing(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path) as it:
        message, prepared, _ = await it.settled()
        it.simulator.fault(kind, "*", count=2, status=401)
        assert isinstance(await it.resolver.query(message, prepared), Unknown)
        assert isinstance(await it.resolver.reverse(message, prepared), Unknown)


async def test_a_platform_that_is_down_was_not_asked(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        message, prepared = await it.prepare(claim())
        await it.simulator.stop()
        with pytest.raises(PartnerDown):
            await it.resolver.query(message, prepared)
        with pytest.raises(PartnerDown):
            await it.resolver.reverse(message, prepared)


async def test_not_queried_where_the_settings_say_so(tmp_path: Path) -> None:
    async with rig(tmp_path, query_before_reverse=False) as it:
        message, prepared, _ = await it.settled()
        assert isinstance(await it.resolver.query(message, prepared), Unknown)


async def test_without_its_msgid_nothing_is_asked(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        message, prepared, _ = await it.settled()
        bare = Prepared(operation=prepared.operation, reference="", content=b"")
        assert isinstance(await it.resolver.query(message, bare), Unknown)
        assert isinstance(await it.resolver.reverse(message, bare), Unknown)
        assert it.in_force == 1


async def test_what_moves_no_money(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        question, asked = await it.prepare(person())
        assert isinstance(await it.resolver.query(question, asked), Absent)
        assert isinstance(await it.resolver.reverse(question, asked), Reversed)
        undo, sent = await it.prepare(reversal("H99010100001202501010101010001"))
        assert isinstance(await it.resolver.query(undo, sent), Absent)
        assert isinstance(await it.resolver.reverse(undo, sent), Rejected)


async def _deliver(it: Rig, message: Message, prepared: Prepared) -> Any:
    """What the engine does with `on_unknown: reverse`, a few times over."""
    for _ in range(3):
        try:
            outcome = await it.sender.send(message, prepared)
        except PartnerDown:
            continue
        if isinstance(outcome, Unknown):
            break
        if not isinstance(outcome, RetryLater):
            return outcome
    for _ in range(3):
        found = await it.resolver.query(message, prepared)
        if isinstance(found, Accepted | Rejected):
            return found
        undone = await it.resolver.reverse(message, prepared)
        if isinstance(undone, Reversed):
            return undone
    return Unknown(reason="in doubt")


@pytest.mark.parametrize("infno", ["2204", "2207", "5203", "2601", "*"])
async def test_no_second_effect_whatever_the_fault(tmp_path: Path, infno: str) -> None:
    """Every fault, twice in a row, at every transaction, on top of a lost answer."""
    changes: dict[str, Any] = {"timeout": 0.1, "reversal_not_found_is_success": True}
    async with rig(tmp_path, **changes) as it:
        for number, kind in enumerate(KINDS):
            before, in_force = it.double_effects, it.in_force
            if infno not in {"2207", "*"}:
                it.simulator.fault("drop-after-commit", "2207")
            it.simulator.fault(kind, infno, count=2, seconds=0.13)
            body = claim(visit_id=f"990101S{number:04d}")
            message, prepared = await it.prepare(body)
            outcome = await _deliver(it, message, prepared)
            await sleep(0.05)
            it.simulator.faults.active.clear()
            settled = it.in_force - in_force
            assert it.double_effects == before, kind
            if isinstance(outcome, Accepted):
                assert settled == 1, kind
            elif isinstance(outcome, Reversed):
                assert settled == 0, kind
                # Now and ever: what is still under way must not settle either.
                assert isinstance(await it.sender.send(message, prepared), Rejected), kind
                assert it.in_force - in_force == 0, kind
            elif isinstance(outcome, Rejected):
                # Refused reversals go to a person; refused claims have no effect.
                assert settled == 0, kind
