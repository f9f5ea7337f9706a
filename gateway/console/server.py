"""The console as a process: it opens its listener, serves until SIGTERM or SIGINT, and ends soon."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

import structlog
import uvicorn

from gateway.console.accounts import Accounts
from gateway.console.app import make_app
from gateway.console.connections import Impatient
from gateway.console.pulse import Pulse
from gateway.console.room import Room
from gateway.contract import ConfigError, Unavailable
from gateway.engine.config import Configuration
from gateway.engine.config_model import ConsoleSettings, LogSettings
from gateway.engine.observe import logs
from gateway.transports.http.settings import ServerTlsSettings

#: Seconds for answers under way when the console is told to end.
_GRACE: Final = 1
_CONNECTIONS: Final = 500


def serve(configuration: Configuration, accounts: Accounts, opened: Callable[[str], None]) -> int:
    """Serves until SIGTERM or SIGINT; the result is the exit code.

    The log goes to standard output, whatever `logs.file` says: that file is the gateway's, which alone may rotate it.

    Args:
        configuration: of the gateway, as it is now; a change asks for a restart.
        accounts: who may sign in.
        opened: called with the address once browsers may come.

    Raises:
        ConfigError: the certificate cannot be read.
        Unavailable: the address cannot be listened on.
    """
    settings = configuration.gateway.console
    pulse = Pulse(configuration)
    app = make_app(Room(configuration, accounts, pulse))
    server = uvicorn.Server(_options(app, settings))
    listening = _listen(settings.listen)
    opened(_address(settings, listening))
    log = logs.configure(
        LogSettings(level=configuration.gateway.logs.level, format=configuration.gateway.logs.format)
    )
    # uvicorn raises the signal again after its end, when it has put these back: to end so is what was asked for.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: None)
    structlog.get_logger().info("console.started", listen=settings.listen)
    pulse.start()
    try:
        server.run(sockets=[listening])
    finally:
        pulse.stop()
        structlog.get_logger().info("console.stopped")
        log.stop()
    return _leave(0)


def _options(app: Any, settings: ConsoleSettings) -> uvicorn.Config:
    """No access log of uvicorn's: it would hold queries, and with them identity numbers."""
    options = uvicorn.Config(
        app,
        http=Impatient,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE,
    )
    options.load()
    if settings.tls is not None:
        options.ssl = _context(settings.tls)
    return options


def _context(tls: ServerTlsSettings) -> ssl.SSLContext:
    """
    Raises:
        ConfigError: a file is missing, or is no certificate or key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An empty passphrase: a key that has one is told, instead of being asked for at a terminal that nobody sees.
        context.load_cert_chain(tls.certificate, tls.key, password="")
        if tls.client_ca is not None:
            context.load_verify_locations(tls.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or type(error).__name__
        raise ConfigError(
            f"控制台的证书或私钥不可用：{reason}",
            f"the console's certificate or key cannot be used: {reason}",
            file="gateway.yaml",
            path="console.tls",
        ) from None
    return context


def _listen(endpoint: str) -> socket.socket:
    """
    Raises:
        Unavailable: the address is taken, or is not this machine's.
    """
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unavailable(
            f"无法监听 {endpoint}：{reason}；可在 gateway.yaml 的 console.listen 中另选",
            f"cannot listen on {endpoint}: {reason}; choose another console.listen in gateway.yaml",
        ) from None


def _address(settings: ConsoleSettings, listening: socket.socket) -> str:
    """What to type into a browser."""
    host = settings.public_host[0] if settings.public_host else settings.listen.rpartition(":")[0]
    scheme = "http" if settings.tls is None else "https"
    return f"{scheme}://{host}:{listening.getsockname()[1]}/"


def _leave(code: int) -> int:
    """Ends the process at once where a page is still at work in a thread: what it changes is a transaction, which the
    database undoes or has committed."""
    if any(thread.is_alive() and not thread.daemon for thread in threading.enumerate()[1:]):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
