"""Bad input over real sockets: answered where the protocol can, on record, without effect, and the listener stays up."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.hospital.simulator.hl7_attacks import ATTACKS, HARMLESS
from tests.adapters.hospital.hl7.world import world

#: MSA-1, what is on record (code, field, rule). None: nothing is, since nothing came that could be refused.
EXPECTED: dict[str, tuple[str, tuple[str, str, str] | None]] = {
    "half": ("", None),
    "dripping": ("AE", ("malformed", "", "incomplete")),
    "no-start": ("AE", ("malformed", "", "no-start")),
    "http": ("AE", ("malformed", "", "no-start")),
    "nested-start": ("AE", ("malformed", "", "nested-start")),
    "empty": ("AE", ("malformed", "MSH", "header")),
    "noise": ("AE", ("malformed", "MSH", "header")),
    "huge": ("AE", ("too-large", "", "too-large")),
    "segments": ("AE", ("malformed", "", "size")),
    "repetitions": ("AE", ("invalid", "PID-3", "size")),
    "fields": ("AE", ("malformed", "", "size")),
    "nul": ("AE", ("malformed", "", "control-character")),
    "wrong-charset": ("AE", ("malformed", "MSH-18", "charset")),
    "delimiters": ("AE", ("malformed", "MSH", "header")),
    "second-head": ("AE", ("malformed", "", "syntax")),
    "escape": ("AE", ("invalid", "PID-11[7=H].1", "escape")),
    "unknown-event": ("AR", ("unknown-operation", "MSH-9", "event")),
    "version": ("AR", ("invalid", "MSH-12", "version")),
    "debugging": ("AR", ("not-for-us", "MSH-11", "processing")),
    "stranger": ("AR", ("not-for-us", "MSH-4", "facility")),
    "no-control-id": ("AE", ("invalid", "MSH-10", "missing")),
    "missing-field": ("AE", ("invalid", "PV1-19.1", "missing")),
    "bad-time": ("AE", ("invalid", "EVN-2", "datetime")),
    "bad-amount": ("AE", ("invalid", "FT1[1]/11.3", "money")),
    "two-visits": ("AE", ("invalid", "PV1", "duplicate")),
    "id-used-again": ("AE", ("duplicate-msgid", "MSH-10", "unique")),
}


def test_every_attack_has_its_expectation() -> None:
    assert EXPECTED.keys() | HARMLESS == ATTACKS.keys()


@pytest.mark.parametrize("name", EXPECTED)
async def test_bad_input_is_refused_and_the_listener_stays_up(tmp_path: Path, name: str) -> None:
    code, on_record = EXPECTED[name]
    async with world(tmp_path) as w:
        engine = w.engine()
        ack = await engine.attack(name)
        before = len(w.inbox.taken)
        good = await engine.report("ADT^A01", 90)
        await engine.close()
    assert ack.code == code
    assert good.code == "AA"
    assert before == (1 if name == "id-used-again" else 0)
    assert [(r.code, r.field, r.rule) for r in w.inbox.refused] == ([on_record] if on_record else [])
    if code and name not in ("no-start", "http"):
        assert ack.text.endswith("[refused-1]")
        assert not ack.text.partition(" / ")[0].isascii()  # Chinese first
    assert "示例" not in ack.text
    assert bool(ack.error) == bool(code)


@pytest.mark.parametrize("name", sorted(HARMLESS))
async def test_a_good_message_sent_badly_is_taken_once(tmp_path: Path, name: str) -> None:
    async with world(tmp_path) as w:
        engine = w.engine()
        ack = await engine.attack(name)
        await engine.close()
    assert ack.code == "AA"
    assert len(w.inbox.taken) == 1
    assert w.inbox.refused == []


async def test_the_words_that_hospitals_know(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        engine = w.engine()
        ack = await engine.attack("no-start")
        await engine.close()
    assert ack.text == "Message Not Start With [0X0B]"
    assert ack.control_id == engine.ward.message("ADT^A01", 0).control_id


async def test_the_place_is_told_in_the_error_segment(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        engine = w.engine()
        acks = {
            name: await engine.attack(name) for name in ("missing-field", "bad-amount", "version", "huge")
        }
        await engine.close()
    assert acks["missing-field"].error == "PV1^1^19^101&就诊号 missing&HL70357"
    assert acks["missing-field"].text == (
        "就诊号 PV1-19.1:必填项缺失 / PV1-19.1: required, but missing [refused-1]"
    )
    assert acks["bad-amount"].error == "FT1^1^11^102&总额 money&HL70357"
    assert acks["version"].error == "MSH^1^12^203&version&HL70357"
    assert acks["huge"].error == "^^^102&too-large&HL70357"


async def test_long_words_are_cut_and_the_number_kept(tmp_path: Path) -> None:
    async with world(tmp_path, text_limit=40) as w:
        engine = w.engine()
        ack = await engine.attack("missing-field")
        await engine.close()
    assert len(ack.text) == 40
    assert ack.text.endswith(" [refused-1]")
