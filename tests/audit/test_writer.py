"""The order of file operations: what a power cut would leave cannot be seen by killing processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.disk import Disk
from gateway.audit.errors import LogInconsistent
from gateway.audit.tiles import File
from gateway.audit.writer import LogWriter
from tests.audit.support import MemorySource, QuickDisk, integrate


class CarefulDisk(QuickDisk):
    """Checks at every publication that all that is in the folder would survive a power cut."""

    def __init__(self) -> None:
        self.unsynced: set[Path] = set()  # contents, and directories with new names in them
        self.published = 0

    def make_directory(self, path: Path) -> None:
        if not path.exists():
            self.unsynced.add(path.parent)
        super().make_directory(path)

    def write(self, path: Path, data: bytes) -> None:
        self.unsynced.add(path)
        super().write(path, data)

    def sync(self, path: Path) -> None:
        self.unsynced.discard(path)
        super().sync(path)

    def rename(self, source: Path, target: Path) -> None:
        assert source not in self.unsynced, "renamed before its content was durable"
        if target.name == "checkpoint":
            folder = target.parent
            assert not {path for path in self.unsynced if path != folder or self.published}
            self.published += 1
        self.unsynced.add(target.parent)
        super().rename(source, target)


def test_everything_is_durable_before_the_checkpoint_that_speaks_of_it(tmp_path: Path) -> None:
    source, disk = MemorySource(), CarefulDisk()
    for count in (0, 1, 254, 1, 256 * 3, 40):
        source.commit(count)
        integrate(source, tmp_path, disk, limit=300)
    assert disk.published == 8
    assert not disk.unsynced


def test_a_real_sync_reaches_files_and_directories(tmp_path: Path) -> None:
    Disk().write(tmp_path / "file", b"x")
    Disk().sync(tmp_path / "file")
    Disk().sync(tmp_path)
    with pytest.raises(FileNotFoundError):
        Disk().sync(tmp_path / "absent")


def test_a_file_in_place_never_changes(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, QuickDisk())
    writer.recover()
    writer.write([File("tile/0/000.p/1", b"a")])
    writer.write([File("tile/0/000.p/1", b"a")])
    with pytest.raises(LogInconsistent, match=r"tile/0/000\.p/1 exists"):
        writer.write([File("tile/0/000.p/1", b"b")])
    assert (tmp_path / "tile/0/000.p/1").read_bytes() == b"a"
    writer.close()


def test_clearing_partials_that_are_gone(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, QuickDisk())
    writer.drop_partials(["tile/0/000"])
    writer.close()
