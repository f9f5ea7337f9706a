"""The integrator: what a folder looks like after steps, and every contradiction it refuses to sign over."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.audit.checkpoint import open_checkpoint
from gateway.audit.errors import AuditError, BadNote, LogBusy, LogInconsistent
from gateway.audit.integrator import IntegrationResult, Integrator
from gateway.audit.merkle import leaf_row, root
from gateway.audit.verify import verify_log
from tests.audit.support import (
    ORIGIN,
    SIGNER,
    STRANGER,
    MemorySource,
    QuickDisk,
    contents,
    integrate,
    make_log,
    needed,
    sample,
)


def published(path: Path) -> tuple[int, bytes]:
    checkpoint = open_checkpoint((path / "checkpoint").read_bytes(), [SIGNER.verifier])
    assert checkpoint.origin == ORIGIN
    return checkpoint.size, checkpoint.root


def test_an_empty_log_is_published_at_once(tmp_path: Path) -> None:
    assert integrate(MemorySource(), tmp_path) == 0
    assert list(contents(tmp_path)) == ["checkpoint"]
    assert published(tmp_path) == (0, root(b""))


def test_a_step_takes_in_what_waits(tmp_path: Path) -> None:
    source = MemorySource(700)
    integrator = Integrator(source, tmp_path, SIGNER, limit=300)
    assert integrator.step() == IntegrationResult(300, 300, more=True)
    assert integrator.step() == IntegrationResult(300, 600, more=True)
    assert integrator.step() == IntegrationResult(100, 700)
    assert integrator.step() == IntegrationResult(0, 700)
    source.commit(1)
    assert integrator.drain() == IntegrationResult(1, 701)
    integrator.close()
    assert published(tmp_path) == (701, root(leaf_row([sample(i) for i in range(701)])))


class Busy(MemorySource):
    """Something comes whenever the log is extended."""

    def sequence(self, first_index: int, entry_ids: Sequence[str]) -> None:
        super().sequence(first_index, entry_ids)
        self.commit(10)


def test_under_load_what_came_meanwhile_waits_for_the_next_time(tmp_path: Path) -> None:
    source = Busy(700)
    integrator = Integrator(source, tmp_path, SIGNER, limit=300)
    assert integrator.drain() == IntegrationResult(720, 720)
    assert integrator.drain() == IntegrationResult(10, 730)
    integrator.close()


@pytest.mark.parametrize("steps", [(256,), (1, 255), (255, 2), (1, 1, 1), (600, 600), (100, 200, 300, 424)])
def test_how_entries_arrive_does_not_matter(tmp_path: Path, steps: tuple[int, ...]) -> None:
    make_log(tmp_path / "steps", *steps)
    make_log(tmp_path / "once", sum(steps))
    assert needed(tmp_path / "steps", sum(steps)) == needed(tmp_path / "once", sum(steps))


def test_partial_tiles_go_once_the_tile_is_full(tmp_path: Path) -> None:
    make_log(tmp_path, 100, 100)
    assert {"tile/0/000.p/100", "tile/0/000.p/200"} <= set(contents(tmp_path))
    make_log(tmp_path / "full", 100, 100, 100)
    names = contents(tmp_path / "full")
    assert sorted(names) == [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ]
    assert not list((tmp_path / "full").rglob("000.p/2*"))


def test_70000_entries_have_the_published_layout(tmp_path: Path) -> None:
    make_log(tmp_path, 70000)
    names = set(contents(tmp_path))
    assert {
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
        "tile/entries/273.p/112",
    } <= names
    assert len([name for name in names if name.startswith("tile/0/") and ".p" not in name]) == 273
    report = verify_log(tmp_path, SIGNER.vkey)
    assert report.ok
    assert (report.entries, report.bundles, report.tiles) == (70000, 274, 274 + 2 + 1)


def test_a_restart_goes_on(tmp_path: Path) -> None:
    source = make_log(tmp_path, 10, 300)
    source.commit(5)
    assert integrate(source, tmp_path) == 315
    assert verify_log(tmp_path, SIGNER.vkey).ok


def test_two_integrators_cannot_share_a_folder(tmp_path: Path) -> None:
    first = Integrator(MemorySource(), tmp_path, SIGNER)
    with pytest.raises(LogBusy, match="another process"):
        Integrator(MemorySource(), tmp_path, SIGNER)
    first.close()
    Integrator(MemorySource(), tmp_path, SIGNER).close()


def refused(source: MemorySource, path: Path, match: str) -> None:
    """The integrator refuses, names the next action, and leaves the checkpoint alone."""
    before = contents(path)
    with pytest.raises(LogInconsistent, match=match) as caught:
        integrate(source, path)
    assert "Next: " in str(caught.value)
    assert contents(path).get("checkpoint") == before.get("checkpoint")


def test_refuses_a_store_that_is_behind(tmp_path: Path) -> None:
    make_log(tmp_path, 300)
    old = MemorySource(200)
    old.indexed = 200
    refused(old, tmp_path, "old backup")


def test_refuses_a_store_of_another_log(tmp_path: Path) -> None:
    source = make_log(tmp_path, 300)
    source.entries[280] = ("280", b"another")
    source.commit(1)
    refused(source, tmp_path, "differ between the store and the log folder")


def test_refuses_a_lost_checkpoint(tmp_path: Path) -> None:
    source = make_log(tmp_path, 300)
    (tmp_path / "checkpoint").unlink()
    refused(source, tmp_path, "no checkpoint")
    refused(MemorySource(), tmp_path, "no checkpoint")


def test_a_lost_folder_is_rebuilt_only_when_told(tmp_path: Path) -> None:
    source = make_log(tmp_path / "log", 300, 400)
    before = needed(tmp_path / "log", 700)
    shutil.rmtree(tmp_path / "log")
    refused(source, tmp_path / "log", "rebuild it from the store")
    integrator = Integrator(source, tmp_path / "log", SIGNER, rebuild=True)
    assert integrator.drain().size == 700
    integrator.close()
    assert needed(tmp_path / "log", 700) == before


@pytest.mark.parametrize("name", ["tile/0/001.p/44", "tile/1/000.p/1", "tile/0/000"])
def test_refuses_altered_tiles(tmp_path: Path, name: str) -> None:
    source = make_log(tmp_path, 300)
    source.commit(10)
    data = bytearray((tmp_path / name).read_bytes())
    data[3] ^= 1
    (tmp_path / name).write_bytes(data)
    if name == "tile/0/000":  # not on the edge: nothing a step reads; the verifier's task
        assert not verify_log(tmp_path, SIGNER.vkey).ok
    else:
        refused(source, tmp_path, "do not give the root")


@pytest.mark.parametrize("name", ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"])
@pytest.mark.parametrize("content", [None, b"", b"\x00\x05a"])
def test_refuses_missing_and_cut_tiles(tmp_path: Path, name: str, content: bytes | None) -> None:
    source = make_log(tmp_path, 300)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused(source, tmp_path, "missing" if content is None else "too short|damaged")


def test_refuses_files_that_another_store_wrote(tmp_path: Path) -> None:
    source = make_log(tmp_path, 300)
    source.commit(10)
    (tmp_path / "tile/0/001.p/54").write_bytes(bytes(54 * 32))
    refused(source, tmp_path, "exists with another content")
    (tmp_path / "tile/0/001.p/54").unlink()
    assert integrate(source, tmp_path) == 310


def test_refuses_to_sign_what_is_not_on_disk(tmp_path: Path) -> None:
    """A disk that loses a write: the proof is read back from it and does not fit."""

    class ForgetfulDisk(QuickDisk):
        def write(self, path: Path, data: bytes) -> None:
            super().write(path, bytes(len(data)))

    source = make_log(tmp_path, 300)
    source.commit(10)
    before = (tmp_path / "checkpoint").read_bytes()
    with pytest.raises(LogInconsistent, match="do not give the root"):
        integrate(source, tmp_path, ForgetfulDisk())
    assert (tmp_path / "checkpoint").read_bytes() == before


def test_refuses_another_key_unless_the_old_one_is_trusted(tmp_path: Path) -> None:
    source = make_log(tmp_path, 300)
    source.commit(10)
    integrator = Integrator(source, tmp_path, STRANGER)
    with pytest.raises(BadNote):
        integrator.step()
    integrator.close()
    integrator = Integrator(source, tmp_path, STRANGER, trusted=[SIGNER.verifier])
    assert integrator.step().size == 310
    integrator.close()
    assert verify_log(tmp_path, STRANGER.vkey).ok


def test_an_entry_too_large_is_refused_before_it_has_an_index(tmp_path: Path) -> None:
    source = MemorySource(1)
    source.entries.append(("1", bytes(65536)))
    with pytest.raises(AuditError, match="entry 1 has 65536 bytes"):
        integrate(source, tmp_path)
    assert source.size() == 0
