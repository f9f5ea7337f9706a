"""Checks a mapping by its laws and its samples. Needs hypothesis, so nothing that runs in production imports it.

The laws, for every value the canonical schema and the mapping allow:

* `decode(encode(value)) == value`
* `encode(decode(data)) == data` for data in the mapping's normal form, which is what `encode` writes
* bytes that are damaged are refused with `MappingError`, or are read as something with the same two laws
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from mappings.errors import MappingError
from mappings.mapping import Mapping
from mappings.values import kept_values, struct_values, totalled

_json = msgspec.json.Encoder(decimal_format="string")


class LawBroken(AssertionError):
    """A mapping does not keep its laws, or one of its samples does not hold."""


def strategy(mapping: Mapping) -> st.SearchStrategy[Any]:
    """Canonical bodies that the mapping can say, its totals included."""
    plan = mapping.plan
    fixed: dict[str, st.SearchStrategy[Any]] = {name: st.just(value) for name, value in plan.assumed.items()}
    if plan.keep:
        fixed[plan.keep] = kept_values()
    values = struct_values(plan.struct, plan.items, fixed, complete=not plan.decodes)
    return values.map(lambda body: totalled(body, plan.totals))


def envelope(mapping: Mapping) -> dict[str, str]:
    """Envelope values for `encode`, as short as they may be."""
    return {leaf.step: "X1" for leaf in mapping.plan.envelope if leaf.required}


def elsewhere(mapping: Mapping, body: Struct) -> dict[str, Any]:
    """What whoever decodes must supply, taken from the body that should come out."""
    return {name: getattr(body, name) for name in mapping.elsewhere}


def check_laws(mapping: Mapping, examples: int = 40) -> None:
    """Both round trips over generated bodies.

    Raises:
        LawBroken: with the smallest body hypothesis found.
    """

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy(mapping))
    def laws(body: Any) -> None:
        if mapping.direction != "decode":
            round_trip(mapping, body)

    laws()


def round_trip(mapping: Mapping, body: Any) -> None:
    """The two laws for one body."""
    data = mapping.encode(body, envelope(mapping))
    if mapping.direction == "encode":
        mapping.parse(data)
        return
    again = mapping.decode(data, **elsewhere(mapping, body))
    if again != body:
        raise LawBroken(f"{mapping.name}: decode(encode(value)) gives another value:\n{body}\n{again}")
    if mapping.encode(again, envelope(mapping)) != data:
        raise LawBroken(f"{mapping.name}: encode(decode(data)) gives other bytes:\n{data!r}")


def check_hostile(mapping: Mapping, data: bytes, body: Any, examples: int = 200) -> None:
    """Damages `data` at random: whatever comes must be refused, or read as something with the laws.

    Raises:
        LawBroken: a damaged message was read as something that does not keep them.
    """
    given_elsewhere = elsewhere(mapping, body)

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.integers(0, len(data) - 1), st.integers(0, 12), st.binary(max_size=8))
    def damage(start: int, cut: int, put: bytes) -> None:
        with contextlib.suppress(MappingError):
            found = mapping.decode(data[:start] + put + data[start + cut :], **given_elsewhere)
            round_trip(mapping, found)

    damage()


def samples(mapping: Mapping) -> tuple[Path, ...]:
    """The folders of a mapping's samples: `samples/<file name>/<case>` beside the mapping file."""
    folder = mapping.file.parent / "samples" / mapping.file.name.removesuffix(".yaml")
    return tuple(sorted(p for p in folder.glob("*") if p.is_dir()))


def check_samples(mapping: Mapping) -> int:
    """Every sample of a mapping, in every direction the mapping has. Returns how many there are.

    Raises:
        LawBroken: with the sample's folder.
    """
    folders = samples(mapping)
    for folder in folders:
        try:
            check_sample(mapping, folder)
        except MappingError as error:
            raise LawBroken(f"{folder}: {error}") from error
    return len(folders)


def check_sample(mapping: Mapping, folder: Path) -> None:
    """One sample: `wire.*` with either `canonical.json` or, if it must be refused, `refused.json`.

    Where the wire bytes are not in normal form, `normal.*` holds what is written back.
    """
    wire = _bytes(folder, "wire")
    if (folder / "refused.json").exists():
        _refused(mapping, folder, wire)
        return
    body: Any = msgspec.json.decode((folder / "canonical.json").read_bytes(), type=mapping.plan.struct)
    header: dict[str, str] = {}
    if mapping.direction != "encode":
        header = mapping.read_envelope(mapping.parse(wire))
        found = mapping.decode(wire, **elsewhere(mapping, body))
        if found != body:
            raise LawBroken(f"{folder}: decoded as {canonical_json(found).decode()}")
    normal = _bytes(folder, "normal") if any(folder.glob("normal.*")) else wire
    if mapping.direction != "decode" and mapping.encode(body, header) != normal:
        raise LawBroken(f"{folder}: encoded as {mapping.encode(body, header).decode()}")


def _refused(mapping: Mapping, folder: Path, wire: bytes) -> None:
    """`refused.json`: `{"elsewhere": {...}, "faults": [{"field": ..., "rule": ...}]}`, all faults in order."""
    expected = msgspec.json.decode((folder / "refused.json").read_bytes())
    try:
        mapping.decode(wire, **expected.get("elsewhere", {}))
    except MappingError as error:
        found = [{"field": f.field, "rule": f.rule} for f in error.faults]
        if found != expected["faults"]:
            raise LawBroken(f"{folder}: refused for {found}") from error
        return
    raise LawBroken(f"{folder}: accepted, but should be refused")


def _bytes(folder: Path, stem: str) -> bytes:
    """The bytes of `stem.*`, without the line feed that ends a text file."""
    (file,) = folder.glob(f"{stem}.*")
    return file.read_bytes().removesuffix(b"\n")


def canonical_json(body: Struct) -> bytes:
    """A body as `canonical.json` has it: indented for people."""
    return msgspec.json.format(_json.encode(body), indent=2) + b"\n"
