"""The codec keys that `delimited` and `fixed` share, and what lint says about their lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from mappings.charset import CHARSETS
from mappings.codecs.kinds import BadPath, Kind, Options
from mappings.document import Reader, Table
from mappings.keys import Keys
from mappings.lenses import BlankLens, ConstLens, TextLens
from mappings.plan import Branch, Document, Item, Leaf, Repeat

LINE_ENDS = {"lf": b"\n", "crlf": b"\r\n", "none": b""}


@dataclass(frozen=True, slots=True)
class RecordLine:
    """`head: {first: true, starts: 'H|'}`."""

    name: str
    place: str  #: `first`, `last`, or empty for the record that repeats
    starts: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions(Options):
    records: tuple[RecordLine, ...]
    line_end: bytes
    last_line_end: bool


class RecordKind(Kind):
    def shared(self, keys: Keys, kind: str, *line_ends: str) -> dict[str, Any]:
        """The options both kinds have."""
        last = keys.flag("last_line_end")
        return {
            "kind": kind,
            "line": keys.table.line,
            "max_bytes": keys.number("max_bytes", 4 << 20),
            "charset": keys.choice("charset", tuple(CHARSETS)) or "utf-8",
            "line_end": LINE_ENDS.get(keys.choice("line_end", line_ends), b"\n"),
            "last_line_end": last is not False,
            "records": _records(keys),
        }

    def steps(self, path: str, options: Any) -> list[str]:
        steps = path.split("/")
        if not all(steps) or len(steps) > 2:
            raise BadPath("路径写法无效", "invalid path", "record/column")
        return steps

    # Lint

    def lint(self, reader: Reader, document: Document) -> None:
        options = cast(RecordOptions, document.options)
        records = {record.name: record for record in options.records}
        mapped = set()
        for item in document.items:
            record = records.get(item.step)
            mapped.add(item.step)
            if (
                record is None
                or isinstance(item, Repeat) != (not record.place)
                or not isinstance(item, Branch | Repeat)
            ):
                zh = "应为 codec.records 中的行:单行用 行/列,重复行用 each"
                en = "must be one of codec.records: record/column for a single one, `each` for what repeats"
                reader.problem(item.line, item.path, zh, en, ", ".join(records))
            else:
                self._columns(reader, document, item)
        for record in options.records:
            if record.name not in mapped:
                zh, en = f"没有字段对应 {record.name} 行", f"no line maps the record {record.name}"
                reader.problem(record.line, "codec.records", zh, en)

    def _columns(self, reader: Reader, document: Document, item: Branch | Repeat) -> None:
        placed: list[Leaf] = []
        for leaf in item.items:
            if isinstance(leaf, Leaf) and leaf.extra is not None:
                placed.append(leaf)
                _bytes(reader, document, leaf)
            elif not isinstance(leaf, Leaf) or leaf.role != "skip":
                zh, en = "行内只能是各列", "a record holds columns only"
                reader.problem(leaf.line, leaf.path, zh, en)
        self.order(reader, document, item, placed)

    def order(self, reader: Reader, document: Document, item: Branch | Repeat, leaves: list[Leaf]) -> None:
        """Whether the columns follow each other without gaps."""
        raise NotImplementedError


def gap(reader: Reader, document: Document, leaf: Item, zh: str, en: str, hint: str) -> None:
    """A column that no line names. With `unknown: ignore` it is read past, and written empty."""
    if document.unknown != "ignore":
        reader.problem(leaf.line, leaf.path, zh, en, hint)


def _bytes(reader: Reader, document: Document, leaf: Leaf) -> None:
    """Whether a text that its lens allows can be too wide for its column."""
    room = getattr(leaf.extra, "size", 0)
    lens = leaf.lens
    if isinstance(lens, TextLens) and room:
        charset = CHARSETS[document.options.charset]
        widest = lens.size if lens.size and lens.charset.codec == charset.codec else lens.cap * charset.widest
        if widest > room:
            zh, en = (
                f"文本最长可达 {widest} 字节,此列只有 {room} 字节",
                f"texts of up to {widest} bytes in {room}",
            )
            reader.problem(leaf.line, leaf.path, zh, en, f"text({room} bytes)")
    if isinstance(lens, ConstLens) and not isinstance(lens, BlankLens) and room:
        try:
            wide = len(lens.text.encode(CHARSETS[document.options.charset].codec))
        except UnicodeEncodeError:
            wide = room + 1
        if wide > room:
            zh, en = "固定值放不进此列", "the fixed text does not fit into its column"
            reader.problem(leaf.line, leaf.path, zh, en)


def _records(keys: Keys) -> tuple[RecordLine, ...]:
    tables = keys.table_of("records")
    found = []
    for name, node in tables.table.entries.items():
        tables.taken.append(name)
        if not isinstance(node, Table):
            tables.bad(name, "应为键值表", "must be a table of keys", f"{name}: {{}}")
            continue
        inner = Keys(keys.reader, node, f"{tables.path}.{name}")
        first, last = inner.flag("first"), inner.flag("last")
        if first and last:
            inner.bad("last", "first 与 last 只能有一个", "either `first` or `last`")
        place = "first" if first else "last" if last else ""
        found.append(RecordLine(name, place, inner.text("starts", ""), tables.table.lines[name]))
        inner.done()
    order = [("first", "", "last").index(record.place) for record in found]
    if order != sorted(order) or order.count(1) > 1 or not found:
        zh = "顺序应为:first 行、至多一种重复行、last 行"
        en = "first records, then at most one that repeats, then last ones"
        keys.bad("records", zh, en)
    return tuple(found)
