"""Files of records as streams: many lines at once, constant memory, whatever the size."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import msgspec

from mappings.checks import UNORDERED, Checks, Tally
from mappings.codecs.record_lines import Record, Tree
from mappings.codecs.records import RecordsCodec
from mappings.codecs.records_quick import ReadRows, compile_read
from mappings.codecs.records_reader import Reader
from mappings.decoder import Decode, compile_decode, compile_row
from mappings.plan import Plan, Repeat
from mappings.quick import Doubt
from mappings.report import Full, Report, Where
from mappings.stream import RefusedRow, Rows

#: Bytes that are read, and rows that are written, at once.
_BLOCK = 1 << 18
_ROWS = 2000
#: A line of a file of records is far shorter; a file without line ends is none.
_LONGEST = 1 << 20
#: Bytes of rows that stay in memory until the totals before them are known.
_SPOOLED = 1 << 22


class RecordStreams:
    """Reads and writes the files of one mapping."""

    def __init__(self, codec: RecordsCodec, plan: Plan, row: Record, repeat: Repeat) -> None:
        self.codec, self.row, self.repeat = codec, row, repeat
        self.name = plan.definition.name
        self.checks = Checks(plan)
        self.ascending = next((leaf for _, leaf in self.checks.ascending), None)
        self.decode: Decode | None = None
        self.read_row: Callable[[Any, Report, Where], Any] | None = None
        self.read_rows: ReadRows | None = None
        if plan.decodes:
            self.decode = compile_decode(plan, codec, lambda kept: None)
            self.read_row = compile_row(plan, codec, repeat)
            self.read_rows = compile_read(codec, row, self.name)
        self.write_rows = codec.rows_writer(self.name) if plan.encodes else None

    # In

    def read(
        self,
        stream: IO[bytes],
        refused: Callable[[RefusedRow], None] | None,
        elsewhere: dict[str, Any],
        size: int,
    ) -> Rows:
        return Reader(self, stream, refused, elsewhere, size)

    def read_whole(self, tree: Tree, elsewhere: dict[str, Any]) -> Any:
        """A whole file as nearly all are; raises anything at all for any other, see `quick`."""
        rows = Reader(self, io.BytesIO(tree.data), doubt, elsewhere, _BLOCK)
        found = tuple(rows)
        if len(found) > self.repeat.limit:
            raise Doubt
        return msgspec.structs.replace(rows.body, **{self.repeat.attr: found})

    # Out

    def write(self, stream: IO[bytes], body: Any, rows: Iterable[Any], envelope: dict[str, str]) -> None:
        codec = self.codec
        out = _Held(stream)
        out.write(codec.charset.mark)
        if codec.first:
            # What the rows add up to stands before them.
            with SpooledTemporaryFile(_SPOOLED) as spool:
                tally = self._rows(spool, body, rows, envelope)
                out.write(self._single(codec.first, body, tally, envelope))
                spool.seek(0)
                while block := spool.read(_BLOCK):
                    out.write(block)
        else:
            tally = self._rows(out, body, rows, envelope)
        out.write(self._single(codec.last, body, tally, envelope))
        out.finish(b"" if codec.options.last_line_end else codec.end)

    def _single(self, records: list[Record], body: Any, tally: Tally, envelope: dict[str, str]) -> bytes:
        values: dict[str, Any] = {**envelope, **self.checks.written(tally)}
        report = Report(self.name)
        lines = [self.codec.line(record, body, None, report, None, values) for record in records]
        if report.faults:
            raise report.error()
        return b"".join(lines)

    def _rows(
        self, stream: _Held | IO[bytes], body: Any, rows: Iterable[Any], envelope: dict[str, str]
    ) -> Tally:
        """Writes the rows; returns what they add up to, which the body may say as well."""
        assert self.write_rows is not None
        report = Report(self.name)
        tally = dict.fromkeys(self.checks.sums, 0)
        start = last = 0
        source = iter(rows)
        try:
            self.checks.assumed(body, report)
            while (block := list(islice(source, _ROWS))) and not report.faults:
                last = self.ordered(block, start, last, report)
                self.checks.rows_assumed(self.repeat, block, start, report)
                for added in tally:
                    tally[added] += added.of(block)
                stream.write(self.write_rows(block, start, body, report, envelope))
                start += len(block)
            self.checks.body(body, tally, report)
        except Full:
            pass
        if report.faults:
            raise report.error()
        return tally

    def ordered(self, block: list[Any], start: int, last: int, report: Report) -> int:
        """Whether numbers that must ascend do; returns the last."""
        if self.ascending is not None:
            for i, row in enumerate(block, start):
                number = getattr(row, self.ascending.attr)
                if number is not None and int(number) <= last:
                    report.refused(self.ascending, (None, self.repeat, i), UNORDERED, number)
                last = max(last, int(number or 0))
        return last


def doubt(row: RefusedRow) -> None:
    raise Doubt


class _Held:
    """Writes all but the last piece at once, because the last line may have no end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._last = b""

    def write(self, data: bytes) -> None:
        if data:
            self._stream.write(self._last)
            self._last = data

    def finish(self, suffix: bytes) -> None:
        self._stream.write(self._last.removesuffix(suffix))
