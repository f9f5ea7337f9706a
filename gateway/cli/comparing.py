"""What `mapping compare` does: the same messages through two versions of a mapping.

A stored message that the old version has read is read again from its raw bytes. One that another mapping has read is
written by both versions instead: that is what would be sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from gateway.cli.mapping_files import elsewhere_of
from gateway.cli.person import actor
from gateway.desk.masking import masked, masked_text
from mappings import Mapping, MappingError
from mappings.samples import envelope
from mappings.shape import personal
from mappings.trace import trace

if TYPE_CHECKING:
    from gateway.engine.config import Configuration
    from gateway.store.api import MessageRow

#: Place or field → (value, whether it is known to be personal).
Fields: TypeAlias = dict[str, tuple[Any, bool]]

_KINDS = {
    "differs": "不同 differs",
    "refused": "新被拒绝 newly refused",
    "accepted": "新被接受 newly accepted",
    "unreadable": "无法取出 cannot be taken out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """One message to compare on: the partner's bytes, or a body to be written."""

    name: str
    data: bytes | None = None
    body: Any = None
    given: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    message: str
    kind: str  #: a key of `_KINDS`
    field: str = ""
    old: str = ""
    new: str = ""

    @property
    def kind_text(self) -> str:
        return _KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences, and how many messages are the same."""

    total: int
    differences: tuple[Difference, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Messages of each kind."""
        kinds = Counter({d.message: d.kind for d in self.differences}.values())
        return {"same": self.total - sum(kinds.values()), **{kind: kinds[kind] for kind in _KINDS}}

    def summary(self) -> tuple[str, str]:
        n = self.counts
        return (
            f"{self.total} 条：相同 {n['same']}，不同 {n['differs']}，新被拒绝 {n['refused']}，"
            f"新被接受 {n['accepted']}，无法取出 {n['unreadable']}",
            f"{self.total} messages: {n['same']} same, {n['differs']} differ, {n['refused']} newly refused, "
            f"{n['accepted']} newly accepted, {n['unreadable']} cannot be taken out",
        )

    def facts(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "messages": self.total,
            **self.counts,
            "differences": [
                {name: getattr(d, name) for name in ("message", "kind", "field", "old", "new")}
                for d in self.differences
            ],
        }


def compared(old: Mapping, new: Mapping, traffic: Iterable[Specimen]) -> Comparison:
    """Runs every message through both versions. Values are masked."""
    total, differences = 0, list[Difference]()
    for specimen in traffic:
        total += 1
        differences += _compare(old, new, specimen)
    return Comparison(total, tuple(differences))


def _compare(old: Mapping, new: Mapping, specimen: Specimen) -> Iterator[Difference]:
    if specimen.data is None and specimen.body is None:
        yield Difference(specimen.name, "unreadable")
        return
    before, after = _through(old, specimen), _through(new, specimen)
    if isinstance(before, MappingError):
        if not isinstance(after, MappingError):
            yield Difference(specimen.name, "accepted", before.field, before.rule, "")
    elif isinstance(after, MappingError):
        for fault in after.faults:
            yield Difference(specimen.name, "refused", fault.field or fault.canonical, "", fault.rule)
    else:
        for field in {**before, **after}:
            if before.get(field) != after.get(field):
                yield Difference(specimen.name, "differs", field, _shown(field, before), _shown(field, after))


def _through(mapping: Mapping, specimen: Specimen) -> Fields | MappingError:
    try:
        if specimen.data is None:
            return _written(mapping, specimen.body)
        values = elsewhere_of(mapping, specimen.given or {}, specimen.body)
        found = mapping.decode(specimen.data, **values)
    except MappingError as error:
        return error
    return dict(_flat("", msgspec.to_builtins(found)))


def _written(mapping: Mapping, body: Any) -> Fields:
    data = mapping.encode(body, envelope(mapping))
    values = {name: getattr(body, name) for name in mapping.elsewhere}
    return {t.place: (t.text, t.personal) for t in trace(mapping, data, **values) if t.text}


def _flat(path: str, value: Any) -> Iterator[tuple[str, tuple[Any, bool]]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _flat(f"{path}.{name}".lstrip("."), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _flat(f"{path}[{number}]", item)
    else:
        yield path, (value, value is not None and personal(path.rpartition(".")[2]))


def _shown(field: str, fields: Fields) -> str:
    value, hidden = fields.get(field, ("—", False))
    name = field.replace("/", ".").rpartition(".")[2]
    return masked_text(name, str(value), personal=True) if hidden else str(masked(name, value))


def of_files(old: Mapping, new: Mapping, path: Path, given: dict[str, str]) -> list[Specimen]:
    """A file, or the files of a folder: of sample folders (`wire.*`) those alone.

    Fields that are not in the message are taken from `canonical.json` beside it, where they are not given.
    """
    files = [path]
    if path.is_dir():
        files = sorted(path.rglob("wire.*")) or sorted(p for p in path.rglob("*") if p.is_file())
    return [_sample(old, file, given) for file in files]


def _sample(mapping: Mapping, file: Path, given: dict[str, str]) -> Specimen:
    body, values = None, given
    if (file.parent / "canonical.json").exists():
        body = msgspec.json.decode((file.parent / "canonical.json").read_bytes(), type=mapping.plan.struct)
    elif (file.parent / "refused.json").exists():
        expected = msgspec.json.decode((file.parent / "refused.json").read_bytes())
        values = {**{k: str(v) for k, v in expected.get("elsewhere", {}).items()}, **given}
    data = file.read_bytes()
    return Specimen(
        name=str(file),
        data=data.removesuffix(b"\n") if file.stem == "wire" else data,
        body=body,
        given=values,
    )


def of_store(old: Mapping, new: Mapping, config: Path, count: int, reason: str) -> list[Specimen]:
    """The latest stored messages of the canonical type, after their viewing has been recorded.

    Raises:
        Unavailable: it could not be recorded; nothing is read.
    """
    from gateway.desk.life import opening_vault  # noqa: PLC0415
    from gateway.desk.viewing import record_view  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import open_reader  # noqa: PLC0415
    from gateway.store.api import Filter  # noqa: PLC0415

    configuration = load(config)
    with open_reader(configuration.gateway.store) as reader:
        found = reader.find(Filter(type=old.canonical_type, limit=count))
    rows = [item.message for item in found]
    if rows:
        seen = [row.id for row in rows]
        record_view(configuration, seen, reason, actor(), by="gateway mapping compare")
    vault = opening_vault(configuration) if rows else None
    return [_stored(old, configuration, vault, row) for row in rows]


def _stored(mapping: Mapping, configuration: Configuration, vault: Any, row: MessageRow) -> Specimen:
    body = vault.open_message(row.body, row.id).data
    read_by = (row.mapping or "").partition("@")[0]
    if read_by != mapping.name:
        return Specimen(name=row.id, body=body) if mapping.plan.encodes else Specimen(name=row.id)
    partner = configuration.partners.get(row.partner)
    if partner is None:
        return Specimen(name=row.id)
    try:
        return Specimen(
            name=row.id, data=partner.adapter.document(vault.open(row.raw, row.id, "raw")), body=body
        )
    except ValueError:
        return Specimen(name=row.id)
