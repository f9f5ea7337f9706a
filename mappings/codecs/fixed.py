"""The kind `fixed`: columns of so many bytes each, filled up with blanks or zeros.

Bytes are cut before they are decoded: a column is as wide as its bytes, whatever characters are in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, cast

from mappings.charset import CHARSETS
from mappings.codecs.record_lines import Cell, Record, Unread
from mappings.codecs.record_options import RecordKind, RecordOptions, gap
from mappings.codecs.records import RecordsCodec
from mappings.document import Reader
from mappings.errors import Refused
from mappings.keys import Keys
from mappings.lens import Lens
from mappings.lenses_numbers import SequenceLens
from mappings.plan import Branch, Document, Leaf, Repeat
from mappings.quick import Doubt
from mappings.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedOptions(RecordOptions):
    length: int


@dataclass(frozen=True, slots=True)
class Place:
    """`bytes: 1-20` with `pad: left '0'`."""

    first: int  #: counted from 1
    last: int
    pad: str  #: `left`, `right`, or empty: numbers stand right, all else left
    fill: str

    @property
    def size(self) -> int:
        return self.last - self.first + 1


class FixedCell(Cell):
    __slots__ = ("end", "fill", "left", "size", "start")

    def __init__(self, leaf: Leaf) -> None:
        place: Place = leaf.extra
        super().__init__(leaf, place.first)
        self.start, self.end, self.size = place.first - 1, place.last, place.size
        # A sequence of so many digits has its zeros already.
        zeros = not place.pad and leaf.lens.numeric and not _numbered(leaf.lens)
        self.left = place.pad == "left" or zeros  #: filled up at the left
        self.fill = place.fill or ("0" if zeros else " ")

    def take(self, text: str) -> str:
        """A column without what fills it up."""
        if not self.left:
            return text.rstrip(self.fill)
        sign = "-" if self.fill == "0" and text.startswith("-") else ""
        bare = text.removeprefix(sign).lstrip(self.fill)
        if self.fill == "0" and bare[:1] in ("", "."):
            bare = f"0{bare}"  # of 000 and of 000.50, the last zero before the point is a digit
        return sign + bare

    def put(self, data: bytes) -> bytes:
        if not self.left:
            return data.ljust(self.size, self.fill.encode())
        return data.zfill(self.size) if self.fill == "0" else data.rjust(self.size, self.fill.encode())


class FixedCodec(RecordsCodec):
    def __init__(self, document: Document) -> None:
        self.form = cast(FixedOptions, document.options)
        self._template = b" " * self.form.length
        super().__init__(document, CHARSETS[document.options.charset])
        self.width = self.form.length

    def cell(self, leaf: Leaf) -> Cell:
        return FixedCell(leaf)

    def lines(self, data: bytes, start: int) -> list[tuple[bytes, int]]:
        if self.end:
            return super().lines(data, start)
        step = self.form.length
        return [(data[at : at + step], at) for at in range(start, len(data), step)]

    def take(self, record: Record, data: bytes) -> Sequence[str | Unread | None]:
        if len(data) != self.form.length:
            wanted = self.form.length
            zh, en = f"行长应为 {wanted} 字节,实为 {len(data)} 字节", f"{len(data)} bytes, not {wanted}"
            raise Refused("length", zh, en)
        return [self._take(cell, data[cell.start : cell.end]) for cell in record.cells]

    def _take(self, cell: FixedCell, data: bytes) -> str | Unread | None:
        if not data.strip(b" "):
            return None
        try:
            text = cell.take(self.charset.decode(data))
            if cell.put(self.charset.encode(text)) != data:
                raise Refused("pad", "补位方式不符", "is not filled up as agreed")
            if "\r" in text or "\n" in text:
                raise Refused("control", "含有控制字符", "contains control characters")
        except Refused as no:
            return Unread(no)
        return text or None

    def put(self, record: Record, texts: Sequence[str | None]) -> bytes:
        line = bytearray(self._template)
        for cell, text in zip(record.cells, texts, strict=True):
            if text:
                line[cell.start : cell.end] = cell.put(self.charset.encode(text))
        return bytes(line)

    def check_text(self, cell: FixedCell, text: str) -> None:
        data = self.charset.encode(text)
        if len(data) > cell.size:
            raise Refused("length", f"长度不得超过 {cell.size} 字节", f"at most {cell.size} bytes")
        if "\n" in text or "\r" in text:
            raise Refused("control", "含有控制字符", "contains control characters")
        if text and (cell.take(self.charset.decode(cell.put(data))) != text or not text.strip(" ")):
            raise Refused(
                "pad", "首尾的字符与补位无法区分", "its ends cannot be told from what fills up the column"
            )

    def offset(self, record: Record, data: bytes, cell: FixedCell) -> int:
        return cell.start

    # The quick ways: columns become texts between separators, which are in no character of any charset

    def usual(self, record: Record) -> bool:
        starts = not record.starts or (
            record.cells[0].start == 0 and len(record.starts) <= record.cells[0].size
        )
        return starts and all(
            c.fill == " " or (c.left and c.fill == "0" and c.leaf.lens.numeric) for c in record.cells
        )

    def block_reader(self, record: Record) -> Callable[[bytes], str]:
        form, at, parts = "", 0, []
        for i, cell in enumerate(record.cells):
            form += f"{cell.start - at}x{cell.size}s"
            at = cell.end
            # A blank is in no character of more bytes, so it may go before the bytes are decoded.
            stripped = ("lstrip" if cell.left else "rstrip") if cell.fill == " " else ""
            parts.append(f"c{i}.{stripped}(b' ')" if stripped else f"c{i}")
        step = self.form.length + bool(self.end)
        unpack = Struct(f"{form}{step - at}x").iter_unpack
        source = Source(Doubt=Doubt, unpack=unpack, codec=self.charset.codec)
        names = "".join(f"c{i}, " for i in range(len(parts)))
        with source.block("def read(data):"):
            if self.end:
                source(r"data = data.replace(b'\r\n', b'\n')")
                source(rf"if len(data) % {step} or data[{step - 1}::{step}].strip(b'\n'): raise Doubt")
            source(rf"lines = [b'\x1f'.join(({', '.join(parts)},)) for {names} in unpack(data)]")
            source(r"return b'\n'.join([*lines, b'']).decode(codec)")
        read: Callable[[bytes], str] = source.compile(record.name)["read"]
        return read

    def piece(self, cell: FixedCell, pattern: str, captured: bool) -> str:
        group = f"({'' if captured else '?:'}{pattern})"
        if cell.fill == " ":
            return group if cell.leaf.required else f"{group}?"
        skipped = r"(?:0(?=[^.\x1f\n]))*+(?![-.])"
        return f"{skipped}{group}" if cell.leaf.required else f"(?:{skipped}{group}| *)"

    def pattern(self, record: Record, pieces: Sequence[str]) -> str:
        starts = re.escape(record.starts.decode(self.charset.codec))
        return f"(?={starts})" + "\x1f".join(pieces)

    def template(self, record: Record, pieces: Sequence[str]) -> str:
        return "\x1f".join(pieces)

    said_pattern = pattern

    def said_piece(self, cell: FixedCell, pattern: str) -> str:
        if not cell.left:
            pattern = f"(?:{pattern})(?<! )"
        elif cell.fill == " ":
            pattern = f"(?! )(?:{pattern})"
        return f"(?:{pattern})" if cell.leaf.required else f"(?:{pattern})?"

    def block_writer(self, record: Record) -> Callable[[str], bytes]:
        source = Source(codec=self.charset.codec, Doubt=Doubt, end=self.end)
        parts, at = [], 0
        for i, cell in enumerate(record.cells):
            parts += [repr(b" " * (cell.start - at))] if cell.start > at else []
            fill = f"c{i}.zfill({cell.size})" if cell.fill == "0" else f"c{i}.rjust({cell.size})"
            parts.append(
                f"({fill} if c{i} else {b' ' * cell.size!r})" if cell.left else f"c{i}.ljust({cell.size})"
            )
            at = cell.end
        parts += [repr(b" " * (self.form.length - at))] if self.form.length > at else []
        names = ", ".join(f"c{i}" for i in range(len(record.cells)))
        with source.block("def line(data):"):
            source(f"{names}, = data.split(b'\x1f')")
            source(f"made = {' + '.join(parts)}")
            source(f"if len(made) != {self.form.length}: raise Doubt")
            source("return made")
        with source.block("def write(text):"):
            source("return end.join([*map(line, text.encode(codec).split(b'\\n')[:-1]), b''])")
        write: Callable[[str], bytes] = source.compile(record.name)["write"]
        return write


def _numbered(lens: Lens) -> bool:
    return isinstance(lens, SequenceLens) and lens.digits > 0


_RANGE = re.compile(r"([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?", re.ASCII)
_PAD = re.compile(r"(left|right)(?: '?([!-&(-~])'?)?", re.ASCII)


class FixedKind(RecordKind):
    def options(self, keys: Keys, kind: str) -> FixedOptions:
        return FixedOptions(**self.shared(keys, kind, "lf", "crlf", "none"), length=keys.number("length"))

    def line(self, keys: Keys, options: Any) -> object:
        match = _RANGE.fullmatch(keys.text("bytes"))
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if match is None or last < first:
            keys.bad("bytes", "应为字节范围", "must be a range of bytes", "bytes: 1-20")
            first = last = max(first, 1)
        pad = _PAD.fullmatch(keys.text("pad", "") or "right")
        if pad is None:
            keys.bad(
                "pad", "补位写法无效", "must say at which side, with which character", "left '0' / right"
            )
        written = pad if "pad" in keys.table.entries else None
        return Place(first, last, written[1] if written else "", (written[2] or "") if written else "")

    def order(self, reader: Reader, document: Document, item: Branch | Repeat, leaves: list[Leaf]) -> None:
        length = cast(FixedOptions, document.options).length
        expected = 1
        for leaf in leaves:
            first, last = leaf.extra.first, leaf.extra.last
            if first < expected or last > length:
                zh = f"字节 {first}-{last} 与前面的列重叠、次序不对,或超出行长 {length}"
                en = f"bytes {first}-{last} overlap, are out of order, or exceed the length {length}"
                reader.problem(leaf.line, leaf.path, zh, en)
            elif first > expected:
                self._gap(reader, document, leaf, expected, first - 1)
            expected = max(expected, last + 1)
        if leaves and expected <= length:
            self._gap(reader, document, leaves[-1], expected, length)

    def _gap(self, reader: Reader, document: Document, leaf: Leaf, first: int, last: int) -> None:
        zh, en = f"字节 {first}-{last} 没有对应的列", f"no column for the bytes {first}-{last}"
        gap(reader, document, leaf, zh, en, f"{{at: …, bytes: {first}-{last}, as: blank}}")

    def make(self, document: Document) -> FixedCodec:
        return FixedCodec(document)


KIND = FixedKind()
