"""One message, place by place: what the partner wrote, and what it became. For people who look at a mapping.

The tree is walked by the plan, with the codec's own `fetch` and the lines' own lenses, so that what is shown is
what happens; only that nothing stops at a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from mappings.codecs.codec import Codec, made, shape
from mappings.errors import Fault, MappingError, Refused
from mappings.mapping import Mapping
from mappings.plan import Branch, Document, Inside, Item, Leaf, Repeat
from mappings.report import NOWHERE, Full, Position, Report, Where, places


@dataclass(frozen=True, slots=True)
class Traced:
    """One place of a message; where only a fault is known, the rest is empty."""

    place: str  #: in the partner's tree, as faults say it: `feedetail[2]/cnt`
    name: str
    text: str  #: what the partner wrote; empty where nothing stands there
    canonical: str  #: field of the canonical body; empty where there is none
    value: Any
    personal: bool
    at: Position = NOWHERE  #: in the partner's bytes, where the format knows
    faults: tuple[Fault, ...] = ()


def trace(mapping: Mapping, data: bytes, **elsewhere: Any) -> list[Traced]:
    """Every place of one message that the mapping knows, in the order of its lines, with the faults at them.

    Faults that belong to no such place (unknown fields, totals) come last.

    Raises:
        MappingError: the bytes are no message of this format at all.
        TypeError: a value from elsewhere is missing; the caller's error.
    """
    tree = mapping.parse(data)
    found = list(_Walk(mapping.plan.document, mapping.codec).document(tree))
    faults: dict[str, list[Fault]] = {}
    for fault in _faults(mapping, tree, elsewhere):
        faults.setdefault(fault.field, []).append(fault)
    traced = [replace(item, faults=tuple(faults.pop(item.place, ()))) for item in found]
    rest = [fault for left in faults.values() for fault in left]
    return traced + [stray(fault) for fault in rest]


def stray(fault: Fault) -> Traced:
    """A fault that stands for itself."""
    at = Position(fault.line, fault.column, fault.offset)
    return Traced(fault.field, fault.name, "", fault.canonical, None, personal=True, at=at, faults=(fault,))


def _faults(mapping: Mapping, tree: Any, elsewhere: dict[str, Any]) -> tuple[Fault, ...]:
    if mapping.direction == "encode":
        return ()
    try:
        mapping.decode_tree(tree, **elsewhere)
    except MappingError as error:
        return error.faults
    return ()


class _Walk:
    def __init__(self, document: Document, codec: Codec) -> None:
        self._document = document
        self._codec = codec
        self._inner: dict[int, _Walk] = {}
        self._report = Report("")

    def document(self, tree: Any, where: Where = None) -> Iterator[Traced]:
        self._try(lambda report: self._codec.check(tree, report, where))
        yield from self._items(tree, "", (), self._document.items, where)

    def _items(
        self, node: Any, path: str, steps: tuple[str, ...], items: list[Item], where: Where
    ) -> Iterator[Traced]:
        known = shape(self._codec, self._document, path, steps, items)
        found = self._try(lambda report: self._codec.fetch(node, known, report, where)) or {}
        for item in items:
            value = found.get(self._codec.key(item.step))
            if isinstance(item, Leaf):
                yield from self._leaf(item, value, where)
            elif isinstance(item, Branch):
                yield from self._items(value, item.path, item.steps, item.items, where)
            elif isinstance(item, Repeat):
                yield from self._rows(item, value, where)
            else:
                yield from self._inside(item, value, where)

    def _leaf(self, leaf: Leaf, value: Any, where: Where) -> Iterator[Traced]:
        if leaf.role == "skip":
            return
        wire, canonical = places(where)
        text, read = "", None
        try:
            if value is not None:
                text = value if isinstance(value, str) else self._codec.text(value, leaf.lens.numeric)
            read = leaf.lens.read(text) if text else leaf.default
        except Refused:  # the mapping itself says it, with all that is wrong
            text = text or (str(value) if isinstance(value, str | int | float | Decimal) else "")
        field = canonical + leaf.attr if leaf.role == "field" else ""
        at = self._report.locate(leaf, where) or NOWHERE
        yield Traced(wire + leaf.path, leaf.name, text, field, read, leaf.personal, at)

    def _rows(self, repeat: Repeat, value: Any, where: Where) -> Iterator[Traced]:
        rows = self._try(lambda report: self._codec.rows(value, repeat, report, where)) or ()
        for number, row in enumerate(rows):
            yield from self._items(row, "", (), repeat.items, (where, repeat, number))

    def _inside(self, inside: Inside, value: Any, where: Where) -> Iterator[Traced]:
        if value is None:
            return
        codec = made(inside.document)
        walk = self._inner.setdefault(id(inside), _Walk(inside.document, codec))
        try:
            yield from walk.document(codec.parse_any(value), where)
        except Refused:
            yield Traced(places(where)[0] + inside.path, inside.name, str(value), "", None, personal=True)

    def _try(self, step: Any) -> Any:
        """What a step of the codec gives; what it complains of is found by the mapping itself."""
        try:
            return step(self._report)
        except Full:
            return None
        finally:
            self._report.faults.clear()
