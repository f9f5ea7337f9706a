"""Banks reached online: batches are submitted by calls, and their results asked for. See `README.md`."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.bank.online.channel import channel
from adapters.bank.online.checker import OnlineChecker
from adapters.bank.online.dialects.cdc_envelope import Envelope
from adapters.bank.online.document import document_of
from adapters.bank.online.formats import Formats
from adapters.bank.online.receiver import OnlineReceiver
from adapters.bank.online.resolver import OnlineResolver
from adapters.bank.online.sender import OPERATION, OnlineSender
from adapters.bank.online.settings import CdcSettings, OnlineSettings, XmlSettings
from gateway.contract import ConfigError, Context

__all__ = [
    "CdcSettings",
    "OnlineSettings",
    "XmlSettings",
    "document_of",
    "online_checker",
    "online_operations",
    "online_problems",
    "online_receiver",
    "online_resolver",
    "online_sender",
]


def online_operations(settings: OnlineSettings) -> tuple[str, ...]:
    """Names in `manifest.yaml` of what such a bank can do."""
    return OPERATION, "batch-results", "payment-status"


def online_sender(settings: OnlineSettings, context: Context) -> OnlineSender:
    return OnlineSender(channel(settings, context))


def online_resolver(settings: OnlineSettings, context: Context) -> OnlineResolver:
    return OnlineResolver(channel(settings, context))


def online_receiver(settings: OnlineSettings, context: Context) -> OnlineReceiver:
    return OnlineReceiver(channel(settings, context))


def online_checker(settings: OnlineSettings, context: Context) -> OnlineChecker:
    return OnlineChecker(channel(settings, context))


def online_problems(settings: OnlineSettings) -> Iterator[ConfigError]:
    """What is wrong with the files that the settings name."""
    try:
        Formats(settings.mappings)
    except ConfigError as error:
        yield ConfigError(error.zh, error.en, path="mappings")
    if isinstance(settings, CdcSettings):
        try:
            Envelope(settings)
        except ConfigError as error:
            yield ConfigError(error.zh, error.en, path=error.path or "key_file")
