"""What the kinds `delimited` and `fixed` share: a file of lines, each a record of columns.

First come the records of which there is exactly one each, then any number of one repeating record, then again
single ones. Lines are cut as bytes, so that every fault can say at which byte of the partner's file it stands.

Its normal form: the declared line end after every line. Read: both line ends, and a mark of UTF-8 or none.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from mappings.charset import Charset
from mappings.codecs.codec import Codec, Shape, Write
from mappings.codecs.record_lines import NOTHING, Cell, Line, Record, Tree, Unread
from mappings.codecs.record_options import RecordLine, RecordOptions
from mappings.errors import Refused
from mappings.plan import Branch, Document, Leaf, Plan, Repeat
from mappings.report import Position, Report, Where

if TYPE_CHECKING:
    from mappings.codecs.records_stream import RecordStreams
    from mappings.quick import QuickRead

#: (rows, index of the first, the body around them, report, envelope values) → their lines.
RowsWriter: TypeAlias = Callable[[Sequence[Any], int, Any, Report, dict[str, str]], bytes]


class RecordsCodec(Codec):
    typed = True

    def __init__(self, document: Document, charset: Charset) -> None:
        self.options = cast(RecordOptions, document.options)
        self.charset = charset
        self._cells: dict[int, Cell] = {}
        self._streams: RecordStreams | None = None
        self.ignores = document.unknown == "ignore"
        made = {i.step: self._record(i) for i in document.items if isinstance(i, Branch | Repeat)}
        named = [made.get(r.name) or Record(r.name, r.name, b"", ()) for r in self.options.records]
        kept = list(zip(self.options.records, named, strict=True))
        self.first = [record for line, record in kept if line.place == "first"]
        self.last = [record for line, record in kept if line.place == "last"]
        self.row = next((record for line, record in kept if not line.place), None)
        self.end = self.options.line_end
        self.width = 0  #: of a line in bytes, where lines have no end

    def _record(self, item: Branch | Repeat) -> Record:
        line = next(
            (r for r in self.options.records if r.name == item.step), RecordLine(item.step, "", "", 0)
        )
        leaves = [i for i in item.items if isinstance(i, Leaf) and i.extra is not None]
        repeat = item if isinstance(item, Repeat) else None
        cells = tuple(sorted((self.cell(leaf) for leaf in leaves), key=lambda c: c.at))
        self._cells |= {id(cell.leaf): cell for cell in cells}
        return Record(item.step, item.path, self.charset.encode(line.starts), cells, repeat)

    # What delimited and fixed files differ in

    @abstractmethod
    def cell(self, leaf: Leaf) -> Cell: ...

    @abstractmethod
    def take(self, record: Record, data: bytes) -> Sequence[str | Unread | None]:
        """A line as the texts of its columns, None where there is none. Raises `Refused`."""

    @abstractmethod
    def put(self, record: Record, texts: Sequence[str | None]) -> bytes:
        """The inverse, of texts that `check_text` let pass."""

    @abstractmethod
    def check_text(self, cell: Any, text: str) -> None:
        """Raises `Refused` for a text that would not be read again from this column."""

    @abstractmethod
    def offset(self, record: Record, data: bytes, cell: Any) -> int:
        """Where a column begins in a line."""

    # What the quick ways need, see `records_quick`

    null: str = ""  #: a text that means absence
    other: str = r"[^\x1f\n\r]"  #: one character of a column, as a regular expression

    def usual(self, record: Record) -> bool:
        """Whether there is a quick way for the columns of a record."""
        return True

    @abstractmethod
    def block_reader(self, record: Record) -> Callable[[bytes], str]:
        """A function: whole lines as text, each of which ends with a line feed."""

    @abstractmethod
    def piece(self, cell: Any, pattern: str, captured: bool) -> str:
        """A regular expression for a column of such a text; the pattern is that of its lens, empty for nothing."""

    @abstractmethod
    def pattern(self, record: Record, pieces: Sequence[str]) -> str:
        """A regular expression for a line, of those of its columns."""

    @abstractmethod
    def template(self, record: Record, pieces: Sequence[str]) -> str:
        """A line as it is written, of the parts of an f-string."""

    @abstractmethod
    def said_piece(self, cell: Any, pattern: str) -> str:
        """As `piece`, for what is written."""

    @abstractmethod
    def said_pattern(self, record: Record, pieces: Sequence[str]) -> str:
        """As `pattern`, for what is written."""

    @abstractmethod
    def block_writer(self, record: Record) -> Callable[[str], bytes]:
        """A function: lines of `template`, each with a line feed, as bytes of the file."""

    # In

    def parse(self, data: bytes) -> Tree:
        if len(data) > self.options.max_bytes:
            most = self.options.max_bytes
            raise Refused("size", f"报文超过 {most} 字节", f"longer than {most} bytes")
        self.charset.expect(data)
        mark = self.charset.skipped
        start = len(mark) if mark and data.startswith(mark) else 0
        tree = self.tree(self.lines(data, start))
        tree.data = data
        return tree

    def lines(self, data: bytes, start: int) -> list[tuple[bytes, int]]:
        """The lines from there on, each with its offset."""
        found = []
        while start < len(data):
            end = data.find(b"\n", start)
            end = len(data) if end < 0 else end
            found.append((data[start:end].removesuffix(b"\r"), start))
            start = end + 1
        return found

    def tree(self, lines: list[tuple[bytes, int]]) -> Tree:
        first, last = len(self.first), len(self.last)
        rows = max(0, len(lines) - first - last)
        kinds = [*self.first, *([self.row] * rows), *self.last]
        made = [
            Line(record or NOTHING, data, number, offset)
            for number, (record, (data, offset)) in enumerate(zip(kinds, lines, strict=False), 1)
        ]
        single = {line.record.name: line for line in (*made[:first], *made[first + rows :])}
        return Tree(single, made[first : first + rows], [r for r in kinds[len(made) :] if r is not None])

    def check(self, tree: Tree, report: Report, where: Where = None, path: str = "") -> None:
        report.locate = lambda leaf, where: self._locate(tree, leaf, where)
        for record in tree.absent:
            report.place(record.path, where, "missing", "缺少该行", "the line is missing")
        if self.row is None and tree.rows:
            line = tree.rows[0]
            zh, en = "多出的行", "a line too many"
            report.place(path, where, "unknown", zh, en, Position(line.number, 1, line.offset))

    def _locate(self, tree: Tree, leaf: Leaf, where: Where) -> Position | None:
        line = tree.line(leaf, where) if id(leaf) in self._cells else None
        return None if line is None else self.position(line, leaf)

    def position(self, line: Line, leaf: Leaf) -> Position | None:
        cell = next((c for c in line.record.cells if c.leaf is leaf), None)
        if cell is None:
            return None
        return Position(line.number, cell.at, line.offset + self.offset(line.record, line.data, cell))

    def fetch(self, node: Any, shape: Shape, report: Report, where: Where) -> dict[str, Any]:
        if isinstance(node, Tree):
            found: dict[str, Any] = dict(node.single)
            if self.row is not None:
                found[self.row.name] = node.rows
            return found
        if node is None:
            report.silence(where, shape.path)
            return {}
        record = node.record
        try:
            texts = self.texts(record, node.data)
        except Refused as no:
            position = Position(node.number, 1, node.offset)
            report.place("" if where is not None else record.path, where, no.rule, no.zh, no.en, position)
            report.silence(where, shape.path)
            return {}
        return {cell.leaf.step: text for cell, text in zip(record.cells, texts, strict=True)}

    def texts(self, record: Record, data: bytes) -> Sequence[str | Unread | None]:
        if not data.startswith(record.starts):
            said = record.starts.decode(self.charset.codec)
            raise Refused("starts", f"行首应为 {said}", f"the line must begin with {said}")
        return self.take(record, data)

    def text(self, value: Any, numeric: bool) -> str:
        if isinstance(value, Unread):
            raise value.why
        return super().text(value, numeric)

    def values(self, line: Line, report: Report) -> dict[str, Any]:
        """The canonical fields of a single line; what is wrong goes to the report."""
        found: dict[str, Any] = {}
        try:
            texts = self.texts(line.record, line.data)
        except Refused as no:
            report.place(line.record.path, None, no.rule, no.zh, no.en, Position(line.number, 1, line.offset))
            return found
        for cell, text in zip(line.record.cells, texts, strict=True):
            leaf: Leaf = cell.leaf
            value = leaf.default
            try:
                if text is None and leaf.required:
                    report.missing(leaf, None)
                elif text is not None:
                    value = leaf.lens.read(text if isinstance(text, str) else self.text(text, False))
            except Refused as no:
                report.refused(leaf, None, no, text if isinstance(text, str) else "")
            if leaf.role == "field":
                found[leaf.attr] = value
        return found

    def pick(self, tree: Tree, steps: Sequence[str]) -> Any:
        line = tree.single.get(steps[0])
        if line is None:
            return None
        texts = zip(line.record.cells, self.texts(line.record, line.data), strict=True)
        return next((text for cell, text in texts if cell.leaf.step == steps[1]), None)

    # Streams and the quick way

    def streams(self, plan: Plan) -> RecordStreams | None:
        from mappings.codecs.records_stream import RecordStreams  # noqa: PLC0415 - which needs the decoder, and that a codec

        if self._streams is None and self.row is not None and self.row.repeat is not None:
            self._streams = RecordStreams(self, plan, self.row, self.row.repeat)
        return self._streams

    def quick_read(self, plan: Plan) -> QuickRead | None:
        streams = self.streams(plan)
        return streams.read_whole if streams is not None else None

    # Out

    def serialise(self, tree: Iterable[bytes]) -> bytes:
        data = self.charset.mark + b"".join(tree)
        return data if self.options.last_line_end else data.removesuffix(self.end)

    def writer(self, document: Document, name: str) -> Write:
        rows = self.rows_writer(name)

        def write(
            body: Any, parent: Any, report: Report, where: Where, envelope: dict[str, Any]
        ) -> list[bytes]:
            before = [self.line(r, body, parent, report, where, envelope) for r in self.first]
            found = (
                rows(getattr(body, self.row.repeat.attr), 0, body, report, envelope)
                if self.row and self.row.repeat
                else b""
            )
            after = [self.line(r, body, parent, report, where, envelope) for r in self.last]
            return [*before, found, *after]

        return write

    def rows_writer(self, name: str) -> RowsWriter:
        """(rows, index of the first, body around them, report, envelope) → their lines."""
        from mappings.codecs.records_quick import compile_write  # noqa: PLC0415 - which needs this module

        record = self.row
        quick = compile_write(self, record, name) if record is not None else None

        def write(
            rows: Sequence[Any], start: int, body: Any, report: Report, envelope: dict[str, str]
        ) -> bytes:
            if quick is not None:
                try:
                    return quick(rows, start, body)
                except Exception:  # noqa: S110 - whatever it is, the careful way meets it again and says what
                    pass
            assert record is not None
            assert record.repeat is not None
            wheres = ((None, record.repeat, i) for i in range(start, start + len(rows)))
            lines = [
                self.line(record, row, body, report, w, envelope) for row, w in zip(rows, wheres, strict=True)
            ]
            return b"".join(lines)

        return write

    def line(
        self, record: Record, body: Any, parent: Any, report: Report, where: Where, envelope: dict[str, Any]
    ) -> bytes:
        """One line as bytes, with its line end; what cannot be said goes to the report."""
        before = len(report.faults)
        texts = [self._said(cell, body, parent, report, where, envelope) for cell in record.cells]
        if len(report.faults) > before:
            return b""
        data = self.put(record, texts)
        if not data.startswith(record.starts):
            said = record.starts.decode(self.charset.codec)
            zh, en = f"行首应为 {said}", f"the line must begin with {said}"
            report.place("" if where is not None else record.path, where, "starts", zh, en)
        return data + self.end

    def says(self, leaf: Leaf, text: str) -> bool:
        try:
            self.charset.encode(text)
            self.check_text(self._cells[id(leaf)], text)
        except Refused:
            return False
        return True

    def _said(
        self, cell: Any, body: Any, parent: Any, report: Report, where: Where, envelope: dict[str, Any]
    ) -> str | None:
        leaf = cell.leaf
        value = cell.value(body, parent, where, envelope)
        if value is None and leaf.role != "const":
            if leaf.required:
                report.missing(leaf, where)
            return None
        try:
            text: str = leaf.lens.write(value)
            self.charset.encode(text)
            self.check_text(cell, text)
        except Refused as no:
            report.refused(leaf, where, no, value)
            return None
        return text
