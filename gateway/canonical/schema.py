"""Exports the JSON Schema of every message type: `python -m gateway.canonical.schema docs/canonical`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.canonical.envelope import Message
from gateway.canonical.registry import BODIES


def schemas() -> dict[str, dict[str, Any]]:
    """File name → JSON Schema (2020-12)."""
    result: dict[str, dict[str, Any]] = {}
    for name, body in BODIES.items():
        envelope = msgspec.defstruct(
            "Message",
            [
                (f.name, body if f.name == "data" else f.type)
                if f.default is msgspec.NODEFAULT
                else (f.name, f.type, f.default)
                for f in msgspec.structs.fields(Message)
            ],
            kw_only=True,
            forbid_unknown_fields=True,
        )
        schema = msgspec.json.schema(envelope)
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["title"] = name
        result[f"{name}.json"] = schema
    return result


def write(folder: Path) -> None:
    """Writes every schema into `folder`, one file a message type."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        text = json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
