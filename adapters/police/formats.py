"""The mappings of one partner: the shipped ones with the operator's over them, or the partner's own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Final, get_args

from adapters.police.contracts import Unreadable
from adapters.police.settings import FormatName
from gateway.canonical import Body
from mappings import SHIPPED, MappingError
from mappings.selection import Selection

FORMATS: Final[tuple[FormatName, ...]] = get_args(FormatName)


class Formats:
    """See `Selection` for `own` and `folders`.

    Raises:
        ConfigError: a mapping file cannot be used.
    """

    def __init__(self, own: dict[FormatName, Path], folders: tuple[Path, ...] = ()) -> None:
        self._mappings = Selection(
            SHIPPED / "police", "police.", FORMATS, {str(name): file for name, file in own.items()}, folders
        )

    def write(self, name: FormatName, body: Any, at: dt.datetime, envelope: dict[str, str]) -> bytes:
        """The document.

        Raises:
            Reject: the message, or a setting, holds something this service cannot be told.
        """
        return self._mappings.encode(name, body, at, envelope)

    def read(self, name: FormatName, document: bytes, at: dt.datetime, **elsewhere: Any) -> Body:
        """The document as a canonical body.

        Raises:
            Unreadable: it is not what the service promises.
        """
        try:
            return self._mappings.mapping(name, at).decode(document, **elsewhere)
        except MappingError as error:
            raise Unreadable(f"{name} {error.field} {error.rule}") from None

    def label(self, name: FormatName, at: dt.datetime) -> str:
        """`name@version`, for the record."""
        return self._mappings.label(name, at)
