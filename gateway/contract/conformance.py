"""The conformance kit: what every adapter must keep to, in-tree or third-party, checked by its own tests.

    from gateway.contract.conformance import problems

    def test_conformance() -> None:
        assert problems(adapter, {"url": "http://127.0.0.1:9/"}) == []

Every problem is a sentence that says what to correct. A sample is a folder `samples/<case>/`, or
`samples/<group>/<case>/`, with what the wire bytes mean, and the bytes beside it:

    canonical.json            {"type": "identity.person.queried.v1", "data": {…}}; or several `canonical*.json`
    expected.json             instead, where the bytes are no canonical message (a refusal): any JSON
    wire.xml, reply.json, …   the bytes as the partner sends or gets them
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from gateway.canonical import BODIES, Body
from gateway.contract import _conformance_abilities as abilities
from gateway.contract import _conformance_settings as settings_rules
from gateway.contract._conformance_settings import has_chinese
from gateway.contract.adapter import Adapter
from gateway.contract.errors import ConfigError
from gateway.contract.manifest import Operation, Title
from gateway.contract.plugins import available, folder_of, read_manifest
from gateway.contract.settings import Settings

__all__ = ["canonical_sample", "problems", "sample_cases"]


def problems(adapter: Adapter[Any], example_settings: Mapping[str, Any] | Settings) -> list[str]:
    """Everything in which an adapter departs from the contract; empty when it may be shipped.

    Args:
        adapter: the object behind the entry point.
        example_settings: a working settings block as it would stand in YAML; the factories are called with it.
    """
    found = [*_manifest(adapter), *_entry_point(adapter), *_operations(adapter), *_folder(adapter)]
    found += settings_rules.problems(adapter.settings)
    try:
        settings = adapter.settings.model_validate(_plain(example_settings))
    except ValidationError as error:
        return [*found, f"example settings are refused: {_short(error)}"]
    return [*found, *_offered(adapter, settings), *abilities.problems(adapter, settings)]


def sample_cases(adapter: Adapter[Any]) -> list[Path]:
    """The folders of the adapter's samples, by name. A folder that holds folders groups cases."""
    folders = [entry for entry in (adapter.folder / "samples").rglob("*") if entry.is_dir()]
    return sorted(folder for folder in folders if not any(entry.is_dir() for entry in folder.iterdir()))


def canonical_sample(file: Path) -> Body:
    """The body in one `canonical*.json`.

    Raises:
        ValueError: not `{"type": …, "data": …}` of a known type.
    """
    content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.get("type") not in BODIES or "data" not in content:
        raise ValueError('expected {"type": a known message type, "data": its body}')
    body: Body = msgspec.convert(content["data"], BODIES[content["type"]], strict=True)
    return body


def _plain(example: Mapping[str, Any] | Settings) -> Any:
    return example if isinstance(example, Settings) else dict(example)


def _short(error: ValidationError) -> str:
    # The values themselves stay out: an example may hold a secret.
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))


def _manifest(adapter: Adapter[Any]) -> Iterator[str]:
    manifest = adapter.manifest
    if adapter.folder.name != manifest.name:
        yield f"folder {adapter.folder.name!r} and manifest name {manifest.name!r} differ"
    try:
        if read_manifest(adapter.folder) != manifest:
            yield "adapter.manifest is not what manifest.yaml says: use read_manifest(folder)"
    except ConfigError as error:
        yield f"manifest.yaml: {error.en}"
    yield from _title("manifest title", manifest.title)
    if not manifest.transports:
        yield "manifest names no transports"


def _entry_point(adapter: Adapter[Any]) -> Iterator[str]:
    name = adapter.manifest.name
    point = available().get(name)
    if point is None:
        yield f"no entry point {name!r} in the group gateway.adapters: declare it and install the package again"
        return
    try:
        folder = folder_of(point)
    except ConfigError as error:
        yield error.en
        return
    if folder.resolve() != adapter.folder.resolve():
        yield f"entry point {name!r} leads to {folder}, the adapter says {adapter.folder}"


def _title(what: str, title: Title) -> Iterator[str]:
    if not has_chinese(title.zh):
        yield f"{what}: zh is not Chinese"
    if not title.en.strip() or has_chinese(title.en):
        yield f"{what}: en is not English"


def _operations(adapter: Adapter[Any]) -> Iterator[str]:
    manifest = adapter.manifest
    if manifest.configured:
        if adapter.operations is None:
            yield "manifest says configured, but the adapter does not tell operations from settings"
        return
    if not manifest.operations:
        yield "manifest has no operations"
    yield from _sound(manifest.operations)


def _offered(adapter: Adapter[Any], settings: Settings) -> Iterator[str]:
    """The operations that the example settings make of it."""
    operations = adapter.operations_of(settings)
    if not operations:
        yield "example settings offer no operation"
    if adapter.manifest.configured:
        yield from _sound(operations)
    elif not set(operations) <= set(adapter.manifest.operations):
        yield "settings offer operations that the manifest does not list"
    yield from (f"example settings: {problem.en}" for problem in adapter.problems(settings))


def _sound(operations: tuple[Operation, ...]) -> Iterator[str]:
    for operation in operations:
        yield from _operation(operation)
    yield from _repeated("operation name", [o.name for o in operations])
    # The engine finds the way out by the message type, so a second operation for it would never be used.
    yield from _repeated("outbound request type", [o.request for o in operations if o.direction == "out"])


def _operation(operation: Operation) -> Iterator[str]:
    what = f"operation {operation.name}"
    yield from _title(f"{what} title", operation.title)
    for role, message_type in (("request", operation.request), ("reply", operation.reply)):
        if message_type is not None and message_type not in BODIES:
            yield f"{what}: {role} {message_type!r} is no canonical message type"
    if operation.style == "request-reply" and operation.reply is None:
        yield f"{what}: style request-reply needs a reply type"
    if operation.style == "one-way" and operation.direction == "in" and operation.reply is not None:
        yield f"{what}: style one-way has no reply type"
    if operation.direction == "in" and operation.on_unknown is not None:
        yield f"{what}: on_unknown belongs to direction out only"
    yield from (en for _, _, en in operation.unsafe())


def _repeated(what: str, values: list[str]) -> Iterator[str]:
    for value in sorted({v for v in values if values.count(v) > 1}):
        yield f"{what} {value!r} occurs more than once"


def _folder(adapter: Adapter[Any]) -> Iterator[str]:
    readme = adapter.folder / "README.md"
    if not readme.is_file() or not has_chinese(readme.read_text(encoding="utf-8")):
        yield "README.md is missing or says nothing in Chinese"
    cases = sample_cases(adapter)
    if not cases:
        yield "samples/ holds no case: every codec is tested with recorded bytes"
    for case in cases:
        where = case.relative_to(adapter.folder).as_posix()
        yield from (f"{where}: {problem}" for problem in _sample(case))


def _sample(case: Path) -> Iterator[str]:
    files = [entry for entry in case.iterdir() if entry.is_file()]
    meanings = [f for f in files if f.suffix == ".json" and f.name.startswith(("canonical", "expected"))]
    wire = [file for file in files if file not in meanings and file.suffix != ".md"]
    if not meanings:
        yield "no canonical.json"
    if not wire:
        yield "no wire bytes beside canonical.json"
    yield from (f"{file.name} is empty" for file in wire if not file.stat().st_size)
    for file in meanings:
        read = canonical_sample if file.name.startswith("canonical") else _json
        yield from _tried(file.name, partial(read, file))


def _json(file: Path) -> object:
    return json.loads(file.read_text(encoding="utf-8"))


def _tried(what: str, act: Callable[[], object]) -> Iterator[str]:
    try:
        act()
    except (ValueError, OSError) as error:  # json's and msgspec's errors are ValueErrors
        yield f"{what}: {error}"
