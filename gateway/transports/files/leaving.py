"""How files leave: settings of all ways, and what a way does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Literal, Protocol, TypeAlias

from pydantic import Field

from gateway.contract import CheckStep, GatewayError, Settings
from gateway.transports.files.companions import Companion
from gateway.transports.files.content import Content

#: `there` whole; `absent`: not handed over, and nobody can have it; `taken`: the partner has fetched it;
#: `unknown`: no trace, so that it never came or was taken away.
Found: TypeAlias = Literal["there", "absent", "taken", "unknown"]


class Deposited(Settings):
    """送文件的通道共有的设置。 / What all ways have in common by which files leave."""

    companion: Literal["none"] | Companion | tuple[Companion, ...] = Field(
        default=".ok",
        description="随后写出的伴随文件，可依次写多个，也可写标志文件名（{name} 文件名，{stem} 去掉扩展名） / companions written after it, in this order; or names of flag files",
        examples=[".ok", [".sm3", ".ok"], "{stem}.flag"],
    )

    @property
    def companions(self) -> tuple[str, ...]:
        """In the order in which they are written."""
        if isinstance(self.companion, tuple):
            return self.companion
        return () if self.companion == "none" else (self.companion,)


#: Notes durably that a file is about to appear.
Before: TypeAlias = Callable[[], None]


def nothing() -> None:
    """For whoever has nothing to note."""


class Uncertain(GatewayError):
    """The last step of handing a file over was taken, and what became of it is not known: look, do not repeat."""


class NameTaken(GatewayError):
    """Another file of that name stands there; it was left alone."""


class Deposit(Protocol):
    """A place into which we put files for a partner."""

    async def put(
        self,
        name: str,
        content: Content,
        companions: tuple[str, ...] | None = None,
        before: Before = nothing,
    ) -> None:
        """Hands a file over, then its companions (those of the settings without it). The same again is harmless.

        Args:
            before: called, in a thread, when the file is ready and only its name is missing (or it stands there):
                from there on the partner may have it. What it raises ends the hand-over.

        Raises:
            PartnerDown: certainly nothing was handed over.
            Uncertain: nobody can say; `look` may.
            NameTaken: another file of that name is there.
        """
        ...

    async def look(self, name: str, content: Content, companions: tuple[str, ...] | None = None) -> Found:
        """What became of a file that was put.

        Raises:
            PartnerDown: nobody could be asked.
            NameTaken: another file of that name is there.
        """
        ...

    def check(self) -> AsyncIterator[CheckStep]:
        """Whether a file could be put there, without leaving one."""
        ...

    def close(self) -> None:
        """Ends connections."""
        ...
