"""Recorded bytes over real HTTP: the request, what it means, the reply, and the answer to the byte.

A case with `expected.json` is refused, as that says. `gbk` and `text` in a case's name stand for the charset of its
bytes, and for `output` as a text.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from adapters.hospital import adapter
from gateway.contract.conformance import canonical_sample, sample_cases
from tests.adapters.hospital.national.world import world

CASES = [case for case in sample_cases(adapter) if case.parent.name == "national"]
NOW = dt.datetime(2025, 1, 1, 9, 0, 1, 123_000, dt.timezone(dt.timedelta(hours=8)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_sample(tmp_path: Path, case: Path) -> None:
    wire = (case / "wire.json").read_bytes()
    gbk, text = "gbk" in case.name, "text" in case.name
    face = {"authentication": {"kind": "none"}, "output": "string" if text else "object"}
    reply = case / "canonical_reply.json"
    async with world(tmp_path, face) as w:
        w.harness.clock.fixed = NOW
        if reply.exists():
            w.inbox.answer = lambda _: canonical_sample(reply)
        if case.name.startswith("2601"):
            original = json.loads(wire)["input"]["data"]["omsgid"]
            w.inbox.references[original] = canonical_sample(case / "canonical.json").original_message_id  # type: ignore[union-attr]
        hospital = w.hospital(token="")
        headers = {"Content-Type": f"application/json; charset={'GBK' if gbk else 'UTF-8'}"}
        answer = await hospital.once(wire, headers)
        hospital.close()
    assert answer.body == (case / "answer.json").read_bytes().rstrip(b"\n")
    if (case / "expected.json").exists():
        expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
        (refusal,) = w.inbox.refused
        assert {"code": refusal.code, "field": refusal.field, "rule": refusal.rule} == expected
        assert w.inbox.accepted == []
    else:
        (inbound,) = w.inbox.accepted
        assert inbound.body == canonical_sample(case / "canonical.json")
        assert w.inbox.refused == []


def test_there_are_enough() -> None:
    assert len(CASES) >= 25
