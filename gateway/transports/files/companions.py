"""Small files that say something of another one: that it is complete, and what its digest is.

.ok            NAME.ok, empty
.md5, .sm3     NAME.md5, NAME.sm3: `DIGEST  NAME`
.sig           NAME.sig: a signature that was agreed
{stem}.flag    any other name, empty: a flag file. {name} is the file's name, {stem} the same without its last ending
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from gateway.transports.files.content import Content, digests

#: One that we write.
Companion = Annotated[
    str,
    StringConstraints(
        pattern=r"^(\.(ok|md5|sm3)|([A-Za-z0-9_-]|\{name\}|\{stem\})([A-Za-z0-9._-]|\{name\}|\{stem\})*)$"
    ),
    Field(examples=[".ok", "{stem}.flag"]),
]
#: One that we wait for: each file has its own.
Awaited = Annotated[
    str,
    StringConstraints(
        pattern=r"^(\.(ok|md5|sm3)|[A-Za-z0-9._-]+\{(name|stem)\}[A-Za-z0-9._-]*|\{(name|stem)\}[A-Za-z0-9._-]+)$"
    ),
    Field(examples=[".ok", "{stem}.flag"]),
]

SIGNATURE: Final = ".sig"
DIGESTS: Final = (".md5", ".sm3")
#: Endings of files that are no documents themselves.
_ENDINGS: Final = (".ok", *DIGESTS, SIGNATURE)
#: Half-written files bear one of these endings, or begin with a dot.
_UNFINISHED: Final = (".part", ".tmp", ".temp", ".filepart", ".uploading")
#: What we put beside a file.
_OURS: Final = (".report.txt", ".report.json")
_SLOT: Final = re.compile(r"\\\{(?:name|stem)\\\}")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a look has found."""

    complete: tuple[str, ...]  #: in the order in which they are taken
    alone: frozenset[str] = (
        frozenset()
    )  #: documents that lack a companion, companions that lack their document


def sort_out(names: Iterable[str], companions: tuple[str, ...]) -> Listing:
    """The documents among files that have all these companions, by name, and what still lacks its other half."""
    known = {name for name in names if not name.startswith(".") and not name.endswith(_UNFINISHED)}
    flags = {name for name in known if belongs(name, companions)}
    documents = sorted(name for name in known - flags if not name.endswith((*_ENDINGS, *_OURS)))
    complete = tuple(n for n in documents if all(name_of(c, n) in known for c in companions))
    expected = {name_of(c, n) for n in documents for c in companions}
    return Listing(complete, frozenset((flags - expected) | (set(documents) - set(complete))))


def belongs(name: str, companions: tuple[str, ...]) -> bool:
    """Whether a name is that of a companion of some file."""
    return any(
        name.endswith(c) if c.startswith(".") else re.fullmatch(_SLOT.sub(".+", re.escape(c)), name)
        for c in companions
    )


def name_of(companion: str, name: str) -> str:
    """What a companion of the file is called."""
    if companion.startswith("."):
        return name + companion
    return companion.replace("{name}", name).replace("{stem}", PurePath(name).stem)


def beside(file: Path, companion: str) -> Path:
    """A companion in the same folder."""
    return file.with_name(name_of(companion, file.name))


def written(name: str, content: Content, companions: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a file's companions, in order. Blocking: reads the content where a digest is wanted."""
    known = digests(content) if any(one.endswith(DIGESTS) for one in companions) else None
    for companion in companions:
        digest = known.of(companion[-3:]) if known is not None and companion.endswith(DIGESTS) else ""
        yield name_of(companion, name), f"{digest}  {name}\n".encode() if digest else b""


def told(companion: bytes) -> str:
    """The digest that stands in a companion, in lower case; empty where there is none."""
    words = companion.decode("ascii", "replace").split()
    return words[0].lower() if words else ""
