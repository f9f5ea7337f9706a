"""Asks whether a broker answers at an address, before deciding which bus to use."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_START_FRAME = b"\x01\x00\x00"  # a method frame on channel 0: connection.start


def speaks_amqp(host: str, port: int, timeout: float) -> bool:
    """Tell whether the first answer there is AMQP 0-9-1's `connection.start`."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(_PROTOCOL_HEADER)
            return connection.recv(3) == _START_FRAME
    except OSError:
        return False


def answers(url: str, timeout: float = 1.0) -> bool:
    """Tell whether a broker answers at the `amqp://` or `amqps://` address. Blocks up to twice `timeout`.

    Behind TLS an open port has to do as an answer: whether to trust it is decided when the bus connects.
    """
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    if parts.scheme != "amqps":
        return speaks_amqp(host, parts.port or 5672, timeout)
    try:
        socket.create_connection((host, parts.port or 5671), timeout).close()
    except OSError:
        return False
    return True
