"""Every shipped mapping reads hostile bytes: it refuses them, or reads a body that keeps the laws.

`FUZZ_SECONDS` is the time for all mappings together (default 300), `FUZZ_SEED` the chance. What is found stays in
`var/fuzz/<mapping>`, a failing input as `crash`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from mappings import Mapping, MappingError, shipped
from mappings.samples import elsewhere, round_trip, samples
from tests.fuzz.fuzzer import Slow, fuzz
from tests.mappings.tools import compiled

READERS = [m for m in map(compiled, shipped()) if m.plan.decodes]
SECONDS = float(os.environ.get("FUZZ_SECONDS", "300"))
CORPUS = Path(__file__).parents[2] / "var" / "fuzz"


@pytest.mark.long
@pytest.mark.parametrize("mapping", READERS, ids=lambda m: m.name)
def test_hostile_bytes(mapping: Mapping) -> None:
    good = [folder for folder in samples(mapping) if (folder / "canonical.json").exists()]
    if not good:
        pytest.skip("has no good sample to begin from")
    body = msgspec.json.decode((good[0] / "canonical.json").read_bytes(), type=mapping.plan.struct)
    given = elsewhere(mapping, body)

    def read(data: bytes) -> None:
        with suppress(MappingError):
            found = mapping.decode(data, **given)
            if mapping.plan.encodes:
                round_trip(mapping, found)

    seeds = [file.read_bytes() for folder in samples(mapping) for file in folder.glob("wire.*")]
    seed = int(os.environ.get("FUZZ_SEED", "1"))
    tries, lines = fuzz(read, seeds, CORPUS / mapping.name, SECONDS / len(READERS), seed)
    print(f"{mapping.name}: {tries} inputs, {lines} lines")


def test_the_fuzzer_finds_what_is_three_steps_away(tmp_path: Path) -> None:
    """With each step a line of its own, as only coverage can see."""
    source = "def deep(data):\n if b'<' in data:\n  if b'\\x00' in data:\n   if b'1e400' in data:\n    raise KeyError"
    names: dict[str, object] = {}
    exec(compile(source, "<mapping test>", "exec"), names)
    deep = names["deep"]
    assert callable(deep)
    with pytest.raises(KeyError):
        fuzz(deep, [b"x"], tmp_path, 20, seed=1)
    assert b"1e400" in (tmp_path / "crash").read_bytes()


def test_an_input_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.fuzzer.LIMIT", 0.05)

    def spin(data: bytes) -> None:
        while True:
            pass

    with pytest.raises(Slow):
        fuzz(spin, [b"x"], tmp_path, 1, seed=1)
