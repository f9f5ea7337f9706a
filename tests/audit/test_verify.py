"""The outsider's verifier: accepts every honest log, names the place of every alteration."""

from __future__ import annotations

import ast
import random
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.audit import verify
from gateway.audit.merkle import leaf_row, root
from gateway.audit.prover import Prover
from gateway.audit.tiles import pack
from gateway.audit.verify import describe, verify_log
from tests.audit.support import SIGNER, STRANGER, contents, integrate, make_log, sample

PROGRAM = Path(verify.__file__)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 513, 1000])
def test_honest_logs(tmp_path: Path, size: int) -> None:
    make_log(tmp_path, *([size] if size else []))
    report = verify_log(tmp_path, SIGNER.vkey)
    assert report.ok, report.problems
    assert report.entries == size
    assert report.checkpoint is not None
    assert report.checkpoint.root == root(leaf_row([sample(i) for i in range(size)]))


def altered(path: Path, name: str, position: int, mask: int = 1) -> verify.LogReport:
    """The report with one byte changed; the byte is put back."""
    file = path / name
    data = file.read_bytes()
    changed = bytearray(data)
    changed[position] ^= mask
    file.write_bytes(changed)
    try:
        return verify_log(path, SIGNER.vkey)
    finally:
        file.write_bytes(data)


def names_place(report: verify.LogReport, name: str) -> bool:
    return any(problem.place == name for problem in report.problems)


def test_every_byte_of_a_small_log(tmp_path: Path) -> None:
    make_log(tmp_path, 3, 2)
    for name, data in contents(tmp_path).items():
        for position in range(len(data)):
            for mask in (0x01, 0x80):
                assert names_place(altered(tmp_path, name, position, mask), name), (name, position)


def test_any_byte_of_every_file(tmp_path: Path) -> None:
    make_log(tmp_path, 100, 300, 50, 250)
    chance = random.Random(7)
    for name, data in contents(tmp_path).items():
        for position in {0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(8))}:
            assert names_place(altered(tmp_path, name, position), name), (name, position)


def test_any_missing_or_cut_or_lengthened_file(tmp_path: Path) -> None:
    make_log(tmp_path, 700)
    for name, data in contents(tmp_path).items():
        for content in (None, b"", data[:-1], data + b"\x00"):
            (tmp_path / name).unlink()
            if content is not None:
                (tmp_path / name).write_bytes(content)
            assert names_place(verify_log(tmp_path, SIGNER.vkey), name), (name, content)
            (tmp_path / name).write_bytes(data)


def test_the_entry_is_named(tmp_path: Path) -> None:
    make_log(tmp_path, 700)
    for index in (0, 255, 256, 600, 699):
        bundle = verify._name("entries", index // 256, min(256, 700 - index // 256 * 256))
        start = (tmp_path / bundle).read_bytes().index(sample(index))
        (problem,) = altered(tmp_path, bundle, start).problems
        assert re.search(rf"index {index}\b", problem.en)
        assert re.search(rf"索引 {index}\b", problem.zh, re.ASCII)


def test_the_hash_is_named(tmp_path: Path) -> None:
    make_log(tmp_path, 66000)
    for name, position, hint in (
        ("tile/0/003", 32 * 17 + 5, "hash 17 .the first covers entries from index 785 on"),
        ("tile/1/000", 32 * 200, "hash 200 .the first covers entries from index 51200 on"),
        ("tile/1/001.p/1", 0, "hash 0 .the first covers entries from index 65536 on"),
        ("tile/2/000.p/1", 31, "hash 0 .the first covers entries from index 0 on"),
    ):
        report = altered(tmp_path, name, position)
        problem = next(problem for problem in report.problems if problem.place == name)
        assert re.search(hint, problem.en), problem


def test_an_entry_altered_together_with_its_hash(tmp_path: Path) -> None:
    """The next level up gives it away."""
    make_log(tmp_path, 700)
    entries = [sample(i) for i in range(256)]
    entries[9] = b"forged"
    (tmp_path / "tile/entries/000").write_bytes(pack(entries))
    (tmp_path / "tile/0/000").write_bytes(leaf_row(entries))
    (problem,) = verify_log(tmp_path, SIGNER.vkey).problems
    assert problem.place == "tile/0/000"
    assert "entries 0 to 255" in problem.en


def test_a_consistent_forgery_up_to_the_root(tmp_path: Path) -> None:
    make_log(tmp_path / "one", 700)
    make_log(tmp_path / "two", 701)
    shutil.copy(tmp_path / "one/checkpoint", tmp_path / "two/checkpoint")
    assert [p.place for p in verify_log(tmp_path / "two", SIGNER.vkey).problems] == [
        "tile/0/002.p/188",
        "tile/entries/002.p/188",
        "checkpoint",
    ]


def test_another_key(tmp_path: Path) -> None:
    make_log(tmp_path, 3)
    assert [p.place for p in verify_log(tmp_path, STRANGER.vkey).problems] == ["checkpoint"]
    assert verify_log(tmp_path, f"# both\n{STRANGER.vkey}\n\n{SIGNER.vkey}\n").ok


@pytest.mark.parametrize(
    "vkey", ["", "# none", "nonsense", SIGNER.vkey[:-4], SIGNER.vkey.replace("42", "43")]
)
def test_unusable_keys(tmp_path: Path, vkey: str) -> None:
    with pytest.raises(verify.CannotCheck):
        verify_log(tmp_path, vkey)


def test_files_ahead_and_files_of_the_past(tmp_path: Path) -> None:
    """A step that has not published yet, and partial tiles of earlier checkpoints, are no alteration."""
    source = make_log(tmp_path, 100, 50)
    note = (tmp_path / "checkpoint").read_bytes()
    assert verify_log(tmp_path, SIGNER.vkey).older == 2
    source.commit(200)
    integrate(source, tmp_path)
    (tmp_path / "checkpoint").write_bytes(note)
    report = verify_log(tmp_path, SIGNER.vkey)
    assert report.ok, report.problems
    assert (report.entries, report.older, report.ahead) == (150, 0, 5)


def test_since(tmp_path: Path) -> None:
    source = make_log(tmp_path)
    saved = []
    for count in (0, 1, 99, 156, 1, 300, 211):
        source.commit(count)
        integrate(source, tmp_path)
        saved.append((tmp_path / "checkpoint").read_bytes())
    for note in saved:
        assert verify_log(tmp_path, SIGNER.vkey, note).ok
    (tmp_path / "checkpoint").write_bytes(saved[-2])
    assert "shorter" in verify_log(tmp_path, SIGNER.vkey, saved[-1]).problems[0].en


def test_since_finds_rewritten_history(tmp_path: Path) -> None:
    """The same operator signs two histories; whoever kept the first checkpoint notices."""
    source = make_log(tmp_path / "first", 300)
    saved = (tmp_path / "first/checkpoint").read_bytes()
    source.indexed = 0
    source.entries[7] = ("7", b"rewritten")
    source.commit(100)
    integrate(source, tmp_path / "second")
    assert verify_log(tmp_path / "second", SIGNER.vkey).ok
    (problem,) = verify_log(tmp_path / "second", SIGNER.vkey, saved).problems
    assert "rewritten" in problem.en
    assert "改写" in problem.zh


def test_since_must_be_signed(tmp_path: Path) -> None:
    make_log(tmp_path, 3)
    (problem,) = verify_log(tmp_path, SIGNER.vkey, b"nothing").problems
    assert problem.place == "--since"


def test_many_problems_are_cut_short(tmp_path: Path) -> None:
    make_log(tmp_path, 256)
    (tmp_path / "tile/entries/000").write_bytes(pack([b"x"] * 256))
    lines = describe(verify_log(tmp_path, SIGNER.vkey))
    assert any("另有 236 处" in line for line in lines)
    assert any("and 236 more" in line for line in lines)


def test_the_program_stands_alone() -> None:
    tree = ast.parse(PROGRAM.read_text())
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) == {"cryptography"}


def run(*arguments: str | Path, program: Path = PROGRAM) -> tuple[int, str]:
    done = subprocess.run([sys.executable, program, *arguments], capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode()


@pytest.fixture
def vkey(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text(SIGNER.vkey + "\n")
    return tmp_path / "key"


def test_as_a_program(tmp_path: Path, vkey: Path) -> None:
    log = tmp_path / "log"
    make_log(log, 100, 200)
    saved = tmp_path / "saved"
    shutil.copy(log / "checkpoint", saved)
    copy = Path(shutil.copy(PROGRAM, tmp_path / "outsider.py"))
    status, text = run("log", log, "--vkey", vkey, "--since", saved, program=copy)
    assert status == 0
    chinese, english = text.split("Audit log verified")
    assert "审计日志验证通过" in chinese
    assert "300 entries, 2 bundles, 3 tiles" in english
    data = bytearray((log / "tile/entries/000").read_bytes())
    data[40] ^= 1
    (log / "tile/entries/000").write_bytes(data)
    status, text = run("log", log, "--vkey", vkey)
    assert status == 1
    assert "审计日志验证未通过" in text
    assert "tile/entries/000" in text


def test_receipts_as_a_program(tmp_path: Path, vkey: Path) -> None:
    log, receipt, entry = tmp_path / "log", tmp_path / "receipt", tmp_path / "entry"
    make_log(log, 300)
    receipt.write_bytes(Prover(log).receipt(123))
    entry.write_bytes(sample(123))
    status, text = run("receipt", receipt, entry, "--vkey", vkey)
    assert status == 0
    assert "索引 123" in text.split("Receipt verified")[0]
    entry.write_bytes(sample(124))
    assert run("receipt", receipt, entry, "--vkey", vkey)[0] == 1


def test_when_nothing_can_be_checked(tmp_path: Path, vkey: Path) -> None:
    assert run("log", tmp_path / "absent", "--vkey", vkey)[0] == 2
    for arguments in (
        ["log", str(tmp_path), "--vkey", str(tmp_path / "absent")],
        ["receipt", str(tmp_path / "absent"), str(vkey), "--vkey", str(vkey)],
    ):
        assert verify.main(arguments) == 2
    assert verify.main(["log", str(tmp_path), "--vkey", str(vkey)]) == 1  # a folder without checkpoint
    (tmp_path / "checkpoint").mkdir()
    assert verify.main(["log", str(tmp_path), "--vkey", str(vkey)]) == 2
    with pytest.raises(SystemExit) as caught:
        verify.main([])
    assert caught.value.code == 2


def test_a_log_that_grows_meanwhile(tmp_path: Path) -> None:
    source = make_log(tmp_path, 300)
    ends = threading.Event()

    def grow() -> None:
        while not ends.is_set():
            source.commit(90)
            integrate(source, tmp_path)

    gateway = threading.Thread(target=grow)
    gateway.start()
    try:
        for _ in range(40):
            report = verify_log(tmp_path, SIGNER.vkey)
            assert report.ok, report.problems
    finally:
        ends.set()
        gateway.join()


def test_a_partial_file_that_is_cleared_away_while_it_is_looked_at(tmp_path: Path) -> None:
    make_log(tmp_path, 300)
    (tmp_path / "tile/0/000.p").mkdir(exist_ok=True)
    (tmp_path / "tile/0/000.p/17").symlink_to("gone")  # listed, and not there when it is read
    report = verify_log(tmp_path, SIGNER.vkey)
    assert report.ok, report.problems


def test_progress_is_told(tmp_path: Path) -> None:
    make_log(tmp_path / "log", 600)
    (tmp_path / "vkey").write_text(SIGNER.vkey)
    told: list[tuple[int, int]] = []
    verify_log(tmp_path / "log", SIGNER.vkey, watch=lambda *progress: told.append(progress))
    assert told == [(256, 600), (512, 600), (600, 600)]
    command = [sys.executable, PROGRAM, "log", tmp_path / "log", "--vkey", tmp_path / "vkey"]
    quiet = subprocess.run(command, capture_output=True, text=True, check=True)
    loud = subprocess.run([*command, "--progress"], capture_output=True, text=True, check=True)
    assert quiet.stderr == ""
    assert loud.stderr.split() == ["256/600", "512/600", "600/600"]
    assert loud.stdout == quiet.stdout
