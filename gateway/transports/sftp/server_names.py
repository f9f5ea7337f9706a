"""Paths as clients say them. There are two levels and no more: a fixed folder, and a file in it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from gateway.transports.sftp.server_accounts import Encoding

FolderName: TypeAlias = Literal["in", "out", "receipts", "rejected"]
FOLDERS: Final[tuple[FolderName, ...]] = get_args(FolderName)

#: Bytes in UTF-8: what a file system takes, less what is put around a name (`.receipt.json`, `~2`).
_LONGEST_NAME: Final = 200
_LONGEST_PATH: Final = 1024
#: Files under such names are not yet meant to be read.
_UNFINISHED: Final = (".part", ".tmp", ".temp", ".filepart", ".uploading")
#: Control and format characters, surrogates, private use, unassigned; line and paragraph separators.
_BAD_CATEGORIES: Final = ("C", "Zl", "Zp")


class Denied(Exception):
    """The account may not do this; the reason is for the client, and quotes nothing."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule
        self.text = text


@dataclass(frozen=True, slots=True)
class Place:
    """`folder` None: the root; `name` empty: the folder itself."""

    folder: FolderName | None = None
    name: str = ""

    def __str__(self) -> str:
        return "/" + "/".join(part for part in (self.folder or "", self.name) if part)


def place(path: bytes, encoding: Encoding) -> Place:
    """Where a path leads. `..` never leads above the root, and no name is looked up on disk here.

    Raises:
        Denied: it is no name we take.
        FileNotFoundError: there cannot be such a place.
    """
    if len(path) > _LONGEST_PATH:
        raise Denied("path", "path too long")
    try:
        text = path.decode(encoding)
    except UnicodeDecodeError:
        raise Denied("encoding", f"file names are {encoding} here") from None
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    if not parts:
        return Place()
    if len(parts) > 2 or parts[0] not in FOLDERS:
        raise FileNotFoundError
    folder = parts[0]
    return Place(folder, _checked(parts[1], encoding) if len(parts) == 2 else "")


def unfinished(name: str) -> bool:
    """Whether a name says that its file is not yet to be read."""
    return name.startswith(".") or name.lower().endswith(_UNFINISHED)


def _checked(name: str, encoding: Encoding) -> str:
    if any(unicodedata.category(c).startswith(_BAD_CATEGORIES) for c in name):
        raise Denied("name", "control characters in the file name")
    if unicodedata.normalize("NFC", name) != name:
        raise Denied("name", "the file name is not in Unicode form NFC")
    if len(name.encode()) > _LONGEST_NAME:
        raise Denied("name", "file name too long")
    if encoding != "utf-8" and name.encode(encoding).decode(encoding) != name:
        raise Denied("encoding", "file name")
    return name
