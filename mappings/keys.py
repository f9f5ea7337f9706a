"""The keys of a table in a mapping file, taken one by one and typed; problems go to the reader."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Callable, Iterator
from typing import TypeVar

from mappings.document import Node, Reader, Rows, Table, Text

_T = TypeVar("_T")


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

    def day(self, key: str) -> dt.date | None:
        value = self.text(key, "")
        try:
            return dt.date.fromisoformat(value) if value else None
        except ValueError:
            self.bad(key, "应为日期,如 2026-01-01", "must be a day, such as 2026-01-01")
            return None

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
