"""A hospital that speaks the national interface, the receiver, and an inbox that plays the rest of the gateway."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from adapters.hospital import adapter
from adapters.hospital.faces import Faces
from adapters.hospital.national.server import NationalServer
from adapters.hospital.national.transactions import ROUTED
from adapters.hospital.simulator.national import NationalSimulator
from gateway.canonical import BODIES, Body
from gateway.contract import Inbound
from gateway.transports.http.listeners import Listeners
from mappings import SHIPPED
from tests.adapters.context import Harness
from tests.adapters.hospital.soap.world import StrictInbox

TOKEN = "DEMO-TOKEN-0001"
PAASID = "demo-hospital"
NATIONAL: dict[str, Any] = {
    "listen": "127.0.0.1:0",
    "path": "/fsi/api",
    "authentication": {"kind": "x-tif", "paasid": PAASID, "token": TOKEN},
    "sign_in": {"required": False},
}
SETTINGS: dict[str, Any] = {
    "institutions": ["H99010100001"],
    "reply_timeout": "5s",
    "national": NATIONAL,
}
SAMPLES = SHIPPED / "settlement" / "samples"


def good_input(infno: str) -> dict[str, Any]:
    """An input that the mapping's own samples call good."""
    name = ROUTED[infno].input.removeprefix("settlement.")
    tree: dict[str, Any] = json.loads((SAMPLES / name / "good" / "wire.json").read_bytes())
    return tree


def good_reply(infno: str) -> Body:
    """A reply that its output can say."""
    row = ROUTED[infno]
    kind = row.declared.reply
    assert kind is not None
    if row.output is None:
        done = {"raw_code": "0"}
        if infno == "2601":
            done["original_message_id"] = "T"
        return msgspec.convert(done, BODIES[kind])
    file = SAMPLES / row.output.removeprefix("settlement.") / "good" / "canonical.json"
    return msgspec.convert(json.loads(file.read_bytes()), BODIES[kind])


@dataclasses.dataclass
class World:
    harness: Harness
    inbox: StrictInbox
    server: NationalServer

    def hospital(self, **options: Any) -> NationalSimulator:
        return NationalSimulator(self.server.url, **{"paasid": PAASID, "token": TOKEN, **options})


def _no_answer(_: Inbound) -> Body:
    raise AssertionError("no answer was agreed")


@asynccontextmanager
async def world(
    folder: Path, national: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[World]:
    """A receiver that listens, with the given settings on top of `SETTINGS`; `national` on top of that block."""
    harness = Harness(folder, partner="hospital-1")
    inbox = StrictInbox(harness.message, _no_answer)
    listeners = Listeners(harness.context.reactor, grace=1.0)
    context = dataclasses.replace(harness.context, inbox=inbox, listeners=listeners)
    block = {"national": {**NATIONAL, **(national or {})}}
    faces = adapter.receiver(adapter.settings.model_validate({**SETTINGS, **block, **settings}), context)
    assert isinstance(faces, Faces)
    (server,) = faces.faces
    assert isinstance(server, NationalServer)
    await faces.start()
    try:
        yield World(harness, inbox, server)
    finally:
        await faces.stop()
