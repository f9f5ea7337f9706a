"""The seam between a partner's operations and what carries them.

A transport is one module beside this one. It has a settings class for each direction it can go, with a `kind`
of its own, and puts them into `INBOUND` or `OUTBOUND` of `adapters/generic/transports/__init__.py`. The settings
make the part that works:

    class QueueOutbound(Settings):
        kind: Literal["queue"] = …
        def problems(self, formats: Formats) -> Iterator[ConfigError]: …
        def link(self, formats: Formats, context: Context) -> Link: …
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import ClassVar, Protocol, runtime_checkable

from adapters.generic.answers import Proof
from adapters.generic.desk import Desk
from adapters.generic.formats import Format, Formats
from adapters.generic.operations import AnswerSettings
from gateway.contract import CheckStep, ConfigError, Context, Receiver
from gateway.transports.files import Content


class Inbound(Protocol):
    """Settings of a way by which the partner reaches us."""

    carries: ClassVar[bool]  #: files that travel as they are, too

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """What does not fit the operations, each with its path inside this block."""
        ...

    def serve(self, desk: Desk) -> Receiver:
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


@runtime_checkable
class Looking(Protocol):
    """A link that can see for itself what became of a document."""

    async def look(self, form: Format, reference: str, content: Content) -> Proof:
        """Whether this very document has been handed over. Raises PartnerDown where nobody could be asked."""
        ...


@runtime_checkable
class Carrying(Protocol):
    """A link for contents of any size."""

    async def carry(self, form: Format, reference: str, content: Content) -> Proof:
        """One attempt to hand a content over. Raises PartnerDown where certainly nothing was."""
        ...


@runtime_checkable
class Reaching(Protocol):
    """Settings of an inbound way by which we go to the partner and fetch, so that it can be tested."""

    def check(self, context: Context) -> AsyncIterator[CheckStep]:
        """Tests the way without any business effect."""
        ...


class Outbound(Protocol):
    """Settings of a way by which we reach the partner."""

    carries: ClassVar[bool]  #: its links are `Carrying`
    looks: ClassVar[bool]  #: its links are `Looking`: `on_unknown: query` needs no query of its own

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """What does not fit the operations, each with its path inside this block."""
        ...

    def link(self, formats: Formats, context: Context) -> Link:
        """The way. Made before it is used: connects and writes nothing yet."""
        ...
