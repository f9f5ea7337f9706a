"""The samples of a mapping, and the two laws for one body; for production too, where nothing is generated.

`samples/<file name>/<case>/` beside the mapping file holds `wire.*` with `canonical.json` or `refused.json`; of a
mapping that only encodes, `refused.json` stands beside the `canonical.json` that it cannot say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mappings.errors import MappingError
from mappings.lenses import TextLens
from mappings.mapping import Mapping

_json = msgspec.json.Encoder(decimal_format="string")


class LawBroken(AssertionError):
    """A mapping does not keep its laws, or one of its samples does not hold."""


def envelope(mapping: Mapping) -> dict[str, str]:
    """Envelope values for `encode`, as short as they may be."""
    required = [leaf for _, leaf in mapping.plan.envelope if leaf.required]
    return {leaf.short: "X1"[: leaf.lens.cap] for leaf in required if isinstance(leaf.lens, TextLens)}


def elsewhere(mapping: Mapping, body: Struct) -> dict[str, Any]:
    """What whoever decodes must supply, taken from the body that should come out."""
    return {name: getattr(body, name) for name in mapping.elsewhere}


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
        except LawBroken:
            raise
        except Exception as error:
            # Refused, or a file is missing, is no JSON, or lacks what is elsewhere.
            raise LawBroken(f"{folder}: {error or type(error).__name__}") from error
    return len(folders)


def check_sample(mapping: Mapping, folder: Path) -> None:
    """One sample: `wire.*` with either `canonical.json` or, if it must be refused, `refused.json`.

    Where the wire bytes are not in normal form, `normal.*` holds what is written back.
    """
    if (folder / "refused.json").exists():
        _refused(mapping, folder)
        return
    wire = _bytes(folder, "wire")
    body = _body(mapping, folder)
    header = mapping.read_envelope(mapping.parse(wire)) if mapping.envelope else {}
    if mapping.direction != "encode":
        found = mapping.decode(wire, **elsewhere(mapping, body))
        if found != body:
            raise LawBroken(f"{folder}: decoded as {canonical_json(found).decode()}")
    normal = _bytes(folder, "normal") if any(folder.glob("normal.*")) else wire
    if mapping.direction != "decode" and mapping.encode(body, header) != normal:
        found_bytes = mapping.encode(body, header).decode(errors="backslashreplace")
        raise LawBroken(f"{folder}: encoded as {found_bytes}")


def _refused(mapping: Mapping, folder: Path) -> None:
    """`refused.json`: `{"elsewhere": {...}, "faults": [{"field": ..., "rule": ...}]}`, all faults in order."""
    expected = msgspec.json.decode((folder / "refused.json").read_bytes())
    try:
        if mapping.direction == "encode":
            mapping.encode(_body(mapping, folder), envelope(mapping))
        else:
            mapping.decode(_bytes(folder, "wire"), **expected.get("elsewhere", {}))
    except MappingError as error:
        found = [{"field": f.field, "rule": f.rule} for f in error.faults]
        if found != expected["faults"]:
            raise LawBroken(f"{folder}: refused for {found}") from error
        return
    raise LawBroken(f"{folder}: accepted, but should be refused")


def _body(mapping: Mapping, folder: Path) -> Any:
    return msgspec.json.decode((folder / "canonical.json").read_bytes(), type=mapping.plan.struct)


def _bytes(folder: Path, stem: str) -> bytes:
    """The bytes of `stem.*`; of XML and JSON without the line feed that ends a text file."""
    files = list(folder.glob(f"{stem}.*"))
    if len(files) != 1:
        raise LawBroken(f"{folder}: should hold exactly one file {stem}.*")
    (file,) = files
    data = file.read_bytes()
    return data.removesuffix(b"\n") if file.suffix in (".xml", ".json") else data


def canonical_json(body: Struct) -> bytes:
    """A body as `canonical.json` has it: indented for people."""
    return msgspec.json.format(_json.encode(body), indent=2) + b"\n"
