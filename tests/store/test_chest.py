"""The chest gives back exactly what it was given, or says that it cannot."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.entry import salted_digest
from gateway.canonical import Attachment
from gateway.canonical.payment import PaymentResult
from gateway.contract import ConfigError, Unavailable
from gateway.store import chest_file
from gateway.store.chest import Cancelled, Chest
from gateway.store.chest_file import PieceWriter
from gateway.store.keyring import KeyRing, about

CLAIM = "01a200b3-5a53-700d-b5be-e5d99cbb6ab4"
OTHER = "01a200b3-5a53-700d-b5be-e5d99cbb6bb4"


@pytest.fixture
def chest(tmp_path: Path) -> Chest:
    return Chest(tmp_path / "chest", KeyRing.create(tmp_path / "keys"))


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pieces without megabytes."""
    monkeypatch.setattr("gateway.store.chest.PIECE", 64)
    monkeypatch.setattr("gateway.store.chest._BATCH", 2)


def results(count: int) -> Iterator[PaymentResult]:
    for number in range(count):
        yield PaymentResult(sequence=number, status="settled", amount=number, name="张测试")


def keep(chest: Chest, tmp_path: Path, content: bytes, records: Any = None, claim: str = CLAIM) -> Attachment:
    file = tmp_path / "arrived"
    file.write_bytes(content)
    return chest.keep(claim, file, name="r.txt", records=records)


def parts(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "chest").rglob("*.*"))


def test_content_and_records_come_back(chest: Chest, tmp_path: Path, small_pieces: None) -> None:
    content = bytes(range(256)) * 5
    kept = keep(chest, tmp_path, content, results(11))
    assert kept == Attachment(
        claim=CLAIM, size=1280, sha256=sha256(content).hexdigest(), name="r.txt", records=11
    )
    assert b"".join(chest.read(kept)) == content
    assert [msgspec.json.decode(r, type=PaymentResult) for r in chest.records(kept)] == list(results(11))
    assert content[:64] not in b"".join(path.read_bytes() for path in parts(tmp_path))
    assert {path.stat().st_mode & 0o777 for path in parts(tmp_path)} == {0o600}


@settings(max_examples=40, deadline=None)
@given(count=st.integers(0, 40), start=st.integers(0, 45))
def test_records_begin_anywhere(tmp_path_factory: pytest.TempPathFactory, count: int, start: int) -> None:
    folder = tmp_path_factory.mktemp("chest")
    chest = Chest(folder / "chest", KeyRing.create(folder / "keys"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.store.chest.PIECE", 100)
        patch.setattr("gateway.store.chest._BATCH", 3)
        kept = keep(chest, folder, b"x", results(count))
    numbers = [msgspec.json.decode(r)["sequence"] for r in chest.records(kept, start)]
    assert numbers == list(range(start, count))


def test_the_digest_is_the_audit_logs(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "keys")
    chest = Chest(tmp_path / "chest", ring)
    content = os.urandom(3_000_000)
    keep(chest, tmp_path, content)
    (path,) = parts(tmp_path)
    with chest_file.PieceReader(path, ring, CLAIM, "content") as reader:
        sealed = path.read_bytes()[: reader.summary.offsets[1]]
    salt, _ = ring.open_with_salt(sealed, about(CLAIM, "content/0"))
    assert chest.digest(CLAIM) == salted_digest(salt, content)


def _all(chest: Chest, kept: Attachment) -> tuple[bytes, list[bytes]]:
    return b"".join(chest.read(kept)), list(chest.records(kept))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_is_changed_is_seen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Flipped bits, cuts, additions, swapped and repeated stretches: never other bytes, never fewer."""
    folder = tmp_path_factory.mktemp("chest")
    chest = Chest(folder / "chest", KeyRing.create(folder / "keys"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.store.chest.PIECE", 64)
        patch.setattr("gateway.store.chest._BATCH", 2)
        kept = keep(chest, folder, b"abcdefgh" * 32, results(9))
    path = data.draw(st.sampled_from(parts(folder)))
    before = path.read_bytes()
    size = len(before)
    first, second = sorted((data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))))
    after = data.draw(
        st.sampled_from(
            [
                before[:first]
                + bytes((before[first] ^ 1 << data.draw(st.integers(0, 7)),))
                + before[first + 1 :],
                before[:first],
                before[:first] + before[second + 1 :],
                before + before[first:],
                before[second:] + before[:second] if second else before[:-1],
            ]
        )
    )
    if after == before:
        return
    path.write_bytes(after)
    with pytest.raises(ConfigError):
        _all(chest, kept)


def test_pieces_do_not_open_elsewhere(chest: Chest, tmp_path: Path, small_pieces: None) -> None:
    """Swapped within the file, and brought from another claim."""
    kept = keep(chest, tmp_path, b"a" * 64 + b"b" * 64)
    (path,) = parts(tmp_path)
    sealed = path.read_bytes()
    length = 64 + 49
    path.write_bytes(sealed[length : 2 * length] + sealed[:length] + sealed[2 * length :])
    with pytest.raises(ConfigError):
        list(chest.read(kept))
    path.rename(tmp_path / "chest" / CLAIM[-2:] / f"{OTHER}.content")
    with pytest.raises(ConfigError):
        chest.digest(OTHER)


def test_what_records_raise_is_raised_and_nothing_is_left(chest: Chest, tmp_path: Path) -> None:
    def broken() -> Iterator[PaymentResult]:
        yield from results(3)
        raise LookupError("row 4")

    with pytest.raises(LookupError):
        keep(chest, tmp_path, b"x", broken())
    assert parts(tmp_path) == []


def test_a_full_disk_leaves_nothing_half(
    chest: Chest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gateway.store.chest_file.os.fsync", full)
    with pytest.raises(Unavailable, match="disk is full"):
        keep(chest, tmp_path, b"x" * 100, results(3))
    assert parts(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tongqu-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system needs root; without it a full disk cannot be made")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path, tmp_path: Path) -> None:
    chest = Chest(small_disk / "chest", KeyRing.create(tmp_path / "keys"))
    with pytest.raises(Unavailable, match="disk is full"):
        keep(chest, tmp_path, b"x" * 6_000_000)
    assert list((small_disk / "chest").rglob("*.*")) == []
    kept = keep(chest, tmp_path, b"x" * 2_000_000)
    assert sum(map(len, chest.read(kept))) == 2_000_000


_KEEPER = """
import sys
from pathlib import Path
from gateway.canonical.payment import PaymentResult
from gateway.store.chest import Chest
from gateway.store.keyring import KeyRing

folder, claim = Path(sys.argv[1]), sys.argv[2]

def records():
    for number in range(40_000):
        if number % 1000 == 0:
            print(number, flush=True)
        yield PaymentResult(sequence=number, status="settled")

Chest(folder / "chest", KeyRing.load(folder / "keys")).keep(claim, folder / "arrived", records=records())
print("kept", flush=True)
"""


@pytest.mark.parametrize("lines", [1, 20, 40, 41])
def test_killed_while_keeping(chest: Chest, tmp_path: Path, lines: int) -> None:
    """Either all of it opens, or there is no such claim."""
    content = os.urandom(20_000_000)
    (tmp_path / "arrived").write_bytes(content)
    command = [sys.executable, "-c", _KEEPER, str(tmp_path), CLAIM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(lines)]
        process.kill()
    chest.tidy()
    kept = Attachment(claim=CLAIM, size=len(content), sha256="", records=40_000)
    if "kept" in said:
        assert b"".join(chest.read(kept)) == content
        assert sum(1 for _ in chest.records(kept)) == 40_000
    else:
        with pytest.raises(ConfigError, match="not there"):
            list(chest.read(kept))
    assert not list((tmp_path / "chest").rglob("*.part"))


_LARGE = """
import resource, sys
from pathlib import Path
from gateway.store.chest import Chest
from gateway.store.keyring import KeyRing

folder = Path(sys.argv[1])
chest = Chest(folder / "chest", KeyRing.load(folder / "keys"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
kept = chest.keep(sys.argv[2], folder / "arrived")
assert sum(map(len, chest.read(kept))) == kept.size
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_memory_does_not_depend_on_the_size(chest: Chest, tmp_path: Path) -> None:
    with (tmp_path / "arrived").open("wb") as file:
        file.truncate(300 << 20)
    command = [sys.executable, "-c", _LARGE, str(tmp_path), CLAIM]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 32, "MiB"


def test_cancelled_in_the_middle(chest: Chest, tmp_path: Path) -> None:
    stop = Event()

    def slow() -> Iterator[PaymentResult]:
        for number, result in enumerate(results(10_000)):
            if number == 600:
                stop.set()
            yield result

    file = tmp_path / "arrived"
    file.write_bytes(b"x")
    with pytest.raises(Cancelled):
        chest.keep(CLAIM, file, records=slow(), cancelled=stop)
    assert parts(tmp_path) == []


def test_what_a_kill_left_is_tidied_up(chest: Chest, tmp_path: Path) -> None:
    """A draft never becomes a claim, and a claim without content does not open."""
    kept = keep(chest, tmp_path, b"x", results(2))
    content, records = parts(tmp_path)
    content.rename(content.with_name(content.name + ".part"))
    chest.tidy()
    assert parts(tmp_path) == [records]
    with pytest.raises(ConfigError, match="not there"):
        list(chest.read(kept))


def test_remove(chest: Chest, tmp_path: Path) -> None:
    keep(chest, tmp_path, b"x", results(2))
    (shelf,) = chest.shelves()
    assert list(chest.claims_on(shelf)) == [CLAIM]
    chest.remove(CLAIM)
    assert parts(tmp_path) == []
    assert chest.claims_on(shelf) == {}


def test_what_is_kept_is_sealed_anew(chest: Chest, tmp_path: Path, small_pieces: None) -> None:
    content = os.urandom(5000)
    kept = keep(chest, tmp_path, content, results(40))
    before = _all(chest, kept)
    digest, salt, old = chest.digest(CLAIM), chest.salt(CLAIM), chest.keys_of(CLAIM)
    assert chest.reseal(CLAIM) is False
    chest._ring.rotate()
    chest._ring.rotate()
    chest._place(CLAIM, "content").with_name(f"{CLAIM}.content.part").write_bytes(b"of one who was killed")
    assert chest.reseal(CLAIM) is True
    assert chest.keys_of(CLAIM) == {chest._ring.current} != old
    assert (_all(chest, kept), chest.digest(CLAIM), chest.salt(CLAIM)) == (before, digest, salt)
    assert [part.suffix for part in parts(tmp_path)] == [".content", ".records"]
    assert chest.reseal(CLAIM) is False
    chest._ring.retire(*old)
    assert _all(chest, kept) == before


def test_sealing_anew_on_a_full_disk_leaves_it_as_it_was(
    chest: Chest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep(chest, tmp_path, b"x" * 5000)
    chest._ring.rotate()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("gateway.store.chest_file.PieceWriter.add", full)
        with pytest.raises(OSError, match="space"):
            chest.reseal(CLAIM)
    assert b"".join(chest.read(kept)) == b"x" * 5000
    assert [part.suffix for part in parts(tmp_path)] == [".content"]


def test_what_is_erased_meanwhile_stays_erased(
    chest: Chest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(chest, tmp_path, b"x" * 5000)
    chest._ring.rotate()
    add = PieceWriter.add

    def erased(self: PieceWriter, plain: bytes, count: int) -> None:
        add(self, plain, count)
        chest.remove(CLAIM)

    monkeypatch.setattr("gateway.store.chest_file.PieceWriter.add", erased)
    chest.reseal(CLAIM)
    assert parts(tmp_path) == []
