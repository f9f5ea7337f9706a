"""The quick ways through records: a block of many lines at once.

Reading: the block is decoded, and one regular expression made from the mapping takes all its lines apart and
checks every value's form. Writing: a line is one f-string, and the same kind of expression checks the block.
Whatever is unusual raises anything at all; then the lines take the careful way, see `quick`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mappings.codecs.codec import value_of
from mappings.codecs.record_lines import Record
from mappings.codecs.records import RecordsCodec
from mappings.lenses import _FORBIDDEN, ConstLens
from mappings.plan import Leaf
from mappings.quick import doubt, known, names, reading, writing, written
from mappings.source import Source

#: (whole lines, index of the first row) → rows.
ReadRows: TypeAlias = Callable[[bytes, int], list[Any]]
#: (rows, index of the first, the body around them) → whole lines.
WriteRows: TypeAlias = Callable[[Sequence[Any], int, Any], bytes]


def compile_read(codec: RecordsCodec, record: Record, label: str) -> ReadRows | None:
    """The quick reader of the rows; None where its lines have something unusual."""
    repeat = record.repeat
    if repeat is None or not _usual(codec, record):
        return None
    source = Source(**names(), doubt=doubt, forbidden=_FORBIDDEN.search, text_of=codec.block_reader(record))
    columns = [_column(codec, source, cell) for cell in record.cells]
    texts = [column.text for column in columns if column.text]
    found = re.compile(f"^{codec.pattern(record, [c.piece for c in columns])}\n", re.MULTILINE)
    if found.groups != len(texts):
        return None
    source.names |= {"found": found.findall, "Row": repeat.struct}
    assumed = {name: source.new("assumed") for name in repeat.assumed}
    source.names |= {assumed[name]: value for name, value in repeat.assumed.items()}
    values = ", ".join([*(f"{c.attr}={c.value}" for c in columns if c.attr), *map("=".join, assumed.items())])
    counted = " and ".join(f"({c.value} == i or doubt())" for c in columns if c.text and not c.attr)
    target = f"({', '.join(texts)})" if len(texts) > 1 else texts[0] if texts else "_"
    with source.block("def read(data, start):"):
        source("text = text_of(data)")
        source("lines = found(text)")
        source("if len(lines) != text.count('\\n'): raise Doubt")
        _control_characters(source)
        if counted:
            source(f"return [Row({values}) for i, {target} in enumerate(lines, start + 1) if {counted}]")
        else:
            source(f"return [Row({values}) for {target} in lines]")
    read: ReadRows = source.compile(label)["read"]
    return read


@dataclass(frozen=True, slots=True)
class _Column:
    piece: str  #: a regular expression
    text: str = ""  #: the variable of its text
    value: str = ""  #: an expression
    attr: str = ""  #: the canonical field; empty for the number of a row


def _column(codec: RecordsCodec, source: Source, cell: Any) -> _Column:
    leaf: Leaf = cell.leaf
    if isinstance(leaf.lens, ConstLens):
        return _Column(codec.piece(cell, re.escape(leaf.lens.text), captured=False))
    form = reading(source, leaf.lens, codec.other)
    text = source.new("t")
    value = form.value.format(v=text)
    if codec.null and form.plain and leaf.required:
        value = f"({value} if {text} != {codec.null!r} else doubt())"
    if not leaf.required:
        default = source.new("default")
        source.names[default] = leaf.default
        there = f"{text} and {text} != {codec.null!r}" if codec.null else text
        value = f"({value} if {there} else {default})"
    return _Column(codec.piece(cell, form.pattern, captured=True), text, value, leaf.attr)


def _control_characters(source: Source) -> None:
    source(r'bare = text.replace("\n", "").replace("\x1f", "")')
    source("if not bare.isprintable() and forbidden(bare): raise Doubt")


def compile_write(codec: RecordsCodec, record: Record, label: str) -> WriteRows | None:
    """The quick writer of the rows; None where its lines have something unusual."""
    if record.repeat is None or not _usual(codec, record):
        return None
    source = Source(**names(), doubt=doubt, forbidden=_FORBIDDEN.search, bytes_of=codec.block_writer(record))
    parts, patterns = [], []
    with source.block("def line(b, parent, where):"):
        for cell in record.cells:
            lens = cell.leaf.lens
            if isinstance(lens, ConstLens):
                parts.append(lens.text.replace("{", "{{").replace("}", "}}"))
                patterns.append(re.escape(lens.text))
            else:
                parts.append(f"{{{_part(source, cell.leaf, codec.null)}}}")
                patterns.append(codec.said_piece(cell, written(source, lens, codec.other)))
        source(f"return f{codec.template(record, parts)!r}")
    source.names["plain"] = re.compile(f"(?:{codec.said_pattern(record, patterns)}\n)*+").fullmatch
    with source.block("def write(rows, start, parent):"):
        source("lines = [line(b, parent, (None, None, i)) for i, b in enumerate(rows, start)]")
        source("lines.append('')")
        source("text = '\\n'.join(lines)")
        source("if plain(text) is None: raise Doubt")
        _control_characters(source)
        source("return bytes_of(text)")
    write: WriteRows = source.compile(label)["write"]
    return write


def _part(source: Source, leaf: Leaf, null: str) -> str:
    """Statements for the text of one column; returns its variable."""
    part = source.new("t")
    source(f"v = {value_of(leaf)}")
    text = writing(source, leaf.lens)
    if null:
        text = f"doubt() if v == {null!r} else ({text})"
    if leaf.required:
        source(f"{part} = {text}")
        return part
    with source.block("if v is None:"):
        source(f"{part} = {null!r}")
    with source.block("else:"):
        source(f"{part} = ({text}) or doubt()")
    return part


def _usual(codec: RecordsCodec, record: Record) -> bool:
    leaves = [cell.leaf for cell in record.cells]
    roles = ("field", "const", "sequence", "parent")
    plain = all(known(leaf.lens) and leaf.role in roles and not leaf.also for leaf in leaves)
    return bool(leaves) and plain and codec.usual(record)
