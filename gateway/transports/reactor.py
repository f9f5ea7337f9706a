"""Twisted on an asyncio loop, without the log context that Twisted sets up around every single event.

That context says which connection a line of Twisted's own log is about. Nobody reads it here, and it took four to six
in a hundred of a busy gateway's time.
"""
# ruff: noqa: N802  the names are Twisted's

from __future__ import annotations

from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor


class Reactor(AsyncioSelectorReactor):
    """Calls readers and writers straight from the loop; what they raise ends them, as in every reactor."""

    def addReader(self, reader: Any) -> None:
        if reader in self._readers:
            return
        number = reader.fileno()
        try:
            self._asyncioEventloop.add_reader(number, self._readOrWrite, reader, True)
        except OSError:  # such as a file, which cannot be waited for: Twisted polls it
            super().addReader(reader)  # type: ignore[no-untyped-call]
        else:
            self._readers[reader] = number

    def addWriter(self, writer: Any) -> None:
        if writer in self._writers:
            return
        number = writer.fileno()
        try:
            self._asyncioEventloop.add_writer(number, self._readOrWrite, writer, False)
        except OSError:
            super().addWriter(writer)  # type: ignore[no-untyped-call]
        else:
            self._writers[writer] = number
