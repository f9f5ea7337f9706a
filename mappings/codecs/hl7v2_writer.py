"""Writes HL7 v2: a tree of escaped texts, `[(segment, {field: part})]`, that is joined at the end."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from mappings.charset import Charset
from mappings.codecs.codec import Write, inside_writer
from mappings.codecs.hl7v2_text import Written, joined, write
from mappings.codecs.kept import no_extension, row_index
from mappings.errors import Refused
from mappings.plan import Branch, Document, Inside, Item, Leaf, Repeat
from mappings.report import Report, Where

Tree: TypeAlias = "list[tuple[str, dict[int, Written] | str]]"

_CHOSEN = re.compile(r"(\d+)\[(\d+)=(.+)\]")
_RAW = re.compile("[^\r\n|]+")


class Writer:
    def __init__(self, document: Document, name: str, charset: Charset, version: str) -> None:
        self._items = document.items
        self._null = '""' if document.empty == "null" else ""
        self._charset = charset
        self._version = version
        self._inside: dict[int, Write] = {}
        self._prepare(document.items, name)

    def _prepare(self, items: list[Item], name: str) -> None:
        for item in items:
            if isinstance(item, Inside):
                self._inside[id(item)] = inside_writer(item, name)
            elif not isinstance(item, Leaf):
                self._prepare(item.items, name)

    def write(self, b: Any, parent: Any, report: Report, where: Where, envelope: dict[str, str]) -> Tree:
        head: dict[int, Written] = {}
        tree: Tree = [("MSH", head)]
        for item in self._items:
            if isinstance(item, Branch):
                fields = self._parts(item.items, b, parent, report, where, envelope)
                if item.step == "MSH":
                    head |= fields
                elif joined(fields, "|^&"):
                    tree.append((item.step, fields))
            elif isinstance(item, Repeat):
                for i, row in enumerate(getattr(b, item.attr)):
                    inner = self._parts(item.items, row, b, report, (where, item, i), envelope)
                    tree.append((item.step, inner))
        if self._version:
            head.setdefault(12, self._version)
        return tree

    def _parts(
        self, items: list[Item], b: Any, parent: Any, report: Report, where: Where, envelope: dict[str, str]
    ) -> dict[int, Written]:
        """What stands at the numbers of a segment, a repetition or a component."""
        parts: dict[int, Written] = {}
        for item in items:
            chosen = _CHOSEN.fullmatch(item.step)
            if isinstance(item, Branch):
                inner = self._parts(item.items, b, parent, report, where, envelope)
                if chosen is None:
                    parts[int(item.step)] = inner
                elif joined(inner):
                    inner[int(chosen[2])] = write(chosen[3])
                    parts.setdefault(int(chosen[1]), []).append(inner)
            elif isinstance(item, Repeat):
                parts[int(item.step)] = self._repetitions(item, b, report, where, envelope)
            elif isinstance(item, Inside) or item.written:
                text = self._text(item, b, parent, report, where, envelope)
                if text:
                    parts[int(item.step)] = text
        return parts

    def _repetitions(
        self, repeat: Repeat, b: Any, report: Report, where: Where, envelope: dict[str, str]
    ) -> list[Written]:
        rows = []
        for i, row in enumerate(getattr(b, repeat.attr)):
            within = (where, repeat, i)
            rows.append(self._parts(repeat.items, row, b, report, within, envelope))
            if not joined(rows[-1]):
                report.place(
                    "", within, "empty", "空的重复值无法写出", "an empty repetition cannot be written"
                )
        return rows

    def _text(
        self, item: Leaf | Inside, b: Any, parent: Any, report: Report, where: Where, envelope: dict[str, str]
    ) -> str:
        value: Any = None
        try:
            if isinstance(item, Inside):
                value = self._inside[id(item)](b, parent, report, where, envelope)
                return self._said(value) if value is not None else self._null
            if item.role == "envelope":
                value = envelope.get(item.short)
            elif item.role != "const":
                value = getattr(parent if item.role == "parent" else b, item.attr)
            if value is not None or item.role == "const":
                return self._said(item.lens.write(value))
            if item.required:
                report.missing(item, where)
        except Refused as no:
            if isinstance(item, Leaf):
                report.refused(item, where, no, value)
            else:
                report.place(item.path, where, no.rule, no.zh, no.en)
        return self._null

    def _said(self, text: str) -> str:
        self._charset.encode(text)
        return write(text)


def restore(tree: Tree, kept: dict[str, Any], items: list[Item]) -> Tree:
    """The tree with kept content where it stood; unknown segments come last. Raises `Refused`."""
    known = {item.step: item for item in items}
    for key, value in kept.items():
        item = known.get(key)
        there: list[Any] = [fields for name, fields in tree if name == key]
        if isinstance(item, Branch) or key == "MSH":
            if not there:
                there = [{}]
                tree.append((key, there[0]))
            _merge(there[0], value, item.items if isinstance(item, Branch) else [])
        elif isinstance(item, Repeat):
            _rows(there, value, item.items)
        elif isinstance(value, list) and value and all(_is_segment(key, line) for line in value):
            tree += [(key, line) for line in value]
        else:
            raise no_extension()
    return tree


def _is_segment(name: str, line: Any) -> bool:
    plain = isinstance(line, str) and re.fullmatch("[A-Z][A-Z0-9]{2}", name) is not None
    return plain and line.partition("|")[0] == name and "\r" not in line and "\n" not in line


def _rows(rows: list[Any], kept: Any, items: list[Item]) -> None:
    if type(kept) is not dict:
        raise no_extension()
    for number, value in kept.items():
        index = row_index(number)
        if not 0 <= index < len(rows):
            raise no_extension()
        _merge(rows[index], value, items)


def _merge(parts: dict[int, Written], kept: Any, items: list[Item]) -> None:
    if type(kept) is not dict:
        raise no_extension()
    known = {item.step: item for item in items}
    for key, value in kept.items():
        item = known.get(key)
        chosen = _CHOSEN.fullmatch(key) if item is not None else None
        number = int(chosen[1] if chosen else key) if chosen or 0 <= row_index(key) < 999 else 0
        if not number:
            raise no_extension()
        if isinstance(item, Repeat):
            _rows(parts.get(number, []), value, item.items)
        elif isinstance(item, Branch):
            _merge(_inner(parts, number, chosen), value, item.items)
        elif isinstance(item, Leaf):
            first = parts.get(number, "")
            parts[number] = first if isinstance(first, dict) else {1: first}
            _merge(parts[number], value, [item] if "1" in value else [])
        elif isinstance(value, list) and value and all(_is_raw(one) for one in value):
            parts[number] = [*parts.get(number, []), *value]
        elif _is_raw(value) and number not in parts:
            parts[number] = value
        else:
            raise no_extension()


def _inner(parts: dict[int, Written], number: int, chosen: re.Match[str] | None) -> dict[int, Written]:
    """The components of a field, or of the repetition with the code."""
    if chosen is None:
        found: dict[int, Written] = parts.setdefault(number, {})
        return found
    repetitions = parts.setdefault(number, [])
    at, code = int(chosen[2]), write(chosen[3])
    one = next((r for r in repetitions if isinstance(r, dict) and r.get(at) == code), None)
    if one is None:
        repetitions.append(one := {at: code})
    return one


def _is_raw(text: Any) -> bool:
    return isinstance(text, str) and _RAW.fullmatch(text) is not None
