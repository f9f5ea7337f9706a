"""The bodies of the national interface: the samples are valid by the published schemas, and differ in nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from gateway.canonical import BODIES
from gateway.canonical.registry import Body
from gateway.canonical.schema import schemas
from mappings import SHIPPED

AREAS = ("session", "file", "outpatient", "filing", "reconciliation", "inquiry", "settlement")
SCHEMAS = schemas()


def _type_of(folder: Path) -> str:
    mapping = SHIPPED / "settlement" / f"{folder.parent.name}.yaml"
    (line,) = [x for x in mapping.read_text("utf-8").splitlines() if x.startswith("canonical: ")]
    return line.removeprefix("canonical: ")


FOLDERS = [p.parent for p in sorted((SHIPPED / "settlement" / "samples").glob("*/*/canonical.json"))]
CASES = [(_type_of(f), f) for f in FOLDERS if _type_of(f).partition(".")[0] in AREAS]


@pytest.mark.parametrize(("name", "folder"), CASES, ids=lambda x: x if isinstance(x, str) else x.name)
def test_a_sample_is_valid_by_the_schema_of_its_type(name: str, folder: Path) -> None:
    schema: dict[str, Any] = SCHEMAS[f"{name}.json"]
    body = schema["$defs"][BODIES[name].__name__] | {"$defs": schema["$defs"]}
    jsonschema.validate(json.loads((folder / "canonical.json").read_text("utf-8")), body)


def test_every_type_of_these_areas_has_a_sample() -> None:
    named = {name for name in BODIES if name.partition(".")[0] in AREAS}
    unmapped = {"settlement.reversal.done.v1", "file.exchange.submitted.v1"}
    assert named - {name for name, _ in CASES} == unmapped, (
        "2601 has no output; nobody reads a file that is exchanged"
    )


@pytest.mark.parametrize("kind", ["extra", "unknown"])
def test_a_body_takes_no_field_it_does_not_have(kind: str) -> None:
    name, folder = next(c for c in CASES if c[0] == "reconciliation.statement.answered.v1")
    data = json.loads((folder / "canonical.json").read_text("utf-8")) | {kind: "1"}
    struct: type[Body] = BODIES[name]
    with pytest.raises(msgspec.ValidationError, match=f"unknown field `{kind}`"):
        msgspec.convert(data, struct)
