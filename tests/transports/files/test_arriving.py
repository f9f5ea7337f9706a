"""Files in a folder: checked, taken once, refused with reports; a process may die at any step of it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import Deferred

from gateway.contract import ConfigError, Evidence, Unavailable
from gateway.transports.files import Arrived, FolderInbound, Taken
from gateway.transports.files.local import LocalWatcher
from gateway.transports.files.reporting import LISTED, report
from gateway.transports.files.taking import Finding, TurnedAway
from tests.adapters.context import Harness
from tests.transports.files.desk import Taking
from tests.twisted_runner import sleep

CONTENT = b"0001|100\n0002|200\n"


_BEGUN: list[LocalWatcher] = []


async def ended() -> None:
    """What was begun does nothing any more, as after a process."""
    while _BEGUN:
        receipts = _BEGUN.pop()._receipts
        assert receipts is not None
        await receipts.stop()


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    yield
    Deferred.fromCoroutine(ended())


class Place:
    """A watched folder, and what is known of it."""

    def __init__(self, root: Path, **way: Any) -> None:
        self.root = root
        self.harness = Harness(root / "state")
        self.way = {"kind": "folder", "path": root / "in", "receipts": root / "receipts", **way}
        self.taking = Taking(self.harness)
        (root / "in").mkdir(parents=True, exist_ok=True)

    async def begin(self) -> LocalWatcher:
        """As a process begins, but for its timer. The one before it has ended."""
        await ended()
        settings = FolderInbound.model_validate(self.way)
        watcher = settings.receiver(self.taking, self.harness.context)
        assert isinstance(watcher, LocalWatcher)
        watcher._make_folders()
        assert watcher._receipts is not None
        await watcher._receipts.start()
        _BEGUN.append(watcher)
        return watcher

    def put(self, name: str, content: bytes = CONTENT) -> None:
        (self.root / "in" / name).write_bytes(content)

    def names(self, folder: str) -> list[str]:
        return sorted(os.listdir(self.root / folder))

    @property
    def refused(self) -> list[tuple[str, str]]:
        return [(refusal.code, refusal.rule) for refusal in self.harness.inbox.refused]


async def test_what_is_checked_is_told_and_receipted(tmp_path: Path) -> None:
    place = Place(tmp_path, complete=".ok", companions=[".sm3", ".md5"], file_names=r"[a-z]+\.txt")
    watcher = await place.begin()
    for name in ("a.txt", "B.txt"):
        place.put(name)
        place.put(f"{name}.sm3", hashlib.new("sm3", CONTENT).hexdigest().upper().encode())
        place.put(f"{name}.md5", hashlib.md5(CONTENT).hexdigest().encode() + b"  " + name.encode())
    await watcher.look()
    assert place.taking.seen == [], "a companion is missing yet"
    for name in ("a.txt", "B.txt"):
        place.put(f"{name}.ok", b"")
    await watcher.look()
    [file] = place.taking.seen
    assert file.checked == ("sm3", "md5")
    assert place.refused == [("name", "name")]
    told = json.loads((tmp_path / "receipts" / "a.txt.receipt.json").read_bytes())
    assert told["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert told["sm3"] == hashlib.new("sm3", CONTENT).hexdigest()
    assert (told["count"], told["total_fen"], told["total_yuan"]) == (2, 123456, "1234.56")
    assert place.names("in") == [".taking", "done", "rejected"]
    assert place.names("in/.taking") == []
    assert place.names("in/done") == ["a.txt"]


@pytest.mark.parametrize("companion", [".md5", ".sm3", "{stem}.sm3"])
async def test_a_digest_that_does_not_fit(tmp_path: Path, companion: str) -> None:
    place = Place(tmp_path, complete=companion)
    place.put("a.txt")
    place.put("a.sm3" if "{" in companion else f"a.txt{companion}", b"0" * 64 + b"  a.txt")
    await (await place.begin()).look()
    assert place.refused == [("companion", "digest")]
    assert place.names("in/rejected") == ["a.txt", "a.txt.report.json", "a.txt.report.txt"]
    assert place.names("in") == [".taking", "done", "rejected"]


async def test_too_large(tmp_path: Path) -> None:
    place = Place(tmp_path, body_limit=10)
    place.put("a.txt")
    await (await place.begin()).look()
    assert place.refused == [("too-large", "max 10")]
    assert "split it" in (tmp_path / "in/rejected/a.txt.report.txt").read_text("utf-8")


async def test_half_of_a_pair_raises_an_alarm_once_and_goes_on_waiting(tmp_path: Path) -> None:
    place = Place(tmp_path, complete=".ok", companion_patience="60s")
    watcher = await place.begin()
    at = place.harness.clock.monotonic()
    now = [at]
    place.harness.clock.monotonic = lambda: now[0]  # type: ignore[method-assign]
    place.put("a.txt.ok", b"")
    place.put("b.txt")
    await watcher.look()
    assert place.harness.inbox.handled_ones == []
    for later in (61, 62):
        now[0] = at + later
        await watcher.look()
    assert [one.kind for one in place.harness.inbox.handled_ones] == ["file.half-missing"] * 2
    assert not any("a.txt" in str(facts) for _, _, facts in place.harness.log.entries)
    assert place.refused == []
    place.put("a.txt")
    await watcher.look()
    assert [file.name for file in place.taking.seen] == ["a.txt"]


async def test_a_signature_is_verified_where_one_was_agreed(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "partner.pem").write_bytes(public)
    agreed = {"algorithm": "ed25519", "text": "hex", "partner_keys": [tmp_path / "partner.pem"]}
    place = Place(tmp_path, signature=agreed)
    watcher = await place.begin()
    place.put("a.txt")
    await watcher.look()
    assert place.taking.seen == [], "not without its signature"
    place.put("a.txt.sig", key.sign(CONTENT).hex().encode())
    place.put("b.txt", CONTENT + b" ")
    place.put("b.txt.sig", key.sign(CONTENT).hex().encode())
    await watcher.look()
    assert [file.checked for file in place.taking.seen] == [("signature",)]
    assert place.refused == [("signature", "signature")]
    assert place.names("in") == [".taking", "done", "rejected"]


async def test_the_same_name_for_another_content(tmp_path: Path) -> None:
    place = Place(tmp_path, same_name="refuse")
    for content in (CONTENT, CONTENT, CONTENT + b" "):
        place.put("a.txt", content)
        await (await place.begin()).look()  # it is known after a restart, too
    assert len(place.taking.effects) == 1
    assert place.refused == [("duplicate", "same-name")]
    place = Place(tmp_path / "other")
    for content in (CONTENT, CONTENT + b" "):
        place.put("a.txt", content)
        await (await place.begin()).look()
    assert len(place.taking.effects) == 2


async def test_a_refused_file_may_come_again_under_its_name(tmp_path: Path) -> None:
    place = Place(tmp_path, same_name="refuse")
    watcher = await place.begin()
    for content in (b"bad", CONTENT):
        place.put("a.txt", content)
        await watcher.look()
    assert place.refused == [("invalid", "money")]
    assert len(place.taking.effects) == 1


def scanner(folder: Path) -> Path:
    """Prints what it scans; says 0, 1, 2 or nothing for long, as the file's name has it."""
    script = folder / "scan"
    script.write_text(
        f"#!{sys.executable}\nimport sys, time\nname = sys.argv[1].rsplit('/', 1)[-1]\nprint(open(sys.argv[1]).read())\n"
        "time.sleep(9) if name.startswith('slow') else sys.exit({'c': 0, 'v': 1}.get(name[0], 2))\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


async def test_a_virus_scanner_has_the_last_word(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place = Place(tmp_path, virus_scan={"command": [str(scanner(tmp_path)), "{path}"], "timeout": "1s"})
    for name in ("clean.txt", "virus.txt", "error.txt", "slow.txt", "$(touch x).txt"):
        place.put(name)
    watcher = await place.begin()
    await watcher.look()
    assert [(file.name, file.checked) for file in place.taking.seen] == [("clean.txt", ("virus-scan",))]
    assert place.refused == [("virus", "virus")]
    assert place.names("in/.taking") == ["$(touch x).txt", "error.txt", "slow.txt"], "they wait"
    assert "0001|100" not in "".join(capfd.readouterr()) + str(place.harness.log.entries)
    place.put("a.txt")  # nothing is known of it, and it waits, too
    await watcher.look()
    assert len(place.taking.seen) == 1
    said = {str(facts["error"]) for _, event, facts in place.harness.log.entries if event == "folder.file"}
    assert said == {"virus scan ended with code 2", "virus scan took longer than 1 s"}


async def test_a_file_that_breaks_its_taker_holds_up_no_other(tmp_path: Path) -> None:
    place = Place(tmp_path)
    watcher = await place.begin()
    for name in ("a.txt", "b.txt"):
        place.put(name, name.encode())
    take = place.taking.take

    async def broken(file: Arrived) -> Taken:
        if file.name == "a.txt":
            raise ZeroDivisionError
        return await take(file)

    place.taking.take = broken  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await watcher.look()
    assert [file.name for file in place.taking.seen] == ["b.txt"]


async def test_a_missing_scanner_lets_nothing_through(tmp_path: Path) -> None:
    place = Place(tmp_path, virus_scan={"command": ["/nonexistent", "{path}"]})
    place.put("a.txt")
    await (await place.begin()).look()
    assert place.taking.seen == []
    assert place.refused == []


def test_a_report_lists_two_hundred_and_says_how_many_more() -> None:
    findings = tuple(
        Finding(rule="money", zh="金额有误", en="not an amount", line=n, column=5, field=f"item[{n}]/amount")
        for n in range(1, 251)
    )
    refused = TurnedAway(code="invalid", findings=findings, more=1000, refusal_id="r-1")
    made = report("a.txt", refused, Harness(Path("/nonexistent")).clock.now())
    text = made.text.decode()
    assert text.count("item[") == LISTED
    assert "1050 more" in text
    assert text.index("未受理") < text.index("Nothing was taken in")
    told = json.loads(made.json)
    assert (told["refusal_id"], told["code"], told["more"], len(told["findings"])) == (
        "r-1",
        "invalid",
        1050,
        200,
    )
    assert told["findings"][0] == {
        "line": 1, "column": 5, "field": "item[1]/amount", "rule": "money",
        "reason": {"zh": "金额有误", "en": "not an amount"},
    }  # fmt: skip


async def test_a_receipt_gets_its_proof_also_after_a_restart(tmp_path: Path) -> None:
    place = Place(tmp_path)
    watcher = await place.begin()
    place.put("a.txt")
    await watcher.look()
    names = ["HOWTO-verify.txt", "a.txt.receipt.json"]
    assert place.names("receipts") == names
    (tmp_path / "receipts" / "vkey").write_text("of before\n")  # the log's key was changed meanwhile
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    place.harness.inbox.proofs[f"m-{sha256}"] = Evidence(
        index=1, entry=b"{}", proof=b"proof", vkey="key", salt=b"\1" * 16
    )
    again = await place.begin()
    assert again._receipts is not None
    await again._receipts.prove()
    ours = ["a.txt.receipt.entry", "a.txt.receipt.json", "a.txt.receipt.salt", "a.txt.receipt.tlog-proof"]
    assert place.names("receipts") == ["HOWTO-verify.txt", *ours, "vkey"]
    assert (tmp_path / "receipts" / "vkey").read_text() == "key\nof before\n"
    place.put("a.txt", CONTENT + b" ")  # the proof of the earlier file says nothing of this one
    await watcher.look()
    assert "a.txt.receipt.tlog-proof" not in place.names("receipts")


async def test_a_message_that_nobody_knows_holds_up_no_other(tmp_path: Path) -> None:
    place = Place(tmp_path)
    watcher = await place.begin()
    for number in range(150):
        place.put(f"{number:03}.txt", b"%d" % number)
    await watcher.look()
    assert watcher._receipts is not None
    last = hashlib.sha256(b"149").hexdigest()
    place.harness.inbox.proofs[f"m-{last}"] = Evidence(index=1, entry=b"{}", proof=b"proof", vkey="key")
    for _ in range(2):
        await watcher._receipts.prove()
    assert "149.txt.receipt.tlog-proof" in place.names("receipts")
    await watcher._receipts.stop()


async def test_a_damaged_one_holds_up_no_other(tmp_path: Path) -> None:
    place = Place(tmp_path)
    watcher = await place.begin()
    for name in ("a.txt", "b.txt"):
        place.put(name, name.encode())
    await watcher.look()
    inbox = place.harness.inbox

    async def evidence(message_id: str) -> Evidence | None:
        if message_id == f"m-{hashlib.sha256(b'a.txt').hexdigest()}":
            raise ConfigError("附件已损坏", "the attachment is damaged")
        return Evidence(index=1, entry=b"{}", proof=b"proof", vkey="key")

    inbox.evidence = evidence  # type: ignore[method-assign]
    assert watcher._receipts is not None
    await watcher._receipts.prove()
    assert "b.txt.receipt.tlog-proof" in place.names("receipts")
    assert "a.txt.receipt.tlog-proof" not in place.names("receipts")


async def test_many_files_do_not_wait_for_the_next_look_nor_their_proofs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.transports.files.arriving._ROUND", 5)
    place = Place(tmp_path, interval="1h")
    for number in range(12):
        place.put(f"{number:02}.txt", b"%d" % number)

    async def evidence(message_id: str) -> Evidence | None:
        return Evidence(index=1, entry=b"{}", proof=b"proof", vkey="key")

    place.harness.inbox.evidence = evidence  # type: ignore[method-assign]
    settings = FolderInbound.model_validate(place.way)
    watcher = settings.receiver(place.taking, place.harness.context)
    assert isinstance(watcher, LocalWatcher)
    take = place.taking.take

    async def during(file: Arrived) -> Taken:
        if file.name == "11.txt":  # an upload ends while a round goes on that does not know of it
            place.put("12.txt", b"12")
            watcher.hurry()
        return await take(file)

    place.taking.take = during  # type: ignore[method-assign]
    await watcher.start()
    for _ in range(1200):
        if len([name for name in place.names("receipts") if name.endswith(".tlog-proof")]) == 13:
            break
        await sleep(0.025)
    await watcher.stop()
    assert [file.name for file in place.taking.seen] == [f"{number:02}.txt" for number in range(13)]
    assert len([name for name in place.names("receipts") if name.endswith(".tlog-proof")]) == 13


async def test_names_that_cannot_be_told_are_refused_and_hold_up_no_other(tmp_path: Path) -> None:
    gbk = os.fsdecode("名单.txt".encode("gbk"))
    long = "名" * 80 + ".txt"
    place = Place(tmp_path)
    watcher = await place.begin()
    for name in (gbk, long, "two\nlines.txt", "名单　一.txt"):
        place.put(name)
    await watcher.look()
    assert [file.name for file in place.taking.seen] == ["名单　一.txt"]
    assert place.refused == [("name", "unreadable-name")] * 3
    assert place.names("in/.taking") == []
    rejected = place.names("in/rejected")
    assert gbk in rejected
    told = [json.loads((tmp_path / "in/rejected" / n).read_bytes()) for n in rejected if n.endswith(".json")]
    assert {one["file"] for one in told} >= {long, "two\ufffdlines.txt"}
    await watcher.look()
    assert len(place.refused) == 3


async def test_a_lone_file_under_such_a_name_raises_its_alarm(tmp_path: Path) -> None:
    place = Place(tmp_path, complete=".ok", companion_patience="1ms")
    watcher = await place.begin()
    place.put(os.fsdecode("名单.txt".encode("gbk")))
    await watcher.look()
    place.put("a.txt")
    place.put("a.txt.ok", b"")
    await sleep(0.01)
    await watcher.look()
    assert [file.name for file in place.taking.seen] == ["a.txt"]
    assert len(place.harness.inbox.handled_ones) == 1


@pytest.mark.parametrize("content", [b"bad", CONTENT])
async def test_what_cannot_be_moved_away_is_refused_on_record_once(tmp_path: Path, content: bytes) -> None:
    place = Place(tmp_path, complete=".sm3")
    watcher = await place.begin()
    place.put("a.txt", content)
    digest = hashlib.new("sm3", b"bad").hexdigest()  # of the other content, a digest that does not fit
    place.put("a.txt.sm3", digest.encode())
    rejected = tmp_path / "in" / "rejected"
    rejected.rmdir()
    rejected.touch()
    for _ in range(3):
        await watcher.look()
    assert place.names("in/.taking") == ["a.txt", "a.txt.sm3"]
    assert len(place.refused) == 1
    rejected.unlink()
    rejected.mkdir()
    await watcher.look()
    assert len(place.refused) == 1
    told = json.loads((rejected / "a.txt.report.json").read_bytes())
    assert (told["refusal_id"], told["size"]) == ("refused-1", len(content))
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert place.names("in/.taking") == []


async def test_what_a_killed_process_moved_by_half_is_replaced(tmp_path: Path) -> None:
    """The gateway died between the file and its companion; while it was down the partner put both there again."""
    place = Place(tmp_path, complete=".sm3")
    watcher = await place.begin()
    place.put("a.txt", b"first")
    os.rename(tmp_path / "in" / "a.txt", tmp_path / "in" / ".taking" / "a.txt")
    place.put("a.txt")
    place.put("a.txt.sm3", hashlib.new("sm3", CONTENT).hexdigest().encode())
    await watcher.look()
    assert [file.sha256 for file in place.taking.seen] == [hashlib.sha256(CONTENT).hexdigest()]
    assert place.names("in/.taking") == []


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs a second file system")
async def test_taken_files_may_go_to_another_file_system(tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/dev/shm") as other:
        assert os.stat(other).st_dev != os.stat(tmp_path).st_dev
        place = Place(tmp_path, done=Path(other))
        place.put("a.txt")
        await (await place.begin()).look()
        assert place.names("in/.taking") == []
        assert (Path(other) / "a.txt").read_bytes() == CONTENT


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def dying(step: int) -> Iterator[None]:
    """Every change of the file system is counted; the process dies at one of them, before or after it was made."""
    left = [step]

    def deadly(real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            for made in (False, True):
                left[0] -= 1
                if left[0] == 0:
                    raise Killed
                if not made:
                    done = real(*arguments, **named)
            return done

        return call

    with patch.multiple(os, rename=deadly(os.rename), unlink=deadly(os.unlink), fsync=deadly(os.fsync)):
        yield


@pytest.mark.parametrize("content", [CONTENT, b"bad"])
@pytest.mark.parametrize("companion", ["rename", ".sm3", "{stem}.flag"])
async def test_it_may_die_at_any_step(tmp_path: Path, companion: str, content: bytes) -> None:
    for step in range(1, 200):
        place = Place(tmp_path / str(step), complete=companion, same_name="refuse")
        watcher = await place.begin()
        place.put("a.txt", content)
        if companion == ".sm3":
            place.put("a.txt.sm3", hashlib.new("sm3", content).hexdigest().encode())
        elif companion != "rename":
            place.put("a.flag", b"")
        try:
            with dying(step):
                await watcher.look()
            died = False
        except Killed:
            died = True
        again = await place.begin()
        await again.look()
        await again.look()
        assert place.names("in") == [".taking", "done", "rejected"]
        assert place.names("in/.taking") == []
        if content == b"bad":
            assert {code for code, _ in place.refused} == {"invalid"}
            kept = place.names("in/rejected")
            assert [n for n in kept if n.endswith(".txt") and "report" not in n][:1] == ["a.txt"]
            assert {"a.txt.report.json", "a.txt.report.txt"} <= set(kept)
        else:
            assert len(place.taking.effects) == 1, step
            assert place.refused == []
            assert place.names("in/done") == ["a.txt"]
            assert json.loads((place.root / "receipts/a.txt.receipt.json").read_bytes())["file"] == "a.txt"
        if not died:
            assert step > 8, "nothing was counted"
            return
    pytest.fail("it never came to an end")


async def test_nothing_is_refused_that_cannot_be_recorded(tmp_path: Path) -> None:
    place = Place(tmp_path, complete=".md5")
    place.put("a.txt")
    place.put("a.txt.md5", b"0")
    place.harness.inbox.error = Unavailable("库不可用", "no store")
    watcher = await place.begin()
    await watcher.look()
    assert place.names("in/rejected") == []
    place.harness.inbox.error = None
    await watcher.look()
    assert place.names("in/rejected") == ["a.txt", "a.txt.report.json", "a.txt.report.txt"]
