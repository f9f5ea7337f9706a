"""The seam between a partner's operations and what carries them.

A transport is one module beside this one. It has a settings class for each direction it can go, with a `kind`
of its own, and puts them into `INBOUND` or `OUTBOUND` of `adapters/generic/transports/__init__.py`. The settings
make the part that works:

    class SftpOutbound(Settings):
        kind: Literal["sftp"] = …
        def problems(self, formats: Formats) -> Iterator[ConfigError]: …
        def link(self, formats: Formats, context: Context) -> Link: …
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from adapters.generic.answers import Proof
from adapters.generic.desk import Desk
from adapters.generic.formats import Format, Formats
from adapters.generic.operations import AnswerSettings
from gateway.contract import CheckStep, ConfigError, Context, Receiver


class Inbound(Protocol):
    """Settings of a way by which the partner reaches us."""

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """What does not fit the operations, each with its path inside this block."""
        ...

    def receiver(self, desk: Desk) -> Receiver:
        """What listens. It hands messages to the desk and its answers back."""
        ...


class Link(Protocol):
    """A way by which we reach the partner."""

    async def send(
        self,
        form: Format,
        reference: str,
        content: bytes,
        asked: str = "",
        answer: AnswerSettings | None = None,
    ) -> Proof:
        """One attempt to hand over a document.

        Args:
            asked: `query` or `reversal`, where that is what the document is; empty for the operation itself.
            answer: what proves what; the operation's own where None.

        Raises:
            PartnerDown: certainly nothing was handed over.
        """
        ...

    def check(self) -> AsyncIterator[CheckStep]:
        """Tests the way without any business effect."""
        ...


class Outbound(Protocol):
    """Settings of a way by which we reach the partner."""

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """What does not fit the operations, each with its path inside this block."""
        ...

    def link(self, formats: Formats, context: Context) -> Link:
        """The way. Made before it is used: connects and writes nothing yet."""
        ...
