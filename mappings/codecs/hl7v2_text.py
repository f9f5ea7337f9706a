"""HL7 v2 as text: delimiters, escapes, segments; and the tree that is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mappings.charset import Charset
from mappings.errors import Refused

_NULL = '""'
_SEGMENT = re.compile("[A-Z][A-Z0-9]{2}")
#: A segment ends at a carriage return, though some send line feeds.
_LINE = re.compile("[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Marks:
    """The delimiters of one message, as `MSH-1` and `MSH-2` say them."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    sub: str = "&"

    def read(self, text: str, charset: Charset) -> str | None:
        """The meaning of a text without delimiters; None for nothing, said or not. Raises `Refused`."""
        if text in ("", _NULL):
            return None
        if self.escape not in text:
            return text
        plain, *rest = text.split(self.escape)
        if len(rest) % 2:
            raise _bad_escape()
        for code, after in zip(rest[::2], rest[1::2], strict=True):
            plain += self._escaped(code, charset) + after
        return plain

    def _escaped(self, code: str, charset: Charset) -> str:
        known = {
            "F": self.field, "S": self.component, "R": self.repetition, "E": self.escape, "T": self.sub,
            ".br": "\n",
        }  # fmt: skip
        if code in known:
            return known[code]
        if re.fullmatch("X(?:[0-9A-Fa-f]{2}){1,64}", code):
            return charset.decode(bytes.fromhex(code[1:]))
        raise _bad_escape()

    def restated(self, text: str, depth: int = 0) -> str:
        """A field, repetition or component with the usual delimiters."""
        if self == USUAL:
            return text
        if depth == len(_DEPTHS):
            return "".join(part if odd else _literal(part) for odd, part in _escapes(text, self.escape))
        mark = _DEPTHS[depth]
        parts = text.split(getattr(self, mark))
        return str(getattr(USUAL, mark)).join(self.restated(part, depth + 1) for part in parts)


_DEPTHS = ("repetition", "component", "sub")
USUAL = Marks()
_CODES = {
    "|": "\\F\\",
    "^": "\\S\\",
    "~": "\\R\\",
    "\\": "\\E\\",
    "&": "\\T\\",
    "\n": "\\.br\\",
    "\r": "\\X0D\\",
}
_SPECIAL = re.compile("[|^~\\\\&\n\r]")


def _literal(text: str) -> str:
    return _SPECIAL.sub(lambda m: _CODES[m[0]], text)


def _escapes(text: str, mark: str) -> list[tuple[bool, str]]:
    """The parts of a text, and whether each is an escape, its marks made usual."""
    parts = text.split(mark)
    if len(parts) % 2 == 0:
        raise _bad_escape()
    return [(bool(i % 2), f"\\{part}\\" if i % 2 else part) for i, part in enumerate(parts)]


def write(text: str) -> str:
    """A text with everything escaped that would mean something else. Raises `Refused` for the null value."""
    if text == _NULL:
        raise Refused("null", '“""”在 HL7 中表示空值', 'would mean "no value" in HL7')
    return _literal(text)


def _bad_escape() -> Refused:
    return Refused("escape", "转义序列无效", "has an escape sequence that is not agreed")


@dataclass(frozen=True, slots=True)
class Segment:
    name: str
    fields: list[str]  #: by their number; 0 is the name, 1 of MSH the field separator
    marks: Marks


def segments(text: str, max_segments: int, max_fields: int) -> list[Segment]:
    """The segments of a message. Raises `Refused`."""
    head = text[3:9]
    plain = len(set(head[:5])) == 5 and not any(
        c.isalnum() or not c.isprintable() or c == " " for c in head[:5]
    )
    if not text.startswith("MSH") or not plain or head[5:] not in (head[0], "\r", "\n", ""):
        raise Refused("syntax", "应以 MSH 及分隔符开始", "must begin with MSH and five delimiters")
    marks = Marks(*head[:5])
    found: list[Segment] = []
    for number, line in enumerate(_LINE.finditer(text)):
        if number == max_segments:
            raise Refused("size", f"超过 {max_segments} 段", f"more than {max_segments} segments")
        fields = line[0].split(marks.field, max_fields + 1)
        if len(fields) > max_fields + 1:
            raise Refused(
                "size", f"一段超过 {max_fields} 个字段", f"a segment of more than {max_fields} fields"
            )
        if _SEGMENT.fullmatch(fields[0]) is None or (fields[0] == "MSH") != (number == 0):
            raise Refused("syntax", f"第 {number + 1} 段段名无效", f"segment {number + 1} has no valid name")
        found.append(Segment(fields[0], ["MSH", *fields] if number == 0 else fields, marks))
    return found


#: A field, repetition or component as it is written: escaped text, its parts by number, or repetitions.
Written = Any


def joined(part: Written, marks: str = "^&") -> str:
    """Its text, without what is empty at the end."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return USUAL.repetition.join([joined(one) for one in part])
    inner = [joined(part[n], marks[1:]) if n in part else "" for n in range(1, max(part, default=0) + 1)]
    while inner and not inner[-1]:
        inner.pop()
    return marks[0].join(inner)
