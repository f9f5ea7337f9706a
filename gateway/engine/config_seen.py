"""What was configured at a start, and what has changed since the last one: for the audit log.

Digests are those of the files as they stand, comments and all. Secrets never stand in these files, and files that
hold secrets (`secrets/`) are not looked at.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from gateway.engine.config import Configuration

_FILE: Final = "config.seen.json"
_KINDS: Final = frozenset({".yaml", ".csv", ".json", ".xsd"})
#: Names that an entry holds; what is beyond is counted.
_NAMED: Final = 20

_decode = msgspec.json.Decoder(dict[str, str]).decode


class Seen:
    """The files of one start."""

    def __init__(self, configuration: Configuration) -> None:
        self._file = configuration.data_dir / _FILE
        self.files = dict(_digests(configuration))

    @property
    def digest(self) -> str:
        """Of everything: SHA-256 over the lines `<digest> <name>`, sorted by name, as `sha256sum` prints them."""
        lines = (f"{digest}  {name}\n" for name, digest in sorted(self.files.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def news(self) -> dict[str, str | int] | None:
        """What has changed since what `remember` kept, as an audit entry says it; None where nothing has."""
        known = self._before()
        if known == self.files:
            return None
        changed = sorted(
            name for name in known.keys() | self.files.keys() if known.get(name) != self.files.get(name)
        )
        named = ", ".join(changed[:_NAMED]) + (" …" if len(changed) > _NAMED else "")
        return {"digest": self.digest, "files": len(self.files), "changed": len(changed), "names": named}

    def remember(self) -> None:
        """Durably, for the next start."""
        draft = self._file.with_suffix(".new")
        with draft.open("wb") as out:
            out.write(msgspec.json.encode(self.files))
            out.flush()
            os.fsync(out.fileno())
        draft.rename(self._file)

    def _before(self) -> dict[str, str]:
        try:
            return _decode(self._file.read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            return {}


def _digests(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """(name, digest) of every file; names below the configuration's folder, or below a folder of mappings beside it."""
    folder = configuration.folder
    for file in _below(folder, configuration.data_dir):
        yield file.relative_to(folder).as_posix(), _digest(file)
    for place in configuration.gateway.mappings:
        if not place.is_relative_to(folder):
            for file in _below(place, configuration.data_dir):
                yield f"{place.name}/{file.relative_to(place).as_posix()}", _digest(file)


def _below(folder: Path, data_dir: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        here = Path(path)
        folders[:] = sorted(n for n in folders if here / n != data_dir and _is_configuration(here / n))
        yield from (here / n for n in sorted(files) if Path(n).suffix in _KINDS and not n.startswith("."))


def _is_configuration(folder: Path) -> bool:
    """Neither secrets nor the configuration of another gateway, such as an example."""
    return (
        not folder.name.startswith(".")
        and folder.name != "secrets"
        and not (folder / "gateway.yaml").exists()
    )


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:  # nothing that the configuration needs: that was read a moment ago
        return "unreadable"
