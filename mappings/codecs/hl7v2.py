"""The HL7 v2 codec: segments, fields, repetitions, components, subcomponents.

Places: `PID-5`, `PID-3.1`, `PID-5.1.2`; `PID-3[5=IdentifyNO].1` is in the repetition of which component 5 is
`IdentifyNO`. Rows are segments (`each: FT1`) or repetitions (`each: PID-3`); their lines begin with the number:
`11.3`. Its normal form: MSH first, with `|^~\\&`, then segments in the order of the lines, each ended by a
carriage return; nothing empty at the end of anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from mappings.charset import CHARSETS, Charset
from mappings.codecs.codec import Codec, Shape, Write
from mappings.codecs.hl7v2_text import Marks, Segment, Written, joined, segments
from mappings.codecs.hl7v2_writer import Writer, restore
from mappings.codecs.kinds import BadPath, Kind, Options
from mappings.document import Reader
from mappings.errors import Refused
from mappings.keys import Keys
from mappings.plan import Branch, Document, Item, Leaf
from mappings.report import Report, Where

_NUMBER = r"[1-9]\d{0,2}"
_PLACE = re.compile(
    rf"(?:([A-Z][A-Z0-9]{{2}})(?:-|$))?(?:({_NUMBER}(?:\[{_NUMBER}=[\w.-]+\])?)((?:\.{_NUMBER}){{0,2}}))?",
    re.ASCII,
)
_CHOSEN = re.compile(rf"({_NUMBER})\[({_NUMBER})=([\w.-]+)\]", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hl7Options(Options):
    version: str = ""  #: written as MSH-12 and checked there; empty where a line does that
    max_segments: int = 10_000
    max_fields: int = 200  #: of a segment
    max_repetitions: int = 10_000  #: of a field


@dataclass(frozen=True, slots=True)
class Part:
    """One repetition of a field (depth 1) or one component (depth 2)."""

    text: str
    depth: int
    marks: Marks

    def parts(self) -> list[str]:
        return self.text.split(self.marks.component if self.depth == 1 else self.marks.sub)


class Hl7Codec(Codec):
    typed = True  # what stands in a leaf may be the reason why it cannot be read

    def __init__(self, document: Document, options: Hl7Options) -> None:
        self._document = document
        self._options = options
        self._charset: Charset = CHARSETS[options.charset]

    def parse(self, data: bytes) -> list[Segment]:
        limit = self._options.max_bytes
        if len(data) > limit:
            raise Refused("size", f"报文超过 {limit} 字节", f"longer than {limit} bytes")
        self._charset.expect(data)
        return self.parse_text(self._charset.decode(data))

    def parse_text(self, text: str) -> list[Segment]:
        options = self._options
        if len(text) > options.max_bytes:
            zh, en = f"报文超过 {options.max_bytes} 字节", f"longer than {options.max_bytes} bytes"
            raise Refused("size", zh, en)
        return segments(text, options.max_segments, options.max_fields)

    def serialise(self, tree: Any) -> bytes:
        return self._charset.encode(self.serialise_text(tree))

    def serialise_text(self, tree: Any) -> str:
        return "".join(f"{_line(name, fields)}\r" for name, fields in tree)

    def check(self, tree: Any, report: Report, where: Where = None, path: str = "") -> None:
        version = self._options.version
        found = tree[0].fields[12].partition(tree[0].marks.component)[0] if len(tree[0].fields) > 12 else ""
        if version and found != version:
            report.place(
                f"{path}/MSH-12".lstrip("/"), where, "version", f"应为 {version}", f"must be {version}"
            )

    # In

    def fetch(self, node: Any, shape: Shape, report: Report, where: Where) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if isinstance(node, list):
            self._segments(node, shape, report, where, found)
        elif isinstance(node, Segment):
            first = 3 if node.name == "MSH" else 1
            for number, text in enumerate(node.fields[first:], first):
                # MSH-12 is the codec's own, unless a line has it.
                own = (
                    node.name == "MSH" and number == 12 and self._options.version and "12" not in shape.known
                )
                if text and not own:
                    self._field(str(number), text, node.marks, shape, report, where, found)
        elif node is not None:
            for number, text in enumerate(node.parts(), 1):
                if text:
                    self._part(str(number), text, node, shape, report, where, found)
        return found

    def _segments(
        self, node: list[Segment], shape: Shape, report: Report, where: Where, found: dict[str, Any]
    ) -> None:
        unknown: dict[str, list[str]] = {}
        for segment in node:
            name = segment.name
            if name in shape.repeats:
                found.setdefault(name, []).append(segment)
            elif name in shape.branches and name not in found:
                found[name] = segment
            elif name in shape.branches:
                report.place(_name(shape, name), where, "duplicate", "重复出现", "occurs more than once")
            elif shape.unknown == "keep" and name != "MSH":
                try:
                    fields = [segment.marks.restated(field) for field in segment.fields[1:]]
                    unknown.setdefault(name, []).append("|".join([name, *fields]))
                except Refused as no:
                    report.place(_name(shape, name), where, no.rule, no.zh, no.en)
            elif name not in shape.skips and name != "MSH":
                _strange(name, segment.marks, 0, "", shape, report, where)
        for name, lines in unknown.items():
            report.keep((), where, name, lines)

    def _field(
        self,
        step: str,
        text: str,
        marks: Marks,
        shape: Shape,
        report: Report,
        where: Where,
        found: dict[str, Any],
    ) -> None:
        most = self._options.max_repetitions
        texts = text.split(marks.repetition, most - 1)
        if marks.repetition in texts[-1]:
            zh, en = f"超过 {most} 个重复值", f"has more than {most} repetitions"
            report.place(_name(shape, step), where, "size", zh, en)
            return
        parts = [Part(one, 1, marks) for one in texts]
        chosen = [m for m in map(_CHOSEN.fullmatch, shape.branches) if m is not None and m[1] == step]
        if step in shape.repeats:
            found[step] = [part for part in parts if part.text]
        elif chosen:
            self._choose(step, parts, chosen, shape, report, where, found)
        elif step in shape.branches or step in shape.leaves:
            if any(part.text for part in parts[1:]):
                report.place(
                    _name(shape, step), where, "duplicate", "有多个重复值", "has more than one repetition"
                )
            elif step in shape.branches:
                found[step] = parts[0]
            else:
                found[step] = self._leaf(step, parts[0], shape, report, where)
        elif step not in shape.skips:
            _strange(step, marks, 0, text, shape, report, where)

    def _choose(
        self,
        step: str,
        parts: list[Part],
        chosen: list[re.Match[str]],
        shape: Shape,
        report: Report,
        where: Where,
        found: dict[str, Any],
    ) -> None:
        """Repetitions by the code in one of their components."""
        others = []
        for part in parts:
            codes = part.parts()
            match = next((m for m in chosen if codes[int(m[2]) - 1 : int(m[2])] == [m[3]]), None)
            if match is None:
                others += [part.text] if part.text else []
            elif match[0] in found:
                zh, en = "同一类型重复出现", "occurs more than once"
                report.place(_name(shape, match[0]), where, "duplicate", zh, en)
            else:
                # The code is the choice itself, so it is nothing unknown.
                codes[int(match[2]) - 1] = ""
                found[match[0]] = Part(part.marks.component.join(codes), 1, part.marks)
        if others:
            _strange(step, parts[0].marks, 1, others, shape, report, where)

    def _part(
        self,
        step: str,
        text: str,
        node: Part,
        shape: Shape,
        report: Report,
        where: Where,
        found: dict[str, Any],
    ) -> None:
        inner = Part(text, node.depth + 1, node.marks)
        if step in shape.branches and node.depth == 1:
            found[step] = inner
        elif step in shape.leaves:
            found[step] = self._leaf(step, inner, shape, report, where)
        elif step not in shape.skips:
            _strange(step, node.marks, node.depth + 1, text, shape, report, where)

    def text(self, value: Any, numeric: bool) -> str:
        if isinstance(value, Refused):
            raise value
        return super().text(value, numeric)

    def _leaf(
        self, step: str, part: Part, shape: Shape, report: Report, where: Where
    ) -> str | Refused | None:
        """The text of a place, which is the first part of whatever stands there; or what is wrong with it."""
        text = part.text
        if part.depth < 3:
            text, *more = part.parts()
            if any(more):
                steps = (*shape.steps, step)
                path = "/".join(filter(None, (shape.path, step)))
                none = frozenset[str]()
                inside = Shape(path, steps, none, none, none, none, shape.unknown, none)
                for number, other in enumerate(more, 2):
                    if other:
                        _strange(str(number), part.marks, part.depth + 1, other, inside, report, where)
            return self._leaf(step, Part(text, part.depth + 1, part.marks), shape, report, where)
        try:
            return part.marks.read(text, self._charset)
        except Refused as no:
            return no

    def pick(self, tree: Any, steps: Sequence[str]) -> Any:
        report, none = Report(""), frozenset[str]()
        node: Any = tree
        for depth, step in enumerate(steps, 1):
            key = frozenset((step,))
            last = depth == len(steps)
            leaves, branches = (key, none) if last else (none, key)
            node = self.fetch(
                node,
                Shape("", tuple(steps[: depth - 1]), leaves, branches, none, none, "ignore", key),
                report,
                None,
            ).get(step)
        return node

    # Out

    def says(self, leaf: Leaf, text: str) -> bool:
        return self._charset.says(text) and text != '""'

    def writer(self, document: Document, name: str) -> Write:
        return Writer(document, name, self._charset, self._options.version).write

    def restore(self, tree: Any, kept: dict[str, Any]) -> Any:
        return restore(tree, kept, self._document.items)


def _line(name: str, fields: dict[int, Written] | str) -> str:
    if isinstance(fields, str):
        return fields
    body = joined(fields, "|^&")
    if name == "MSH":
        # The first two fields are the delimiters themselves.
        return f"MSH|^~\\&{body[1:]}"
    return f"{name}|{body}" if body else name


def _name(shape: Shape, step: str) -> str:
    """A place as a mapping writes it: `PID-3.1`, in rows `11.3`."""
    steps = (*shape.steps, step)
    around = shape.path.split("/")[: -len(shape.steps) or None] if shape.path else []
    rest = ".".join(steps[1:])
    own = f"{steps[0]}-{rest}" if steps[0][0].isalpha() and rest else ".".join(steps)
    return "/".join([*around, own])


def _strange(
    step: str, marks: Marks, depth: int, text: str | list[str], shape: Shape, report: Report, where: Where
) -> None:
    """Something no line speaks of: a field (depth 0), a component, or several repetitions."""
    if shape.unknown == "reject":
        report.place(_name(shape, step), where, "unknown", "未约定的内容", "is nothing agreed")
    elif shape.unknown == "keep":
        try:
            texts = [marks.restated(one, depth) for one in ([text] if isinstance(text, str) else text)]
            report.keep(shape.steps, where, step, texts[0] if isinstance(text, str) else texts)
        except Refused as no:
            report.place(_name(shape, step), where, no.rule, no.zh, no.en)


class Hl7Kind(Kind):
    keeps = True

    def options(self, keys: Keys, kind: str) -> Hl7Options:
        charset = keys.choice("charset", ("gbk", "gb18030", "utf-8"))
        return Hl7Options(
            kind=kind,
            line=keys.table.line,
            charset=charset if charset in CHARSETS else "utf-8",
            version=keys.text("version", ""),
            max_bytes=keys.number("max_bytes", 4 << 20),
            max_segments=keys.number("max_segments", 10_000),
            max_fields=keys.number("max_fields", 200),
            max_repetitions=keys.number("max_repetitions", 10_000),
        )

    def steps(self, path: str, options: Hl7Options) -> list[str]:
        match = _PLACE.fullmatch(path)
        if not path or match is None or path.endswith("-"):
            raise BadPath("路径写法无效", "invalid path", "PID-5、PID-3.1、PID-3[5=IdentifyNO].1;行内 11.3")
        segment, field, parts = match.groups()
        if segment == "MSH" and field in ("1", "2"):
            raise BadPath("分隔符由系统写出", "the delimiters are written by themselves")
        if field is not None and "[" in field and not parts:
            raise BadPath("所选重复值须写明组成部分", "say which component of the repetition", f"{path}.1")
        return [s for s in (segment, field, *(parts or "").split(".")) if s]

    def lint(self, reader: Reader, document: Document) -> None:
        for item in document.items:
            if item.step[0].isdigit() or isinstance(item, Leaf):
                if not (isinstance(item, Leaf) and item.role == "skip"):
                    zh, en = "最外层的位置须有段名", "a place begins with its segment"
                    reader.problem(item.line, item.path, zh, en, "PID-5")
            else:
                _levels(reader, item.items)

    def kept_examples(self, options: Hl7Options) -> tuple[dict[str, Any], ...]:
        return ({"ZXX": ["ZXX|a^b~\\F\\c||d"]}, {"ZXX": ["ZXX"], "ZYY": ["ZYY||", "ZYY|1"]})

    def make(self, document: Document) -> Hl7Codec:
        return Hl7Codec(document, cast(Hl7Options, document.options))


def _levels(reader: Reader, items: list[Item]) -> None:
    """Within a segment there are numbers only, and a field is chosen by code everywhere or nowhere."""
    plain = {i.step for i in items}
    for item in items:
        chosen = _CHOSEN.fullmatch(item.step)
        if not item.step[0].isdigit():
            reader.problem(item.line, item.path, "段内只有编号", "within a segment there are numbers only")
        elif chosen is not None and chosen[1] in plain:
            zh, en = "同一字段不能既按类型选取又直接对应", "the field is mapped as a whole too"
            reader.problem(item.line, item.path, zh, en)
        if isinstance(item, Branch):
            _levels(reader, item.items)


KIND = Hl7Kind()
