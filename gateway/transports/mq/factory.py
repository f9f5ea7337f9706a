"""Makes the link that the settings ask for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from gateway.contract import ConfigError, Log
from gateway.transports.http.settings import ClientTlsSettings
from gateway.transports.mq.checking import Checking, ssl_context
from gateway.transports.mq.contract import MqLink
from gateway.transports.mq.lines import Open
from gateway.transports.mq.link import Link
from gateway.transports.mq.settings import AmqpSettings, IbmMqSettings, MqSettings


def connect(settings: MqSettings, reactor: Any, log: Log) -> MqLink:
    """Return a link. Nothing is connected before it is used.

    Raises:
        ConfigError: `kind: ibmmq`, and IBM's client is not installed.
    """
    if isinstance(settings, IbmMqSettings):
        checking = Checking(settings.places, None, settings, reactor)
    else:
        tls = None if settings.tls is None else settings.tls.made
        checking = Checking([settings.place], tls, settings, reactor)
    return Link(_opener(settings, reactor), checking.check, settings, reactor, log)


def problems(settings: MqSettings) -> Iterator[ConfigError]:
    """What is wrong with what the settings name, files and IBM's client; `path` is inside them. Contacts nobody."""
    if isinstance(settings, IbmMqSettings):
        from gateway.transports.mq import ibmmq_line  # noqa: PLC0415

        try:
            ibmmq_line.library()
        except ConfigError as error:
            yield error
    elif settings.tls is not None:
        yield from _wrong_files(settings.tls)


def _wrong_files(tls: ClientTlsSettings) -> Iterator[ConfigError]:
    for name in ("ca_file", "cert_file", "key_file"):
        file = getattr(tls, name)
        try:
            if file is not None:
                file.open("rb").close()
        except OSError as error:
            zh, en = f"无法读取 {file}（{error.strerror}）", f"cannot read {file} ({error.strerror})"
            yield ConfigError(zh, en, path=f"tls.{name}")
            return
    try:
        ssl_context(tls.made)
    except (OSError, ValueError) as error:
        why = type(error).__name__ if not isinstance(error, OSError) else error.strerror
        yield ConfigError(
            f"证书或私钥文件无法使用（{why}）", f"certificates or key cannot be used ({why})", path="tls"
        )


def _opener(settings: MqSettings, reactor: Any) -> Open:
    # Imported only here: each brings a library that the other two have no use for.
    if isinstance(settings, AmqpSettings):
        from gateway.transports.mq import amqp_line  # noqa: PLC0415

        return partial(amqp_line.open_line, settings, reactor)
    if isinstance(settings, IbmMqSettings):
        from gateway.transports.mq import ibmmq_line  # noqa: PLC0415

        return partial(ibmmq_line.open_line, ibmmq_line.library(), settings, reactor)
    from gateway.transports.mq import stomp_line  # noqa: PLC0415

    return partial(stomp_line.open_line, settings, reactor)
