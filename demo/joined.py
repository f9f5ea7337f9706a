"""Agencies that joined by copying files: a market regulator by SOAP, an insurer by HTTP, and two folders."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from demo.stage import EXAMPLE, Stage, free_port, get, post
from gateway.canonical.organisation import check_character
from gateway.transports.http import HttpClient, HttpError
from gateway.transports.http.tif import sign
from gateway.transports.soap import PeerFault, Version, read_answer, wrap
from gateway.transports.soap.client import fields

JOINING = EXAMPLE / "examples" / "partner-without-code"
NAMESPACE = "urn:example:market-regulator:v1"


def credit_code(n: int) -> str:
    """The n-th invented organisation's unified social credit code."""
    body = f"91990101MA{n:07d}"
    return body + check_character(body)


class Joined:
    """The agencies of one play. Made after the stage is prepared and before the gateway starts."""

    def __init__(self, stage: Stage, reactor: Any, timeout: str = "2s") -> None:
        self.stage = stage
        self.folders = {name: stage.folder / "exchange" / name for name in ("civil-affairs", "enrolment")}
        self.folders["enrolment"].mkdir(parents=True)
        insurer, market = free_port(), free_port()
        self.control = f"http://127.0.0.1:{insurer}/_control"
        self.url = f"http://127.0.0.1:{market}/market"
        self.address = f"127.0.0.1:{insurer}"
        way: dict[str, Any] = {"base_url": f"http://{self.address}/group", "timeout": timeout}
        watched = {"path": str(self.folders["civil-affairs"]), "interval": "100ms"}
        stage.join(
            JOINING,
            {
                "market-regulator": {"settings": {"inbound": {"listen": f"127.0.0.1:{market}"}}},
                "civil-affairs": {"settings": {"inbound": watched}},
                "insurer": {"settings": {"outbound": way}},
                "enrolment": {"settings": {"outbound": {"path": str(self.folders["enrolment"])}}},
            },
        )
        self._http = HttpClient(reactor=reactor)

    def start(self) -> None:
        """The insurer, in a process of its own."""
        token = self.stage.secret("insurer")
        arguments = ("--listen", self.address, "--token", token)
        self.stage.start_agency(f"{self.control}/effects", "-m", "adapters.generic.simulator", *arguments)

    def fault(self, kind: str, count: int = 1) -> None:
        """Something to go wrong at the insurer."""
        post(f"{self.control}/faults", {"kind": kind, "count": count})

    def notices(self, source: str) -> list[dict[str, str]]:
        """What the insurer has in its books about one notice of an authority."""
        books: dict[str, dict[str, str]] = get(f"{self.control}/effects")["notices"]
        return [notice for notice in books.values() if notice["SourceNo"] == source]

    def received(self) -> int:
        """How many notices came to the insurer, repetitions included."""
        return int(get(f"{self.control}/effects")["received"])

    async def announce(
        self, number: str, code: str, change: str = "SL", name: str = "示例商贸有限公司"
    ) -> etree._Element:
        """The market regulator's SOAP request; its answer's payload.

        Raises:
            PeerFault: the gateway refuses it.
            HttpError: no answer.
        """
        entity = {
            "Uscc": code, "EntName": name, "EntType": "1", "Region": "990101", "Dom": "示例区一号路1号",
            "LegalName": "王示例", "IndustryCo": "5211", "EstDate": "20250106",
        }  # fmt: skip
        content = (
            f'<RegistrationNotice xmlns="{NAMESPACE}"><NoticeNo>{number}</NoticeNo>'
            f"<ChangeType>{change}</ChangeType><Entity>{_elements(entity)}</Entity>"
            "<EffectDate>20250106</EffectDate><RegOrg>示例区市场监督管理局</RegOrg></RegistrationNotice>"
        )
        token = self.stage.secret("market-regulator")
        signed = sign("demo-market", token, now=time.time(), random=os.urandom(16))
        headers = (*fields(Version.V11, f"{NAMESPACE}:AnnounceRegistration"), *signed)
        body = wrap(Version.V11, content.encode())
        return read_answer(
            await self._http.request("POST", self.url, headers=headers, body=body, timeout=10.0)
        )

    async def announce_until(self, number: str, code: str, sleep: Any, tries: int = 60) -> int:
        """Sends the same notice until it has a receipt, as partners do; how often it was sent."""
        for sent in range(1, tries + 1):
            try:
                await self.announce(number, code)
            except (HttpError, PeerFault):
                await sleep(0.25)
            else:
                return sent
        raise RuntimeError("no receipt")

    def put_file(self, name: str, content: bytes) -> None:
        """Civil affairs hands in a file: the content first, then its companion."""
        folder = self.folders["civil-affairs"]
        (folder / name).write_bytes(content)
        (folder / f"{name}.ok").touch()

    def enrolled(self) -> list[Path]:
        """The files that lie complete in the enrolment system's folder."""
        folder = self.folders["enrolment"]
        return [file for file in sorted(folder.glob("*.json")) if file.with_name(f"{file.name}.sm3").exists()]

    def clear_enrolment(self) -> None:
        """The enrolment system has taken its files."""
        for file in self.folders["enrolment"].iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()


def _elements(values: dict[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
