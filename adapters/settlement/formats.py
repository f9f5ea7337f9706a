"""The mappings between canonical messages and the national interface, chosen by the time of the message."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from adapters.settlement.codec import Answer, Unreadable
from adapters.settlement.transactions import FORMATS
from gateway.canonical import Body
from mappings import SHIPPED, Mapping, MappingError
from mappings.selection import Selection


class Formats:
    """See `Selection` for `own` and `folders`.

    Raises:
        ConfigError: a mapping file cannot be used.
    """

    def __init__(self, own: dict[str, Path], folders: tuple[Path, ...] = ()) -> None:
        self._mappings = Selection(SHIPPED / "settlement", "settlement.", FORMATS, own, folders)

    def mapping(self, name: str, at: dt.datetime) -> Mapping:
        """The mapping in use for messages of that time. Raises Reject where no version holds then."""
        return self._mappings.mapping(name, at)

    def write(self, name: str, body: Body, at: dt.datetime) -> dict[str, Any]:
        """The `input` subtree.

        Raises:
            Reject: the message holds something this interface cannot say.
        """
        return self._mappings.encode_raw(name, body, at)

    def read(self, name: str, answer: Answer, at: dt.datetime, output: dict[str, Any] | None = None) -> Body:
        """The answer's `output` (or the given one) as a canonical body.

        Raises:
            Unreadable: it is not what the interface promises.
        """
        tree = answer.output if output is None else output
        try:
            return self.mapping(name, at).decode_tree(
                tree, raw_code=answer.infcode, raw_text=answer.err_msg or None
            )
        except MappingError as error:
            raise Unreadable(f"{name} {error.field} {error.rule}") from None

    def label(self, name: str, at: dt.datetime) -> str:
        """`name@version`, for the record."""
        return self._mappings.label(name, at)
