"""The report of what a conversion refused: one fault a line, as CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gateway.cli.outfile import OutFile
from gateway.cli.output import complain
from mappings import Fault

_COLUMNS = ("line", "column", "field", "name", "rule", "zh", "en")
_SAID = 20  #: without a report, so many are said on standard error


class Refusals:
    """Takes faults as they come. Their texts never hold a personal value; see `mappings.report`.

    Args:
        out: where the report goes; None says the first ones on standard error.
        path: the report's file name decides its form: `.csv` (with a mark for spreadsheets) or `.jsonl`.
    """

    def __init__(self, out: OutFile | None, path: Path | None) -> None:
        self.taken = 0  #: messages or records that were converted
        self.count = 0  #: those that were refused
        self.whole = False  #: something is wrong with the file as a whole
        self._out = out
        self._csv = path is not None and path.suffix == ".csv"
        if self._csv:
            self._write("\ufeff" + _line(_COLUMNS))

    def add(self, faults: Iterable[Fault]) -> None:
        """The faults of one message or record."""
        self.count += 1
        self._report(faults)

    def add_whole(self, faults: Iterable[Fault]) -> None:
        """The faults of a file as a whole, such as a total."""
        self.whole = True
        self._report(faults)

    def _report(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            facts = {name: getattr(fault, name) for name in _COLUMNS}
            if self._csv:
                self._write(_line([_plain(value) for value in facts.values()]))
            elif self._out is not None:
                self._write(json.dumps(facts, ensure_ascii=False) + "\n")
            elif self.count <= _SAID:
                complain(fault.zh, fault.en)

    def _write(self, text: str) -> None:
        assert self._out is not None
        self._out.stream.write(text.encode("utf-8"))


def _plain(value: Any) -> Any:
    """A spreadsheet would take a text that begins so for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def _line(values: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue()
