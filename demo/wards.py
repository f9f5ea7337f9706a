"""A hospital that reports its stays by HL7, the agency's register of them, and the police, who are asked first."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from adapters.hospital.simulator import invented
from adapters.hospital.simulator.hl7 import HospitalEngine
from adapters.hospital.simulator.ward import Ward
from demo.stage import EXAMPLE, Stage, free_port, get, post

EVENTS = EXAMPLE / "examples" / "inpatient-events"
CHECK = EXAMPLE / "examples" / "admission-check"
_CHINA = dt.timezone(dt.timedelta(hours=8))

#: Patients of the ward: known to the police, known under another name, not known at all.
MATCH, MISMATCH, UNKNOWN = range(3)


class Wards:
    """The partners of one play. Made after the stage is prepared and before the gateway starts."""

    def __init__(self, stage: Stage, reactor: Any) -> None:
        self.stage = stage
        self.register = stage.folder / "exchange" / "register"
        self.register.mkdir(parents=True)
        self.port, police = free_port(), free_port()
        self.address = f"127.0.0.1:{police}"
        stage.join(
            EVENTS,
            {
                "hospital-b": {"settings": {"hl7": {"listen": f"127.0.0.1:{self.port}"}}},
                "inpatient-register": {"settings": {"outbound": {"path": str(self.register)}}},
            },
        )
        service = {"url": f"http://{self.address}/nciic"}
        stage.join(CHECK, {"police": {"settings": {"service": service}}}, before=True)
        ward = Ward(dt.datetime.now(_CHINA).replace(microsecond=0))
        self.engine = HospitalEngine("127.0.0.1", self.port, ward=ward, repeats=3, reactor=reactor)

    def start(self) -> None:
        """The police, in a process of their own."""
        licence = (self.stage.config / "secrets" / "police.licence").read_text(encoding="utf-8").strip()
        known = {MATCH: invented.person(MATCH).name, MISMATCH: "王别名"}
        people = [f"{invented.person(n).identity}:{name}" for n, name in known.items()]
        named = [part for person in people for part in ("--person", person)]
        options = ("--listen", self.address, "--licence", licence, "--people", "0", *named)
        self.stage.start_agency(
            f"http://{self.address}/_control/", "-m", "adapters.police.simulator", *options
        )

    def fault(self, kind: str, count: int = 1) -> None:
        """Something to go wrong at the police."""
        post(f"http://{self.address}/_control/faults", {"kind": kind, "dialect": "nciic", "count": count})

    def asked(self) -> dict[str, Any]:
        """What the police have been asked."""
        return get(f"http://{self.address}/_control/")

    def registered(self, patient: int) -> list[str]:
        """The events of a stay that lie complete in the register's folder, by kind."""
        visit = self.engine.ward.visit(patient)
        files = [f for f in sorted(self.register.glob("*.json")) if f.with_name(f"{f.name}.sm3").exists()]
        return [
            file.name.partition("-")[0]
            for file in files
            if visit in json.dumps(json.loads(file.read_bytes()))
        ]
