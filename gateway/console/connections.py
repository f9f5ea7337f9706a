"""Connections of browsers: what takes too long, or is too long, gives its place to others.

uvicorn with h11 limits the size of a request's head, but waits without end for the rest of it, and for a client that does
not read its answer. A few hundred such connections would keep everybody out, without a password.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds for a request to arrive whole, and then for its answer to be given and read: a connection test takes one minute.
ARRIVAL: Final = 20.0
ANSWER: Final = 120.0


class Impatient(H11Protocol):
    """Ends a connection at which nothing has come to its end in time."""

    _timer: asyncio.TimerHandle | None = None
    _answering = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait(ARRIVAL, answering=False)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait(ARRIVAL, answering=False)  # for the next one, or for this one to be read

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _wait(self, seconds: float, *, answering: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._answering = answering
        self._timer = self.loop.call_later(seconds, self._over)

    def _over(self) -> None:
        if self.conn.their_state is h11.DONE and not self._answering:
            self._wait(ANSWER, answering=True)
        else:
            self.transport.abort()
