"""A hospital's HL7 engine, the receiver, and an inbox that plays the rest of the gateway: over real sockets."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.hospital import adapter
from adapters.hospital.faces import Faces
from adapters.hospital.hl7.server import Hl7Server
from adapters.hospital.simulator.hl7 import HospitalEngine
from adapters.hospital.simulator.ward import Ward
from gateway.contract import Conflict, Inbound, Receipt
from tests.adapters.context import Harness, RecordingInbox

CHINA = dt.timezone(dt.timedelta(hours=8))
START = dt.datetime(2026, 3, 2, 8, tzinfo=CHINA)
FACE: dict[str, Any] = {
    "listen": "127.0.0.1:0",
    "facilities": {"DEMO": {"institution": "H99010100001", "name": "示例市第一人民医院"}},
    "arrival": "500ms",
}
INSTITUTIONS = ["H99010100001"]


class StrictInbox(RecordingInbox):
    """Refuses another message under a known id, as the engine does; by then nothing was accepted."""

    async def accept(self, inbound: Inbound) -> Receipt:
        known = [i for i in self.accepted if i.partner_message_id == inbound.partner_message_id]
        if known and known[0].body != inbound.body:
            raise Conflict("重复", "used before", code="duplicate-msgid")
        return await super().accept(inbound)

    @property
    def taken(self) -> dict[str, Inbound]:
        """What had an effect: each message once."""
        return {inbound.partner_message_id: inbound for inbound in self.accepted}


@dataclasses.dataclass
class World:
    harness: Harness
    inbox: StrictInbox
    face: Hl7Server

    def engine(self, **options: Any) -> HospitalEngine:
        ward = Ward(START, charset=options.get("charset", "gbk"))
        return HospitalEngine("127.0.0.1", self.face.port, **{"ward": ward, "timeout": 3.0, **options})


@asynccontextmanager
async def world(folder: Path, *, common: dict[str, Any] | None = None, **face: Any) -> AsyncIterator[World]:
    """A receiver that listens, with the given settings on top of `FACE`."""
    harness = Harness(folder, partner="hospital-1")
    inbox = StrictInbox(harness.message)
    context = dataclasses.replace(harness.context, inbox=inbox)
    settings = {"institutions": INSTITUTIONS, "hl7": {**FACE, **face}, **(common or {})}
    receiver = adapter.receiver(adapter.settings.model_validate(settings), context)
    assert isinstance(receiver, Faces)
    await receiver.start()
    try:
        (server,) = receiver.faces
        assert isinstance(server, Hl7Server)
        yield World(harness, inbox, server)
    finally:
        await receiver.stop()
