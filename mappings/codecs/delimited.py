"""The kind `delimited`: columns between separators, as in most files of banks.

Bytes are decoded before they are split: a separator may be the second byte of a character. There is no
quoting, so a text that holds the separator or a line end is refused, unless the mapping says what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mappings.charset import CHARSETS
from mappings.codecs.record_lines import Cell, Record, Unread
from mappings.codecs.record_options import RecordKind, RecordOptions, gap
from mappings.codecs.records import RecordsCodec
from mappings.document import Reader
from mappings.errors import Refused
from mappings.keys import Keys
from mappings.lenses import CodeLens, ConstLens, TextLens
from mappings.plan import Branch, Document, Leaf, Repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class DelimitedOptions(RecordOptions):
    separator: str
    trailing: bool
    null: str

    @property
    def reserved(self) -> str:
        return f"{self.separator}\r\n"


@dataclass(frozen=True, slots=True)
class Place:
    """`column: 3`."""

    column: int


class DelimitedCodec(RecordsCodec):
    def __init__(self, document: Document) -> None:
        self.form = cast(DelimitedOptions, document.options)
        self.null = self.form.null
        self._sign = re.escape(self.form.separator)
        self.other = f"[^{self._sign}\\n\\r]"
        super().__init__(document, CHARSETS[document.options.charset])

    def cell(self, leaf: Leaf) -> Cell:
        return Cell(leaf, leaf.extra.column)

    def take(self, record: Record, data: bytes) -> Sequence[str | Unread | None]:
        found = self.charset.decode(data).split(self.form.separator)
        if self.form.trailing and found.pop():
            raise Refused("columns", "行尾应有分隔符", "a separator must end the line")
        wanted = record.cells[-1].at if record.cells else 0
        if len(found) < wanted or (len(found) > wanted and not self.ignores):
            raise Refused(
                "columns", f"应有 {wanted} 列,实有 {len(found)} 列", f"{len(found)} columns, not {wanted}"
            )
        null = self.form.null
        return [None if not (text := found[c.at - 1]) or text == null else _plain(text) for c in record.cells]

    def put(self, record: Record, texts: Sequence[str | None]) -> bytes:
        found = [""] * record.cells[-1].at
        for cell, text in zip(record.cells, texts, strict=True):
            found[cell.at - 1] = self.form.null if text is None else text
        line = self.form.separator.join(found)
        return self.charset.encode(line + self.form.separator if self.form.trailing else line)

    def check_text(self, cell: Cell, text: str) -> None:
        if any(c in text for c in self.form.reserved):
            raise Refused("separator", "含有分隔符或换行", "contains the separator or a line end")
        if text and text == self.form.null:
            raise Refused("null", f"“{text}”表示空值", f"{text!r} means absence")

    def offset(self, record: Record, data: bytes, cell: Cell) -> int:
        texts = data.decode(self.charset.codec, "replace").split(self.form.separator)[: cell.at - 1]
        return sum(len(t.encode(self.charset.codec, "replace")) + 1 for t in texts)

    # The quick ways

    def block_reader(self, record: Record) -> Callable[[bytes], str]:
        codec = self.charset.codec
        return lambda data: data.replace(b"\r\n", b"\n").decode(codec)

    def piece(self, cell: Cell, pattern: str, captured: bool) -> str:
        optional = not cell.leaf.required
        inner = f"{pattern}|{re.escape(self.null)}" if optional and self.null else pattern
        return f"({'' if captured else '?:'}{inner}){'?' if optional else ''}"

    def pattern(self, record: Record, pieces: Sequence[str]) -> str:
        found = [f"{self.other}*" if self.ignores else ""] * record.cells[-1].at
        return self._starts(record) + self._joined(record, found, pieces, self._sign) + self._surplus()

    def template(self, record: Record, pieces: Sequence[str]) -> str:
        separator = self.form.separator.replace("{", "{{").replace("}", "}}")
        line = self._joined(record, [""] * record.cells[-1].at, pieces, separator)
        return line + separator if self.form.trailing else line

    def said_pattern(self, record: Record, pieces: Sequence[str]) -> str:
        line = self._joined(record, [""] * record.cells[-1].at, pieces, self._sign)
        return self._starts(record) + line + (self._sign if self.form.trailing else "")

    def said_piece(self, cell: Cell, pattern: str) -> str:
        return f"(?:{pattern})" if cell.leaf.required else f"(?:{pattern}|{re.escape(self.null)})"

    def block_writer(self, record: Record) -> Callable[[str], bytes]:
        end, codec = self.end.decode(), self.charset.codec
        return lambda text: text.replace("\n", end).encode(codec)

    def _joined(self, record: Record, found: list[str], pieces: Sequence[str], separator: str) -> str:
        for cell, piece in zip(record.cells, pieces, strict=True):
            found[cell.at - 1] = piece
        return separator.join(found)

    def _starts(self, record: Record) -> str:
        return f"(?={re.escape(record.starts.decode(self.charset.codec))})"

    def _surplus(self) -> str:
        more = f"(?:{self._sign}{self.other}*)*" if self.ignores else ""
        return more + (self._sign if self.form.trailing else "")


def _plain(text: str) -> str | Unread:
    """A carriage return that ends no line is in no text of ours."""
    if "\r" in text:
        return Unread(Refused("control", "含有控制字符", "contains control characters"))
    return text


class DelimitedKind(RecordKind):
    def options(self, keys: Keys, kind: str) -> DelimitedOptions:
        separator = keys.text("separator")
        separator = "\t" if separator == "tab" else separator
        if len(separator) != 1 or not separator.isascii() or separator.isalnum() or separator in "\r\n.-":
            keys.bad("separator", "应为一个 ASCII 符号", "must be one ASCII sign", "'|' / ',' / tab")
            separator = "|"
        return DelimitedOptions(
            **self.shared(keys, kind, "lf", "crlf"),
            separator=separator,
            trailing=bool(keys.flag("trailing")),
            null=keys.text("null", ""),
        )

    def line(self, keys: Keys, options: Any) -> object:
        return Place(keys.number("column"))

    def order(self, reader: Reader, document: Document, item: Branch | Repeat, leaves: list[Leaf]) -> None:
        expected = 1
        null = cast(DelimitedOptions, document.options).null
        for leaf in leaves:
            column = leaf.extra.column
            if column < expected:
                zh, en = f"第 {column} 列重复或次序不对", f"column {column} is taken, or out of order"
                reader.problem(leaf.line, leaf.path, zh, en)
            elif column > expected:
                zh, en = f"缺少第 {expected} 列", f"column {expected} is missing"
                gap(reader, document, leaf, zh, en, f"{{at: …, column: {expected}, as: blank}}")
            expected = max(expected, column) + 1
            if (
                isinstance(leaf.lens, ConstLens)
                and cast(DelimitedOptions, document.options).separator in leaf.lens.text
            ):
                zh, en = "固定值含有分隔符", "the fixed text contains the separator"
                reader.problem(leaf.line, leaf.path, zh, en)
            if null and leaf.role == "field" and isinstance(leaf.lens, TextLens | CodeLens):
                zh, en = f"文本“{null}”读作空值,写出时将被拒绝", f"the text {null!r} reads as absence"
                reader.problem(leaf.line, leaf.path, zh, en, level="note")

    def make(self, document: Document) -> DelimitedCodec:
        return DelimitedCodec(document)


KIND = DelimitedKind()
