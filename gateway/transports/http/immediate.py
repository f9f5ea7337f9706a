"""Writing to a socket at once.

Twisted buffers what is written and registers the socket for writing; the next turn of the reactor sends it and takes
the registration back: two system calls and two calls through the reactor for what nearly always fits into the
kernel's buffer. Where nothing waits to be sent, the socket is asked first.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Client, Server

#: Transports whose bytes go to the socket as they are.
_PLAIN = (Server, Client)


def write_now(transport: Any, data: bytes) -> None:
    """Sends `data` as far as the socket takes it; what is left goes the transport's usual way."""
    if (
        isinstance(transport, _PLAIN)
        and transport.connected
        and not transport.TLS
        and not transport.disconnecting
        and not transport.dataBuffer
        and not transport._tempDataBuffer
    ):
        sent = transport.writeSomeData(data)
        if sent == len(data):
            return
        if isinstance(sent, int):
            data = data[sent:]
        # A connection that is lost shows itself to the reactor, which tells the protocol.
    transport.write(data)
