"""Reads a bank's file into a body and its rows, at constant memory where the format has rows. Blocking: in a thread.

    open ─► the first rows ─ that was all ──► the body with its rows, the file as raw bytes
               └ more ─► the rest, row by row, while the file is being kept ─► the body without rows

A file in which one row is wrong is wrong as a whole: nobody could say what its totals are worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from gateway.canonical.rows import ROWS
from gateway.transports.files.taking import Finding
from mappings import Fault, Mapping, MappingError
from mappings.stream import RefusedRow, Rows

#: Rows that travel inside their message; more are kept beside it.
INLINE: Final = 1_000
#: Findings that are listed.
_LISTED: Final = 200


class Wrong(Exception):
    """The file is refused.

    Attributes:
        findings: the first of them.
        more: how many others there are.
    """

    def __init__(self, findings: tuple[Finding, ...], more: int = 0) -> None:
        super().__init__(findings[0].rule if findings else "")
        self.findings = findings
        self.more = more


@dataclass
class Reading:
    """One file, from `start` until `close`.

    Attributes:
        first: the first rows; all there are, where `complete`.
        body: without rows, known when all were read.
    """

    path: Path
    mapping: Mapping
    elsewhere: dict[str, Any]
    first: tuple[Any, ...] = ()
    complete: bool = False
    body: Any = None
    count: int = 0
    _rest: Iterator[Any] = field(default_factory=lambda: iter(()))
    _open: ExitStack = field(default_factory=ExitStack)
    _findings: list[Finding] = field(default_factory=list)
    _more: int = 0

    def start(self) -> None:
        """Opens the file and reads its first rows.

        Raises:
            Wrong: it is refused.
            OSError: it cannot be read now.
        """
        self._rest = self._rows()
        self.first = tuple(islice(self._rest, INLINE + 1))
        self.complete = len(self.first) <= INLINE

    def rows(self) -> Iterator[Any]:
        """All rows. Raises as `start`, also at their very end."""
        return chain(self.first, self._rest)

    def whole(self) -> Any:
        """The body with its rows, where they are complete."""
        return replace(self.body, **{ROWS[self.mapping.canonical_type]: self.first})

    def close(self) -> None:
        self._open.close()

    def _rows(self) -> Iterator[Any]:
        try:
            yield from self._streamed() if self.mapping.streams else self._decoded()
        except MappingError as error:
            self._find(error.faults, None)
        if self._findings:
            raise Wrong(tuple(self._findings), self._more)

    def _decoded(self) -> Iterator[Any]:
        """A format that is read whole: how large it may be, its mapping says."""
        most = self.mapping.plan.definition.codec.max_bytes
        if self.path.stat().st_size > most:
            zh, en = (
                f"文件超过 {most} 字节（映射 codec 的 max_bytes）",
                f"longer than {most} bytes, the mapping's max_bytes",
            )
            raise Wrong((Finding(rule="size", zh=zh, en=en),))
        body = self.mapping.decode(self.path.read_bytes(), **self.elsewhere)
        name = ROWS[self.mapping.canonical_type]
        rows = getattr(body, name)
        self.body, self.count = replace(body, **{name: ()}), len(rows)
        yield from rows

    def _streamed(self) -> Iterator[Any]:
        stream = self._open.enter_context(self.path.open("rb"))
        found: Rows = self._open.enter_context(self.mapping.read(stream, self._refused, **self.elsewhere))
        for row in found:
            self.count += 1
            if not self._findings:  # else the file is refused: only its findings still count
                yield row
        self.body = found.body

    def _refused(self, row: RefusedRow) -> None:
        self._find(row.faults, row.line)

    def _find(self, faults: tuple[Fault, ...], line: int | None) -> None:
        for fault in faults:
            if len(self._findings) == _LISTED:
                self._more += 1
                continue
            self._findings.append(
                Finding(
                    rule=fault.rule,
                    zh=fault.zh,
                    en=fault.en,
                    line=fault.line or line,
                    column=fault.column or None,
                    field=fault.name or fault.field,
                )
            )
