"""The client of a partner that is called, as its settings want it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Protocol

from gateway.contract import Context
from gateway.transports.http.client import HttpClient
from gateway.transports.http.limits import ClientLimits
from gateway.transports.http.settings import ClientTlsSettings

#: Longest wait for a free connection: a partner this busy is better tried again by schedule.
_WAIT: Final = 10.0


class Calling(Protocol):
    """The settings that count."""

    @property
    def tls(self) -> ClientTlsSettings: ...

    @property
    def timeout(self) -> float: ...

    @property
    def connections(self) -> int: ...


def client_for(settings: Calling, context: Context, max_body: int | None = None) -> HttpClient:
    """A client with connections of its own.

    Args:
        max_body: bytes of an answer at most; the client's own limit where None.
    """
    limits = ClientLimits(max_connections=settings.connections, wait_timeout=min(_WAIT, settings.timeout))
    if max_body is not None:
        limits = replace(limits, max_body=max_body)
    return HttpClient(
        limits, tls=settings.tls.made, reactor=context.reactor, monotonic=context.clock.monotonic
    )
