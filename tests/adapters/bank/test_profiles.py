"""Profiles: the shipped ones hold, and what is wrong with one is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.bank import adapter
from adapters.bank.files.__main__ import main
from adapters.bank.files.lint import problems
from adapters.bank.files.profile import shipped_profiles
from adapters.bank.settings import BankSettings

SAMPLES = Path(adapter.folder) / "samples" / "files"
GOOD = """\
profile: test
title: {zh: 试验, en: Test}
send:
  payout:
    mapping: shipped:bank/ybdf.request
    name: 'A_{date}_{batch}.txt'
receive:
  final:
    mapping: shipped:bank/ybdf.return
    name: 'A_{date}_{batch}.ret'
    answers: payout
"""


@pytest.mark.parametrize("ref", shipped_profiles())
def test_a_shipped_profile_holds(ref: str) -> None:
    assert problems(ref) == []


def test_an_operators_own_holds(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(GOOD, encoding="utf-8")
    assert problems(file) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("    answers: payout", "    answers: other", 11, "send has no other"),
        ("shipped:bank/ybdf.return", "shipped:bank/nothing", 9, "cannot be read"),
        ("shipped:bank/ybdf.return", "shipped:bank/cmbc.return", 8, "lacks batch_id"),
        ("shipped:bank/ybdf.return", "shipped:settlement/2207.output", 9, "has no place here"),
        ("'A_{date}_{batch}.ret'", "'A_{any}.ret'", 10, "which file it answers"),
        ("'A_{date}_{batch}.txt'", "'A_{date}.txt'", 6, "no name may come twice"),
        ("'A_{date}_{batch}.txt'", "'A/{batch}.txt'", 6, "a name is letters"),
        ("    answers: payout", "    answer: payout", 11, "there is no such key"),
        (
            "    mapping: shipped:bank/ybdf.request",
            "    asks: other\n    mapping: shipped:bank/ybdf.request",
            5,
            "send has no",
        ),
        ("profile: test", "profile: test\nprofile: test", 2, "given twice"),
        ("receive:", "receive: [", 9, "YAML syntax"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(GOOD.replace(old, new), encoding="utf-8")
    found = problems(file)
    assert [(p.line, said in str(p)) for p in found][:1] == [(line, True)], list(map(str, found))


def test_two_documents_must_be_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    more = "  other:\n    mapping: shipped:bank/srcb.reconciliation\n    name: 'A_{any}.ret'\n"
    file.write_text(GOOD + more, encoding="utf-8")
    assert ["cannot be told from the names of final" in str(p) for p in problems(file)] == [True]


def test_the_check_of_a_configuration_finds_a_broken_profile(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(GOOD.replace("answers: payout", "answers: other"), encoding="utf-8")
    settings = BankSettings.model_validate(
        {
            "files": {
                "profile": file,
                "party": "990101",
                "inbound": {"kind": "folder", "path": str(tmp_path / "in")},
            }
        }
    )
    [problem] = adapter.problems(settings)
    assert problem.path == "files.profile"
    assert f"{file}:11" in problem.en


def test_a_companion_that_would_be_ignored_is_said() -> None:
    way = {"kind": "folder", "path": "out", "companion": ".ok"}
    files = {"profile": "shipped:ybdf", "party": "990101", "outbound": way}
    [problem] = adapter.problems(BankSettings.model_validate({"files": files}))
    assert problem.path == "files.outbound.companion"


def test_a_profile_is_tried_on_sample_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [good] = SAMPLES.glob("ybdf-final/*.ret")
    bad = tmp_path / good.name
    (tmp_path / "x.txt").touch()
    bad.write_bytes(good.read_bytes().replace(b"123.45", b"123.46", 3))
    for file, code, said in (
        (good, 0, "final: 2 笔"),
        (bad, 1, "total"),
        (tmp_path / "x.txt", 1, "none of those"),
        (tmp_path / "y.txt", 1, "no such file"),
    ):
        assert main(["shipped:ybdf", str(file)]) == code
        assert said in capsys.readouterr().out
