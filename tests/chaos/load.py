"""A hospital at work while everything breaks, and the reckoning afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from adapters.hospital.simulator import Answer, HospitalSimulator, invented
from demo.stage import HOSPITAL, Stage
from gateway.audit.entry import decode
from gateway.audit.verify import verify_log
from gateway.store import open_reader
from gateway.store.api import Filter
from tests.twisted_runner import sleep

FINAL = {"accepted", "rejected", "reversed"}
MOVING = ("pending", "sending", "waiting")
VISIBLE = FINAL | {"in-doubt", "dead"}


@dataclass
class Hospital:
    """Sends uploads and settlements, one after the other on several lines, and repeats what got no answer."""

    stage: Stage
    lines: int = 6
    answers: dict[int, Answer] = field(default_factory=dict)
    uploads: set[int] = field(default_factory=set)
    _open: bool = True
    _next: int = 0

    def __post_init__(self) -> None:
        self.simulator = HospitalSimulator(
            self.stage.url,
            paasid=self.stage.account(HOSPITAL, "soap", "authentication"),
            token=self.stage.secret(HOSPITAL),
            repeats=400,
            pause=0.1,
            timeout=8.0,
            reactor=reactor,
        )

    def start(self) -> Deferred[Any]:
        """Fires when `finish` was called and everything begun has its answer."""
        self._done = gatherResults([Deferred.fromCoroutine(self._line()) for _ in range(self.lines)])
        return self._done

    async def finish(self) -> None:
        """Begins nothing new, and waits for all answers."""
        self._open = False
        await self._done
        self.simulator.close()

    async def _line(self) -> None:
        while self._open:
            n = self._next
            self._next += 1
            if n % 3:
                self.uploads.add(n)
                self.answers[n] = await self.simulator.upload(n)
            else:
                self.answers[n] = await self.simulator.settle(n)


async def rest(stage: Stage, seconds: float = 60.0) -> Counter[str]:
    """Waits until nothing moves by itself any more; the states of all deliveries."""
    states: Counter[str] = Counter()
    for _ in range(int(seconds / 0.25)):
        states = count(stage)
        if not any(states[moving] for moving in MOVING) and not _resolving(stage):
            return states
        await sleep(0.25)
    return states


async def written(stage: Stage, seconds: float = 60.0) -> None:
    """Waits until a signed checkpoint of the audit log covers every entry that is there now."""
    with open_reader(stage.settings) as reader:
        [(entries,)] = reader.ask(lambda session: session.rows("SELECT count(*) FROM audit"))
    checkpoint = stage.folder / "audit" / "checkpoint"
    for _ in range(int(seconds / 0.1)):
        if checkpoint.exists() and int(checkpoint.read_text().splitlines()[1]) >= entries:
            return
        await sleep(0.1)
    raise AssertionError(f"no checkpoint covers {entries} entries")


def count(stage: Stage) -> Counter[str]:
    """How many deliveries are in which state."""
    states: Counter[str] = Counter()
    with open_reader(stage.settings) as reader:
        for (_, state), number in reader.counts().items():
            states[state] += number
    return states


def _resolving(stage: Stage) -> bool:
    with open_reader(stage.settings) as reader:
        doubtful = reader.find(Filter(state="in-doubt", limit=1000))
    return any(d.next_at is not None for found in doubtful for d in found.deliveries)


def reckon(stage: Stage, hospital: Hospital) -> dict[str, int]:
    """Compares what the hospital was told, what the store says, and the province's books.

    Raises:
        AssertionError: something was lost, happened twice, or is missing in the audit log.
    """
    effects = stage.effects()
    assert effects["double_effects"] == 0, effects["doubled"]
    in_force = Counter(s["mdtrt_id"] for s in effects["settlements"] if s["in_force"])
    assert not [visit for visit, times in in_force.items() if times > 1]
    audited = _audited(stage)
    seen = Counter[str]()
    with open_reader(stage.settings) as reader:
        for n, answer in hospital.answers.items():
            msgid = hospital.simulator.msgid(n)
            found = reader.by_partner_id(HOSPITAL, msgid)
            if found is None:
                assert answer.status == 0 or answer.fault, f"{msgid} was acknowledged and is gone"
                continue
            assert found.message.id in audited, f"{msgid} is not in the audit log"
            state = found.deliveries[0].state
            seen[state] += 1
            assert state in VISIBLE, f"{msgid} is {state}"
            times = in_force[f"{invented.REGION}S{n:012d}"]
            if state == "accepted":
                assert times == 1, f"{msgid} was delivered but has {times} settlements in force"
            elif state in FINAL:
                assert times == 0, f"{msgid} is {state} but has {times} settlements in force"
            if n not in hospital.uploads and answer.element == "OutpatientSettlementResult":
                assert state == "accepted", f"{msgid} was answered as settled and is {state}"
    return dict(seen)


def _audited(stage: Stage) -> set[str]:
    """The messages in the audit log, once the log itself has been verified by the stand-alone program."""
    folder = stage.folder / "audit"
    program = [sys.executable, "gateway/audit/verify.py", "log", str(folder), "--vkey", str(folder / "vkey")]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = verify_log(folder, (folder / "vkey").read_text())
    assert report.ok
    return {entry.message for entry in entries(folder) if entry.event == "message.accepted" and entry.message}


def entries(folder: Any) -> list[Any]:
    """Every entry of the log, read from its bundles alone."""
    found: dict[str, bytes] = {}
    for bundle in sorted((folder / "tile" / "entries").rglob("*")):
        if bundle.is_file():
            name = str(bundle.relative_to(folder)).split(".p/")[0]
            if len(bundle.read_bytes()) > len(found.get(name, b"")):
                found[name] = bundle.read_bytes()
    result = []
    for data in found.values():
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 2], "big")
            result.append(decode(data[at + 2 : at + 2 + length]))
            at += 2 + length
    return result
