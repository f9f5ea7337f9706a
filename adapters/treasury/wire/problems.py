"""What is wrong with the files and libraries that the settings name, for `gateway check`."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.treasury.settings import TreasurySettings
from adapters.treasury.wire.formats import Formats
from adapters.treasury.wire.seal import make_seal
from gateway.contract import ConfigError
from gateway.transports import mq


def problems(settings: TreasurySettings) -> Iterator[ConfigError]:
    """Each with its path inside the settings."""
    for error in mq.problems(settings.mq):
        yield ConfigError(error.zh, error.en, path=f"mq.{error.path}")
    try:
        make_seal(settings.seal)
    except ConfigError as error:
        yield ConfigError(error.zh, error.en, path=f"seal.{error.path}".rstrip("."))
    try:
        Formats(settings.mappings)
    except ConfigError as error:
        yield ConfigError(error.zh, error.en, path="mappings")
