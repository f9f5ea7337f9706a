"""Streams of rows: what `Mapping.read` gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mappings.errors import Fault

#: Refused rows that are kept; all go to the callback.
KEPT = 100


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was left out."""

    index: int  #: among the rows, counted from 0
    line: int  #: of the file, counted from 1
    offset: int  #: of its first byte in the file
    faults: tuple[Fault, ...]


class Rows(ABC):
    """The rows of a stream, one after another; a context manager, so that an unfinished one is seen as such.

    Iterating raises `MappingError` for what concerns the file as a whole: a line before or after the rows, a total.
    """

    def __init__(self, refused: Callable[[RefusedRow], None] | None) -> None:
        self.head: dict[str, Any] = {}  #: canonical fields that stand before the rows
        self.count = 0  #: rows that were given out
        self.refused: list[RefusedRow] = []  #: the first `KEPT` of them
        self.refused_count = 0
        self._callback = refused
        self._body: Any = None

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self._data = b""

    @abstractmethod
    def __iter__(self) -> Iterator[Any]: ...

    @property
    def body(self) -> Any:
        """The canonical body without its rows, once all of them were read and the totals hold.

        Raises:
            RuntimeError: there are rows left; the caller's error.
        """
        if self._body is None:
            raise RuntimeError("the body is known when all rows have been read")
        return self._body

    def _refuse(self, row: RefusedRow) -> None:
        self.refused_count += 1
        if len(self.refused) < KEPT:
            self.refused.append(row)
        if self._callback is not None:
            self._callback(row)
