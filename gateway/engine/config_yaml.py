"""YAML read as text, with the line of everything.

A configuration never wants YAML's guesses: `010203` is not 4227, `no` is not False and `12:30:00` is not
45000. So every scalar stays the text that stands in the file, and the schema gives it its type. Built on the
parser's events rather than its nodes: they carry the lines, and what a configuration does not need (aliases,
tags, several documents) is refused instead of expanded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from gateway.engine.config_problem import Place, Problem, path_of

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"

_EMPTY = frozenset({"", "~", "null"})
_DEPTH = 32  #: deeper than any configuration; keeps hostile files from exhausting the stack
_SIZE = 4 << 20


class _Stop(Exception):
    """The rest of the file cannot be understood."""


@dataclass(slots=True)
class Document:
    """One file: its content as text, where everything stands, and what is wrong with its YAML."""

    file: str
    value: Value = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest thing around it that stands in the file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def add(self, place: Place, expected: str, zh: str, en: str) -> None:
        """Notes a problem at a place."""
        self.problems.append(Problem(self.file, self.line(place), path_of(place), expected, zh, en))


def read(file: Path, name: str) -> Document:
    """Reads one file; whatever is wrong with it becomes a problem of the document."""
    document = Document(name)
    try:
        content = file.read_bytes()
        if len(content) > _SIZE:
            document.add((), "≤ 4 MiB", "文件过大", "the file is too large")
            return document
        text = content.decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        document.add((), "可读的文件 / a readable file", f"无法读取：{reason}", f"cannot be read: {reason}")
        return document
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        document.lines[()] = line
        document.add((), "UTF-8", "文件不是 UTF-8 编码", "the file is not UTF-8")
        return document
    parse(text, document)
    return document


def parse(text: str, document: Document) -> None:
    """Fills `document` from YAML text."""
    reader = _Reader(document)
    try:
        document.value = reader.document(yaml.parse(text, Loader=yaml.CLoader))
    except _Stop:
        document.value = None
    except yaml.YAMLError as error:
        document.value = None
        mark = getattr(error, "problem_mark", None)
        document.lines[()] = mark.line + 1 if mark is not None else 1
        reason = getattr(error, "problem", None) or "not YAML"
        document.add((), "YAML", f"YAML 语法错误：{reason}", f"YAML syntax: {reason}")


class _Reader:
    """Turns events into values, noting lines and problems on the way."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._events: Iterator[Event] = iter(())

    def document(self, events: Iterator[Event]) -> Value:
        self._events = events
        value: Value = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refusal(event, (), "只能有一个 YAML 文档", "only one YAML document per file")
                value = self._value(next(events), ())
        return value

    def _value(self, event: Event, place: Place) -> Value:
        self._document.lines.setdefault(place, _line(event))
        self._plain(event, place)
        if isinstance(event, ScalarEvent):
            text: str = event.value
            return None if event.implicit[0] and text in _EMPTY else text
        if len(place) >= _DEPTH:
            raise self._refusal(event, place, "嵌套过深", "nested too deeply")
        if isinstance(event, SequenceStartEvent):
            return [self._value(item, (*place, index)) for index, item in enumerate(self._until_end())]
        return self._mapping(place)

    def _plain(self, event: Event, place: Place) -> None:
        """Nothing but mappings, lists and text."""
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor is not None):
            raise self._refusal(
                event, place, "不支持锚点和别名（& *）", "anchors and aliases (& *) are not supported"
            )
        if getattr(event, "tag", None) not in {None, "!"}:
            raise self._refusal(event, place, "不支持标签（!）", "tags (!) are not supported")
        if not isinstance(event, (ScalarEvent, SequenceStartEvent, MappingStartEvent)):
            raise self._refusal(event, place, "无法理解的 YAML 结构", "unexpected YAML structure")

    def _until_end(self) -> Iterator[Event]:
        """The events that begin the items of the collection at hand."""
        for event in self._events:
            if isinstance(event, CollectionEndEvent):
                return
            yield event

    def _mapping(self, place: Place) -> Value:
        found: dict[str, Value] = {}
        for event in self._until_end():
            self._plain(event, place)
            if not isinstance(event, ScalarEvent):
                raise self._refusal(event, place, "键必须是文本", "a key must be text")
            key: str = event.value
            line = _line(event)
            if key in found:
                self._duplicate((*place, key), line)
                self._value(next(self._events), (*place, key))
                continue
            self._document.lines[(*place, key)] = line
            found[key] = self._value(next(self._events), (*place, key))
        return found

    def _duplicate(self, place: Place, line: int) -> None:
        first = self._document.lines[place]
        self._document.problems.append(
            Problem(
                self._document.file,
                line,
                path_of(place),
                "键不得重复 / each key once",
                f"重复的键，第 {first} 行已有",
                f"duplicate key, first on line {first}",
            )
        )

    def _refusal(self, event: Event, place: Place, zh: str, en: str) -> _Stop:
        """Notes the problem at the event's own line; raising what it gives ends the reading."""
        line = _line(event)
        problem = Problem(self._document.file, line, path_of(place), "YAML: 映射、列表、文本 / plain", zh, en)
        self._document.problems.append(problem)
        return _Stop()


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1
