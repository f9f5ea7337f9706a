"""The wire samples: what each message means, and how it is answered, to the byte; over a real socket."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from adapters.hospital import adapter
from adapters.hospital.simulator.hl7 import read_ack
from gateway.contract.conformance import canonical_sample
from gateway.transports.mllp import MllpClient
from tests.adapters.hospital.hl7.world import World, world

CASES = sorted(path for path in (adapter.folder / "samples" / "hl7").iterdir() if path.is_dir())
NOW = dt.datetime(2026, 3, 2, 0, 30, 1, tzinfo=dt.UTC)


def test_there_are_samples() -> None:
    assert len(CASES) >= 15


def fixed(w: World) -> None:
    """The clock and the random bytes of the answers in the samples."""
    w.harness.clock.fixed = NOW
    w.face._answers._random = lambda size: b"\x9b" * size


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_sample_means_what_is_said_and_is_answered_so(tmp_path: Path, case: Path) -> None:
    wire = (case / "wire.hl7").read_bytes()
    async with world(tmp_path) as w:
        fixed(w)
        client = MllpClient("127.0.0.1", w.face.port)
        ack = await client.send(wire)
        await client.close()
    assert ack == (case / "ack.hl7").read_bytes()
    if (case / "canonical.json").exists():
        (inbound,) = w.inbox.accepted
        assert inbound.body == canonical_sample(case / "canonical.json")
        assert inbound.raw == wire
        return
    assert w.inbox.accepted == []
    (refusal,) = w.inbox.refused
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    told = read_ack(ack, "gbk")
    assert expected == {
        "ack": told.code,
        "code": refusal.code,
        "field": refusal.field,
        "rule": refusal.rule,
    }
