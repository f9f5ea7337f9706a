"""The example configuration with a real gateway: HL7 in, JSON files out, through store, audit log and bus."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import new
from pathlib import Path
from subprocess import STDOUT, Popen
from typing import IO, Any

import pytest
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from adapters.hospital import adapter
from adapters.hospital.simulator.hl7 import HospitalEngine
from adapters.hospital.simulator.hl7_attacks import ATTACKS, HARMLESS
from adapters.hospital.simulator.ward import STAY, Ward
from demo.stage import free_port
from gateway.audit.entry import decode
from gateway.contract.conformance import problems
from gateway.engine.assembly import Gateway
from gateway.engine.config import load
from gateway.store.api import Filter
from mappings import load as load_mapping
from mappings.testing import check_laws, check_samples
from tests.adapters.hospital.hl7.world import START
from tests.twisted_runner import sleep

EXAMPLE = Path(__file__).parents[4] / "config" / "examples" / "inpatient-events"
MAPPINGS = sorted((EXAMPLE / "mappings").glob("*.yaml"))
#: The results of examinations are nothing the register wants.
REPORTED = [event for event in STAY if event != "ORU^R01"]
KINDS = {"ry": "RY", "zk": "ZK", "bg": "BG", "fy": "FY", "cy": "CY", "qxry": "QXRY", "qxcy": "QXCY"}


@pytest.mark.parametrize("file", MAPPINGS, ids=lambda file: str(file.stem))
def test_the_examples_mappings_keep_their_laws(file: Path) -> None:
    mapping = load_mapping(file)
    assert check_samples(mapping) >= 1
    check_laws(mapping)


def test_the_example_conforms() -> None:
    assert problems(adapter, load(EXAMPLE).partners["hospital-b"].settings) == []


class Site:
    """A running gateway and the register's folder."""

    def __init__(self, gateway: Gateway | None, port: int, register: Path) -> None:
        self.gateway = gateway
        self.port = port
        self.register = register

    def engine(self, **options: Any) -> HospitalEngine:
        return HospitalEngine("127.0.0.1", self.port, **{"ward": Ward(START), "timeout": 5.0, **options})

    def files(self) -> list[dict[str, Any]]:
        """What the register got, in the order it came."""
        found = sorted(self.register.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        for file in found:
            said = file.with_name(f"{file.name}.sm3").read_text().split()
            assert said == [new("sm3", file.read_bytes()).hexdigest(), file.name]
        contents: list[dict[str, Any]] = [json.loads(file.read_bytes()) for file in found]
        assert all(KINDS[f.name.partition("-")[0]] == c["sjlx"] for f, c in zip(found, contents, strict=True))
        return contents

    async def until(self, true: Callable[[], bool], seconds: float = 60.0) -> None:
        for _ in range(int(seconds / 0.05)):
            if true():
                return
            await sleep(0.05)
        raise AssertionError("not in time")

    async def delivered(self, count: int) -> list[dict[str, Any]]:
        await self.until(lambda: len(list(self.register.glob("*.sm3"))) >= count)
        await sleep(0.2)  # one too many would come now
        return self.files()

    async def events(self) -> list[str]:
        """Of the audit log."""
        assert self.gateway is not None
        found = await self.gateway.store.find(Filter(limit=1000))
        source = self.gateway.store.audit_source()
        rows = [await deferToThread(source.find, one.message.id) for one in found]
        return [decode(entry).event for some in rows for _, _, entry in some]


def prepared(folder: Path, **face: str) -> tuple[Path, int, Path]:
    """The example in a folder of its own: its configuration, the port of HL7, the register's folder."""
    config, port = folder / "config" / "examples" / "inpatient-events", free_port()
    shutil.copytree(EXAMPLE, config, dirs_exist_ok=True)
    register = folder / "var" / "inpatient-events" / "exchange" / "register"
    register.mkdir(parents=True, exist_ok=True)
    partner = config / "partners" / "hospital-b.yaml"
    text = partner.read_text("utf-8").replace("127.0.0.1:2575", f"127.0.0.1:{port}")
    for old, wanted in face.items():
        assert f"{old}: " in text
        text = text.replace(f"    {old}: ", f"    {old}: {wanted} #")
    partner.write_text(text.replace("    listen:", "    arrival: 500ms\n    listen:"), "utf-8")
    gateway_file = config / "gateway.yaml"
    gateway_file.write_text(gateway_file.read_text("utf-8").replace(":8099", f":{free_port()}"), "utf-8")
    return config, port, register


@asynccontextmanager
async def site(folder: Path, **face: str) -> AsyncIterator[Site]:
    """The example at work; the same folder again is the same gateway restarted."""
    config, port, register = prepared(folder, **face)
    gateway = Gateway(load(config), reactor)
    await gateway.start()
    try:
        yield Site(gateway, port, register)
    finally:
        await gateway.stop()


@pytest.mark.parametrize("connection", ["persistent", "one-message"])
async def test_stays_reach_the_register_in_their_order(tmp_path: Path, connection: str) -> None:
    async with site(tmp_path, connection=connection) as here:
        engine = here.engine(connection=connection)
        for event in REPORTED:
            for patient in range(3):
                assert (await engine.report(event, patient)).code == "AA"
        assert (await engine.report("ORU^R01")).code == "AR"
        files = await here.delivered(18)
        await engine.close()
    assert len(files) == 18
    for patient in range(3):
        visit = engine.ward.visit(patient)
        of_visit = [file["sjlx"] for file in files if file["jzh"] == visit]
        assert of_visit == ["RY", "ZK", "BG", "FY", "CY", "CY"]
    assert {file["yljgbm"] for file in files} == {"H99010100002"}


async def test_what_comes_out_of_order_is_delivered_as_it_came(tmp_path: Path) -> None:
    """The hospital's order is its own: nothing is held back for an admission that may never come."""
    async with site(tmp_path) as here:
        engine = here.engine()
        for event in ("ADT^A03", "ADT^A01", "ADT^A13", "ADT^A25", "ADT^A11"):
            assert (await engine.report(event)).code == "AA"
        files = await here.delivered(5)
        await engine.close()
    assert [file["sjlx"] for file in files] == ["CY", "RY", "QXCY", "QXCY", "QXRY"]
    assert [file.get("yjs") for file in files] == ["1", None, "1", "0", None]


async def test_whatever_goes_wrong_has_no_effect_and_is_on_record(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        engine = here.engine()
        answers = {name: (await engine.attack(name)).code for name in ATTACKS}
        files = await here.delivered(len(HARMLESS) + 1)
        events = await here.events()
        good = await engine.report("ADT^A01", 90)
        await engine.close()
    assert {name for name, code in answers.items() if code == "AA"} == HARMLESS
    assert {name for name, code in answers.items() if not code} == {"half"}
    assert len(files) == len(HARMLESS) + 1  # and the first of the two messages under one id
    assert events.count("message.accepted") == len(HARMLESS) + 1
    assert good.code == "AA"


async def test_a_repetition_is_known_after_a_restart(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        engine = here.engine()
        assert (await engine.report("ADT^A01")).code == "AA"
        await here.delivered(1)
        await engine.close()
    async with site(tmp_path) as here:
        engine = here.engine()
        assert (await engine.report("ADT^A01")).code == "AA"
        conflicting = engine.ward.message("ADT^A01").with_("|I|", "|O|")
        assert (await engine.send(conflicting)).code == "AE"
        assert (await engine.report("ADT^A02")).code == "AA"
        files = await here.delivered(2)
        await engine.close()
    assert [file["sjlx"] for file in files] == ["RY", "ZK"]


class Killed:
    """The gateway in a process of its own, killed now and then without warning."""

    def __init__(self, config: Path, log: IO[bytes]) -> None:
        self._config = config
        self._log = log
        self.kills = 0
        self.process = self._start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.kills += 1
        self.process = self._start()

    def _start(self) -> Popen[bytes]:
        command = [sys.executable, "-m", "gateway", "run", "--config", str(self._config)]
        return Popen(command, stdout=self._log, stderr=STDOUT)


async def test_what_was_acknowledged_survives_kills(tmp_path: Path) -> None:
    """Killed three times while twenty patients are reported: in mid-message as likely as not."""
    config, port, register = prepared(tmp_path)
    engine = HospitalEngine("127.0.0.1", port, ward=Ward(START), timeout=5.0, repeats=200, pause=0.1)
    with (tmp_path / "log").open("wb") as log:
        gateway = Killed(config, log)
        try:
            acks = []
            for patient in range(20):
                if patient in (3, 9, 15):
                    engine.reactor.callLater(0.01, gateway.kill)
                acks += [await engine.report(event, patient) for event in REPORTED]
            files = await Site(None, port, register).delivered(len(acks))
        finally:
            gateway.process.terminate()
            await engine.close()
            await deferToThread(gateway.process.wait, 30)
    assert {ack.code for ack in acks} == {"AA"}
    assert gateway.kills == 3
    assert max(ack.attempts for ack in acks) > 1
    assert len(files) == len(acks)
    assert len({(file["jzh"], file["sjlx"], file.get("yjs")) for file in files}) == len(acks)
