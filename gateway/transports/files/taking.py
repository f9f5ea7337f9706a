"""What an adapter does with a complete file, whatever way it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.contract import GatewayError


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A complete file. Nobody else changes it while it is being taken."""

    name: str  #: as its sender called it, without folders
    path: Path  #: on this machine
    size: int
    sha256: str  #: hexadecimal
    sm3: str = ""  #: hexadecimal
    checked: tuple[str, ...] = ()  #: what was verified before: `md5`, `sm3`, `signature`, `virus-scan`


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Committed. What a receipt tells of it beyond name, size and digest."""

    message_id: str
    repeated: bool = False  #: the same file had been taken before
    count: int | None = None  #: records
    total: int | None = None  #: fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a file. Never holds the value that is wrong."""

    rule: str  #: stable
    zh: str
    en: str
    line: int | None = None  #: from 1
    column: int | None = None  #: from 1: of the field where fields are separated, else of the first byte
    field: str = ""


@dataclass(slots=True, kw_only=True)
class TurnedAway(Exception):
    """The file is wrong and will stay wrong; it changes nothing. On record under `refusal_id`."""

    code: str  #: stable: `invalid`, `duplicate`, `too-large`, `companion`, `signature`, `virus`, `unknown-operation`, …
    findings: tuple[Finding, ...] = field(default=())
    more: int = 0  #: further findings that are not listed
    refusal_id: str = ""
    size: int | None = None  #: of the file, where it was read before it was refused
    sha256: str = ""


class NotNow(GatewayError):
    """Nothing can be committed now: files stay where they are, and are taken in a later round."""


class Taker(Protocol):
    """Takes complete files, one at a time."""

    async def take(self, file: Arrived) -> Taken:
        """Returns after the commit.

        Raises:
            TurnedAway: refused, on record.
            NotNow: later.
        """
        ...

    async def refuse(self, name: str, code: str, findings: tuple[Finding, ...], digest: bytes) -> str:
        """Puts a file on record that the way itself refuses, such as one that is not what its companion says.
        Returns the refusal's id.

        Raises:
            NotNow: it cannot be recorded now, so it is not refused either.
        """
        ...
