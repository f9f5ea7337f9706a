"""YAML as text with line numbers.

YAML would read `010203` as octal, `no` as false and `12:30:00` as a number to the base 60. A mapping file
is about codes, so every scalar stays the text that was written, and every node knows its line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import yaml

from mappings.errors import Problem

#: No hand-written file comes near this; a generated bomb does.
_MAX_BYTES = 1 << 20
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Rows:
    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    entries: dict[str, Node]
    line: int
    lines: dict[str, int] = field(default_factory=dict)  #: of the keys


Node: TypeAlias = Text | Rows | Table


class Reader:
    """Collects problems while nodes become typed parts, so that one run of lint shows all of them."""

    def __init__(self, file: Path, tables: tuple[Path, ...]) -> None:
        self.file = file
        self.tables = tables  #: the folders of code tables
        self.problems: list[Problem] = []

    def problem(
        self, line: int, path: str, zh: str, en: str, suggestion: str = "", level: str = "error"
    ) -> None:
        self.problems.append(Problem(str(self.file), line, path, zh, en, suggestion, level))

    def load(self) -> Table | None:
        """The file's top-level table; None (with a problem noted) where there is none."""
        node = None
        try:
            data = self.file.read_bytes()
            if len(data) <= _MAX_BYTES:
                root = yaml.compose(data.decode("utf-8"), Loader=yaml.CSafeLoader)
                node = self._node(root, "", 0, set()) if root is not None else None
        except OSError as error:
            self.problem(0, "", "无法读取文件", f"cannot be read: {error.strerror}")
            return None
        except UnicodeDecodeError:
            self.problem(1, "", "文件不是 UTF-8 编码", "the file is not UTF-8")
            return None
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            said = getattr(error, "problem", None) or type(error).__name__
            self.problem(mark.line + 1 if mark else 1, "", "YAML 语法错误", f"YAML syntax: {said}")
            return None
        if not isinstance(node, Table):
            self.problem(
                1, "", "顶层应为键值表,且文件不超过 1 MiB", "the top level must be a table, of at most 1 MiB"
            )
            return None
        return node

    def _node(self, node: yaml.Node, path: str, depth: int, seen: set[int]) -> Node:
        line = node.start_mark.line + 1
        # Aliases share nodes: written once, they could unfold to gigabytes.
        if id(node) in seen or depth > _MAX_DEPTH:
            self.problem(
                line,
                path,
                "不允许使用 YAML 引用(*)或过深的嵌套",
                "YAML aliases and deep nesting are not allowed",
            )
            return Text("", line)
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._table(node, path, depth, seen, line)
        if isinstance(node, yaml.SequenceNode):
            items = [self._node(n, f"{path}[{i}]", depth + 1, seen) for i, n in enumerate(node.value, 1)]
            return Rows(tuple(items), line)
        return Text(str(node.value), line)

    def _table(self, node: yaml.MappingNode, path: str, depth: int, seen: set[int], line: int) -> Table:
        table = Table({}, line)
        for key, value in node.value:
            at = key.start_mark.line + 1
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if not name or name in table.entries:
                self.problem(at, path, f"键“{name}”为空或重复", f"key {name!r} is empty or given twice")
                continue
            table.entries[name] = self._node(value, f"{path}.{name}".lstrip("."), depth + 1, seen)
            table.lines[name] = at
        return table
