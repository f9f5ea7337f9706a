"""Reads one file of records as a stream.

A block of whole lines takes the quick way; where it cannot, its parts do, down to the single lines that the
careful way then reads or refuses. A refused row is told of and left out, and reading goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Any

from mappings.codecs.record_lines import Line, Record, Tree, Unread
from mappings.errors import MappingError, Refused
from mappings.plan import Leaf
from mappings.report import Full, Position, Report
from mappings.stream import RefusedRow, Rows

if TYPE_CHECKING:
    from mappings.codecs.records_stream import RecordStreams

#: A block that does not take the quick way is tried again in so many parts: with two, some refused rows in each
#: thousand would have all others read again and again.
_PARTS = 16
#: A line of a file of records is far shorter; a file without line ends is none.
_LONGEST = 1 << 20


class Reader(Rows):
    """One file that is being read."""

    def __init__(
        self,
        streams: RecordStreams,
        stream: IO[bytes],
        refused: Callable[[RefusedRow], None] | None,
        elsewhere: dict[str, Any],
        size: int,
    ) -> None:
        super().__init__(refused)
        self._streams, self._codec = streams, streams.codec
        self._stream, self._size, self._elsewhere = stream, size, elsewhere
        self._single: dict[str, Line] = {}
        self._tally = dict.fromkeys(streams.checks.sums, 0)
        self._unknown: set[Any] = set()  #: sums that a refused row keeps us from knowing
        self._data = b""
        self._ended = False
        self._plain = True  #: until now, nothing but ASCII
        self._offset = self._line = self._index = self._last = 0
        self._start()

    # Blocks

    def _start(self) -> None:
        mark = self._codec.charset.skipped
        while not self._ended and len(self._data) < len(mark):
            self._more()
        if mark and self._data.startswith(mark):
            self._drop(len(mark), 0)
        for record in self._codec.first:
            while not self._ended and self._cut(self._data, 1) == 0:
                self._more()
            self._take(record)
        self.head = self._head()

    def _more(self) -> None:
        block = self._stream.read(self._size)
        self._ended = not block
        if self._plain and not block.isascii():
            self._expect(block)
        if self._ended and self._data and self._codec.end and not self._data.endswith(b"\n"):
            block = b"\n"  # the last line may lack its end
        self._data += block
        if len(self._data) - self._kept(0) > _LONGEST + self._size:
            raise self._error("size", "行过长", "a line is too long")

    def _expect(self, block: bytes) -> None:
        self._plain = False
        try:
            self._codec.charset.expect(block)
        except Refused as no:
            raise self._error(no.rule, no.zh, no.en) from None

    def _drop(self, size: int, lines: int) -> None:
        self._data = self._data[size:]
        self._offset += size
        self._line += lines

    def _cut(self, data: bytes, lines: int) -> int:
        """Where so many lines end."""
        if not self._codec.end:
            whole = lines * self._codec.width
            return whole if whole <= len(data) else 0
        at = 0
        for _ in range(lines):
            at = data.find(b"\n", at) + 1
            if not at:
                return 0
        return at

    def _kept(self, lines: int) -> int:
        """Where the whole lines end, without the last ones of what there is."""
        if not self._codec.end:
            return max(0, len(self._data) // self._codec.width - lines) * self._codec.width
        end = self._data.rfind(b"\n") + 1
        for _ in range(lines):
            end = self._data.rfind(b"\n", 0, max(0, end - 1)) + 1
        return end

    def _take(self, record: Record) -> None:
        """The next line, which is a single one."""
        end = self._cut(self._data, 1) or len(self._data)
        if end:
            self._single[record.name] = Line(record, _bare(self._data[:end]), self._line + 1, self._offset)
            self._drop(end, 1)

    def _error(self, rule: str, zh: str, en: str) -> MappingError:
        report = Report(self._streams.name)
        report.place("", None, rule, zh, en, Position(self._line + 1, 1, self._offset))
        return report.error()

    # Rows

    def __iter__(self) -> Iterator[Any]:
        after = len(self._codec.last)
        while not self._ended:
            self._more()
            end = self._kept(after)
            if end:
                block, offset, line = self._data[:end], self._offset, self._line
                count = block.count(b"\n") if self._codec.end else end // self._codec.width
                self._drop(end, count)
                yield from self._rows(block, offset, line)
        for record in self._codec.last:
            self._take(record)
        if self._data:
            raise self._error("unknown", "多出的行", "a line too many")
        self._finish()

    def _rows(self, block: bytes, offset: int, line: int) -> list[Any]:
        rows = self._quick(block)
        if rows is None:
            return self._parts(block, offset, line)
        self._count(rows)
        self._index += len(rows)
        return rows

    def _quick(self, block: bytes) -> list[Any] | None:
        if self._streams.read_rows is None:
            return None
        try:
            rows = self._streams.read_rows(block, self._index)
            if self._streams.ascending is not None:
                numbers = [int(getattr(row, self._streams.ascending.attr)) for row in rows]
                if any(b <= a for a, b in pairwise([self._last, *numbers])):
                    return None
                self._last = numbers[-1] if numbers else self._last
        except Exception:
            return None
        return rows

    def _parts(self, block: bytes, offset: int, line: int) -> list[Any]:
        lines = block.count(b"\n") if self._codec.end else len(block) // self._codec.width
        if lines <= 1:
            return self._carefully(_bare(block) if self._codec.end else block, offset, line)
        size, rows = -(-lines // _PARTS), []
        for begun in range(0, lines, size):
            end = self._cut(block, size) or len(block)
            rows += self._rows(block[:end], offset, line + begun)
            block, offset = block[end:], offset + end
        return rows

    def _carefully(self, data: bytes, offset: int, number: int) -> list[Any]:
        streams = self._streams
        assert streams.read_row is not None
        line = Line(streams.row, data, number + 1, offset)
        where = (None, streams.repeat, self._index)
        report = Report(streams.name)
        report.locate = lambda leaf, where: self._codec.position(line, leaf)
        self._index += 1
        row = None
        try:
            row = streams.read_row(line, report, where)
            if row is not None and streams.ascending is not None:
                self._last = streams.ordered([row], self._index - 1, self._last, report)
        except Full:
            pass
        if not report.faults and row is not None:
            self._count([row])
            return [row]
        self._count_refused(line)
        self._refuse(RefusedRow(self._index - 1, line.number, offset, tuple(report.faults)))
        return []

    # Totals

    def _count(self, rows: list[Any]) -> None:
        self.count += len(rows)
        for added in self._tally:
            self._tally[added] += added.of(rows)

    def _count_refused(self, line: Line) -> None:
        """A refused row counts as well, as far as what is added up can be read of it."""
        try:
            texts = dict(zip(line.record.cells, self._codec.texts(line.record, line.data), strict=True))
        except Refused:
            texts = {}
        for added in self._tally:
            wanted = {name for name in (added.column, added.field) if name}
            values = {c.leaf.attr: _value(c.leaf, text) for c, text in texts.items() if c.leaf.attr in wanted}
            if None in values.values() or wanted != values.keys():
                self._unknown.add(added)
            elif not added.field or added.chooses(values[added.field]):
                self._tally[added] += values[added.column] if added.column else 1

    # The body around the rows

    def _report(self, tree: Tree) -> Report:
        report = Report(self._streams.name)
        self._codec.check(tree, report)
        return report

    def _head(self) -> dict[str, Any]:
        """The canonical fields that stand before the rows."""
        report = self._report(Tree(dict(self._single), []))
        values: dict[str, Any] = {}
        for record in self._codec.first:
            line = self._single.get(record.name)
            if line is None:
                report.place(record.path, None, "missing", "缺少该行", "the line is missing")
            else:
                values |= self._codec.values(line, report)
        if report.faults:
            raise report.error()
        return values

    def _finish(self) -> None:
        """The body without its rows, and whether the totals are those of the rows."""
        streams = self._streams
        absent = [r for r in (*self._codec.first, *self._codec.last) if r.name not in self._single]
        tree = Tree(self._single, [], absent)
        report = self._report(tree)
        streams.checks.supplied(self._elsewhere, report)
        assert streams.decode is not None
        body = None
        try:
            body = streams.decode(tree, report, self._elsewhere)
            if not report.faults:
                streams.checks.body(body, self._tally, report, self._unknown)
        except Full:
            pass
        if report.faults:
            raise report.error()
        self._body = body


def _bare(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _value(leaf: Leaf, text: str | Unread | None) -> Any:
    """What a column of a refused row says, as far as it can be read."""
    try:
        return leaf.lens.read(text) if isinstance(text, str) else None
    except Refused:
        return None
