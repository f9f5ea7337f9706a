"""Names of files that arrive: which are taken, how one is shown to people, and how much of one is kept."""

from __future__ import annotations

import os
import unicodedata
from pathlib import PurePath
from typing import Final

#: Bytes: what a file system takes, less what is put around a name (`.receipt.tlog-proof`, `~2`).
LONGEST: Final = 200
#: Control and format characters, bytes that are no UTF-8; line and paragraph separators.
_BAD: Final = ("C", "Zl", "Zp")


def is_fit(name: str) -> bool:
    """Whether a name can be told to others as it is, with something put around it."""
    return name == shown(name) and len(os.fsencode(name)) <= LONGEST


def shown(name: str) -> str:
    """The name in one line of text, whatever it is made of."""
    return "".join("\ufffd" if unicodedata.category(c).startswith(_BAD) else c for c in name)


def shortened(name: str) -> str:
    """As much of the name, before its ending, as leaves room for what is put around it."""
    if len(os.fsencode(name)) <= LONGEST:
        return name
    path = PurePath(name)
    ending = path.suffix if len(os.fsencode(path.suffix)) < LONGEST // 2 else ""
    stem = name.removesuffix(ending)
    while len(os.fsencode(stem + ending)) > LONGEST:
        stem = stem[:-1]
    return stem + ending
