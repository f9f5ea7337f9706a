"""stomp.py, as far as it is used here: one connection, whose frames come as calls in the reactor's thread."""
# mypy: disable-error-code="misc"
# (stomp.py tells no types, so what inherits from it inherits from Any.)

from __future__ import annotations

import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

# stomp.py asks the DNS for this host's names while it is imported, for something that is not used here.
os.environ.setdefault("STOMP_SKIP_HOSTNAME_SCAN", "1")

import stomp  # type: ignore[import-untyped]
from stomp.connect import BaseConnection, StompConnection12  # type: ignore[import-untyped]
from stomp.protocol import Protocol12  # type: ignore[import-untyped]
from stomp.transport import Transport  # type: ignore[import-untyped]

from gateway.transports.mq.settings import StompSettings

# It logs each lost connection several times, with tracebacks; the link logs it once.
logging.getLogger("stomp.py").setLevel(logging.CRITICAL)

Frame = Any
"""stomp.py's frame: `cmd`, `headers` (str to str), `body` (bytes)."""

Heard = Callable[[str, Frame | None], None]
"""Called with `connected`, `message`, `receipt`, `error` and the frame, or with `disconnected` and None."""


class StompWire(StompConnection12):
    """One connection. Its methods block and belong into a thread; `shut` may be called from anywhere."""

    def __init__(self, settings: StompSettings, heard: Heard, reactor: Any) -> None:
        transport = _Transport(
            [settings.place],
            prefer_localhost=False,
            try_loopback_connect=False,
            reconnect_attempts_max=1,
            timeout=settings.connect_timeout,
            vhost=settings.vhost,
            auto_decode=False,
        )
        BaseConnection.__init__(self, transport)
        milliseconds = settings.heartbeat * 1000
        Protocol12.__init__(self, transport, (milliseconds, milliseconds), heart_beat_receive_scale=2.0)
        if settings.tls is not None:
            tls = settings.tls
            self.set_ssl(
                [settings.place], ca_certs=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file
            )
        self.set_listener("line", _Listener(heard, reactor))

    def shut(self) -> None:
        """End the TCP connection now: what blocks on it comes back with an error."""
        line = self.transport.socket
        if line is not None:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is closed already


class _Transport(Transport):
    """Notices the end of a TLS connection; stomp.py would go on reading nothing, at full speed."""

    running: bool
    blocking: bool

    def receive(self) -> bytes | None:
        try:
            data: bytes | None = super().receive()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            self.running = self.running and self.blocking
            raise
        if data == b"" and not self.blocking:  # None: nothing has come yet
            self.running = False
        return data


class _Listener(stomp.ConnectionListener):
    """Passes what comes on to the reactor's thread."""

    def __init__(self, heard: Heard, reactor: Any) -> None:
        self._heard = heard
        self._reactor = reactor

    def on_connected(self, frame: Frame) -> None:
        self._tell("connected", frame)

    def on_message(self, frame: Frame) -> None:
        self._tell("message", frame)

    def on_receipt(self, frame: Frame) -> None:
        self._tell("receipt", frame)

    def on_error(self, frame: Frame) -> None:
        self._tell("error", frame)

    def on_disconnected(self) -> None:
        self._tell("disconnected", None)

    def _tell(self, what: str, frame: Frame | None) -> None:
        self._reactor.callFromThread(self._heard, what, frame)
