"""A mapping file as typed parts: what was written, before anyone asks whether it makes sense."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mappings.document import Node, Reader, Rows, Table, Text

_T = TypeVar("_T")
_NAME = re.compile(r"[a-z][a-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class FieldLine:
    """`{at: psn_no, to: person_no, as: text(30), name: 人员编号}`."""

    at: str
    to: str  #: empty for a constant or an envelope field; `parent.x` takes x of the body around the rows
    lens: str
    name: str
    line: int
    required: bool | None = None  #: None: as the canonical field demands
    personal: bool | None = None  #: None: as the canonical field's name suggests
    open: bool = False
    envelope: bool = False


@dataclass(frozen=True, slots=True)
class GroupLine:
    """`{each: feedetail, to: fee_lines, fields: [...]}`."""

    each: str
    to: str
    name: str
    line: int
    fields: tuple[FieldLine | GroupLine, ...]
    limit: int = 10_000


@dataclass(frozen=True, slots=True)
class Total:
    """`{field: total, equals: [a, b]}` or `{field: total, sum_of: fee_lines.amount, when_present: true}`."""

    field: str
    equals: tuple[str, ...]
    sum_of: str
    when_present: bool
    line: int


@dataclass(frozen=True, slots=True)
class Assumed:
    """A canonical field the partner's format has not; `value` None means the canonical default."""

    to: str
    lens: str
    value: str | None
    why: str
    line: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Something given up on purpose: a place of the partner's (`at`) or a canonical field (`to`)."""

    at: str
    to: str
    why: str
    line: int


@dataclass(frozen=True, slots=True)
class CodecLine:
    kind: str
    line: int
    root: str = ""
    namespace: str = ""
    namespaces: tuple[tuple[str, str], ...] = ()
    numbers: str = "string"  #: how JSON numbers are written; both spellings are read
    max_bytes: int = 4 << 20


@dataclass(frozen=True, slots=True)
class Definition:
    file: Path
    name: str
    version: int
    title_zh: str
    title_en: str
    canonical: str
    direction: str
    codec: CodecLine
    empty: str
    unknown: str  #: `reject`, `ignore`, or `keep(<canonical field>)`
    elsewhere: tuple[str, ...]
    fields: tuple[FieldLine | GroupLine, ...]
    totals: tuple[Total, ...]
    assumed: tuple[Assumed, ...]
    lossy: tuple[Loss, ...]
    lines: dict[str, int]  #: of the top-level keys

    def at(self, key: str) -> int:
        """The line of a top-level key; the first where it is not there."""
        return self.lines.get(key, 1)


class Keys:
    """The keys of one table, taken one by one; what nobody took is unknown and reported."""

    def __init__(self, reader: Reader, table: Table, path: str) -> None:
        self.reader = reader
        self.table = table
        self.path = path
        self.taken: list[str] = []

    def node(self, key: str) -> Node | None:
        self.taken.append(key)
        return self.table.entries.get(key)

    def bad(self, key: str, zh: str, en: str, suggestion: str = "") -> None:
        line = self.table.lines.get(key, self.table.line)
        self.reader.problem(line, f"{self.path}.{key}".lstrip("."), zh, en, suggestion)

    def text(self, key: str, default: str | None = None) -> str:
        node = self.node(key)
        if isinstance(node, Text) and (node.value or default is not None):
            return node.value
        if node is not None or default is None:
            self.bad(key, "缺少文本值", "a text is needed here")
        return default or ""

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value and value not in choices:
            self.bad(
                key,
                f"只能是 {'、'.join(choices)}",
                f"must be one of {', '.join(choices)}",
                nearest(value, choices),
            )
        return value

    def flag(self, key: str) -> bool | None:
        value = self.choice(key, ("true", "false", ""), "")
        return {"true": True, "false": False}.get(value)

    def number(self, key: str, default: int | None = None) -> int:
        value = self.text(key, "" if default is None else str(default))
        if value.isascii() and value.isdigit() and 0 < int(value) < 1 << 31:
            return int(value)
        self.bad(key, "应为正整数", "must be a positive whole number")
        return default or 1

    def table_of(self, key: str) -> Keys:
        node = self.node(key)
        if not isinstance(node, Table):
            self.bad(key, "应为键值表", "must be a table of keys")
            node = Table({}, self.table.lines.get(key, self.table.line))
        return Keys(self.reader, node, f"{self.path}.{key}".lstrip("."))

    def rows(self, key: str, make: Callable[[Keys], _T]) -> tuple[_T, ...]:
        node = self.node(key)
        if node is None:
            return ()
        if not isinstance(node, Rows):
            self.bad(key, "应为列表", "must be a list")
            return ()
        return tuple(make(k) for k in self._tables(key, node))

    def _tables(self, key: str, rows: Rows) -> Iterator[Keys]:
        for i, item in enumerate(rows.items, 1):
            path = f"{self.path}.{key}[{i}]".lstrip(".")
            if isinstance(item, Table):
                yield Keys(self.reader, item, path)
            else:
                self.reader.problem(item.line, path, "应为键值表", "must be a table of keys")

    def texts(self, key: str) -> tuple[str, ...]:
        node = self.node(key)
        if node is None:
            return ()
        if isinstance(node, Rows) and all(isinstance(i, Text) and i.value for i in node.items):
            return tuple(i.value for i in node.items if isinstance(i, Text))
        self.bad(key, "应为文本列表", "must be a list of texts")
        return ()

    def done(self) -> None:
        for key in self.table.entries:
            if key not in self.taken:
                hint = nearest(key, tuple(self.taken))
                if self.table.entries[key] == Text("", self.table.lines[key]):
                    hint = "{…} 内含逗号的值要加引号 / inside {…} a value with a comma needs quotes"
                self.bad(key, f"不认识的键“{key}”", f"unknown key {key!r}", hint)


def nearest(word: str, words: tuple[str, ...]) -> str:
    """A suggestion for a misspelt word; empty where nothing is near."""
    match = difflib.get_close_matches(word, [w for w in words if w], 1, 0.6)
    return f"是否为 / did you mean: {match[0]}" if match else ""


def read(reader: Reader) -> Definition | None:
    """The definition in the reader's file; None where not even the top level is a table."""
    table = reader.load()
    if table is None:
        return None
    keys = Keys(reader, table, "")
    name = keys.text("mapping")
    if name and _NAME.fullmatch(name) is None:
        keys.bad(
            "mapping", "名称只能用小写字母、数字和 . _ -", "names are lower case letters, digits and . _ -"
        )
    title = keys.table_of("title")
    definition = Definition(
        file=reader.file,
        name=name,
        version=keys.number("version"),
        title_zh=title.text("zh"),
        title_en=title.text("en"),
        canonical=keys.text("canonical"),
        direction=keys.choice("direction", ("both", "decode", "encode"), "both"),
        codec=_codec(keys.table_of("codec")),
        empty=keys.choice("empty", ("absent", "blank", "null"), "absent"),
        unknown=keys.text("unknown", "reject"),
        elsewhere=keys.texts("elsewhere"),
        fields=keys.rows("fields", _line),
        totals=keys.rows("totals", _total),
        assumed=keys.rows("assumed", _assumed),
        lossy=keys.rows("lossy", _loss),
        lines=table.lines,
    )
    title.done()
    keys.done()
    return definition


def _codec(keys: Keys) -> CodecLine:
    prefixes = keys.table_of("namespaces") if "namespaces" in keys.table.entries else None
    codec = CodecLine(
        kind=keys.choice("kind", ("xml", "json")),
        line=keys.table.line,
        root=keys.text("root", ""),
        namespace=keys.text("namespace", ""),
        namespaces=tuple((p, prefixes.text(p)) for p in prefixes.table.entries) if prefixes else (),
        numbers=keys.choice("numbers", ("string", "number"), "string"),
        max_bytes=keys.number("max_bytes", 4 << 20),
    )
    keys.taken.append("namespaces")
    keys.done()
    return codec


def _line(keys: Keys) -> FieldLine | GroupLine:
    line: FieldLine | GroupLine
    if "each" in keys.table.entries:
        line = GroupLine(
            each=keys.text("each"),
            to=keys.text("to"),
            name=keys.text("name", ""),
            line=keys.table.line,
            fields=keys.rows("fields", _line),
            limit=keys.number("max", 10_000),
        )
    else:
        line = FieldLine(
            at=keys.text("at"),
            to=keys.text("to", ""),
            lens=keys.text("as"),
            name=keys.text("name", ""),
            line=keys.table.line,
            required=keys.flag("required"),
            personal=keys.flag("personal"),
            open=bool(keys.flag("open")),
            envelope=bool(keys.flag("envelope")),
        )
    keys.done()
    return line


def _total(keys: Keys) -> Total:
    total = Total(
        field=keys.text("field"),
        equals=keys.texts("equals"),
        sum_of=keys.text("sum_of", ""),
        when_present=bool(keys.flag("when_present")),
        line=keys.table.line,
    )
    keys.done()
    return total


def _assumed(keys: Keys) -> Assumed:
    value = keys.text("value") if "value" in keys.table.entries else None
    lens = keys.text("as", "") if value is None else keys.text("as")
    keys.taken.append("value")
    assumed = Assumed(keys.text("to"), lens, value, keys.text("why"), keys.table.line)
    keys.done()
    return assumed


def _loss(keys: Keys) -> Loss:
    loss = Loss(keys.text("at", ""), keys.text("to", ""), keys.text("why"), keys.table.line)
    if bool(loss.at) == bool(loss.to):
        keys.bad("at", "应写明 at 或 to 之一", "give either `at` or `to`")
    keys.done()
    return loss
