"""Catalogue files (13xx): what an operator puts into the folder is offered, the last by name of each kind.

<folder>/1301/F20260101.txt.zip      its version is F20260101
"""

from __future__ import annotations

import zipfile
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from adapters.hospital.national.transactions import CATALOGUES

_MARK = "C"


class Catalogue(Struct, frozen=True):
    """One file on offer."""

    number: str
    file: Path
    version: str
    count: int  #: lines


class Catalogues:
    """All methods read files: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counts: dict[tuple[Path, int, int], int] = {}

    def latest(self, infno: str) -> Catalogue | None:
        """The last by name; None where there is none."""
        files = sorted(file for file in (self._folder / infno).glob("*.zip") if file.is_file())
        if not files:
            return None
        file = files[-1]
        return Catalogue(_number(infno, file), file, file.name.partition(".")[0], self._lines(file))

    def get(self, number: str) -> bytes | None:
        """The bytes of the file of that number."""
        infno = number[1:5]
        if not number.startswith(_MARK) or infno not in CATALOGUES:
            return None
        for file in (self._folder / infno).glob("*.zip"):
            if _number(infno, file) == number:
                return file.read_bytes()
        return None

    def _lines(self, file: Path) -> int:
        facts = file.stat()
        key = file, facts.st_mtime_ns, facts.st_size
        if key not in self._counts:
            self._counts[key] = _count(file)
        return self._counts[key]


def _number(infno: str, file: Path) -> str:
    return f"{_MARK}{infno}{sha256(file.name.encode()).hexdigest()[:24]}"


def _count(file: Path) -> int:
    """
    Raises:
        OSError: it cannot be read, or is no ZIP.
    """
    try:
        with zipfile.ZipFile(file) as packed:
            lines = 0
            for member in packed.infolist():
                with packed.open(member) as text:
                    lines += sum(1 for line in text if line.strip())
            return lines
    except zipfile.BadZipFile as error:
        raise OSError("not a ZIP file") from error
