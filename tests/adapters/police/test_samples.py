"""The recorded exchanges: what is asked, the bytes that go out, the bytes that come back, and what they mean.

    canonical-asked.json   request.*   answer.*   canonical.json, or expected.json where there is no answer

Each is played over real HTTP: the far end holds the request against the recorded one, and answers what is recorded.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint

from adapters.police import adapter
from adapters.police.inbox import Parts
from adapters.police.sender import PoliceSender
from adapters.police.settings import PoliceSettings
from adapters.police.stored import document_of
from gateway.canonical import Body, type_of
from gateway.canonical.verification import PersonCheckAsked
from gateway.contract import Accepted, Outcome
from gateway.contract.conformance import canonical_sample, sample_cases
from gateway.transports.http import HttpServer, Request, Response
from tests.adapters.context import Harness
from tests.adapters.police.rig import PURPOSE, service

AT = dt.datetime(2026, 11, 20, 2, 15, tzinfo=dt.UTC)
SURVIVAL = {
    "service_id": "S10-00000300",
    "receive_service_id": "S10-00000299",
    "delivery": {"kind": "poll", "url": "http://127.0.0.1:9/next"},
}
CASES = sample_cases(adapter)
EXCHANGES = [case for case in CASES if (case / "canonical-asked.json").exists()]
PARTS = [case for case in CASES if case not in EXCHANGES]


def settings(kind: str, url: str) -> PoliceSettings:
    offered = {"survival": SURVIVAL} if kind == "json" else {}
    return PoliceSettings.model_validate({"service": service(kind, url, **offered)})


def one(case: Path, pattern: str) -> bytes:
    [file] = case.glob(pattern)
    return file.read_bytes()


def meaning(outcome: Outcome) -> dict[str, Any]:
    """As `expected.json` has it: the kind of outcome, and of its reason what is stable."""
    return {"outcome": type(outcome).__name__, "reason": getattr(outcome, "reason", "").split("：")[0]}


async def played(kind: str, asked: Body, answer: bytes, folder: Path) -> tuple[Outcome, bytes]:
    """The outcome, and the request that went out."""
    seen: list[bytes] = []

    def far_end(request: Request) -> Response:
        seen.append(request.body)
        return Response(200, answer, "application/json" if kind == "json" else "text/xml; charset=utf-8")

    server = HttpServer(far_end)
    endpoint: Any = TCP4ServerEndpoint
    port: Any = await server.listen(endpoint(reactor, 0, interface="127.0.0.1"))
    harness = Harness(folder, partner="police")
    harness.clock.fixed = AT
    sender = adapter.sender(settings(kind, f"http://127.0.0.1:{port.getHost().port}"), harness.context)
    assert isinstance(sender, PoliceSender)
    try:
        message = harness.message(asked, purpose=PURPOSE)
        outcome = await sender.send(message, await sender.prepare(message))
    finally:
        sender._channel.link.http.close()
        await sender._channel.memory.close()
        await server.stop()
    [sent] = seen
    return outcome, sent


@pytest.mark.parametrize("case", EXCHANGES, ids=[case.name for case in EXCHANGES])
async def test_exchange(case: Path, tmp_path: Path) -> None:
    asked = canonical_sample(case / "canonical-asked.json")
    answer = one(case, "answer.*")
    outcome, sent = await played(case.name.partition("-")[0], asked, answer, tmp_path)
    assert sent == one(case, "request.*")
    if (case / "expected.json").exists():
        assert meaning(outcome) == json.loads((case / "expected.json").read_text())
        return
    assert isinstance(outcome, Accepted)
    if outcome.reply is not None:
        assert outcome.reply == canonical_sample(case / "canonical.json")
    if isinstance(asked, PersonCheckAsked):
        assert outcome.raw == answer
        assert outcome.mapping is not None
        assert document_of(answer)[:1] in (b"<", b"{")


@pytest.mark.parametrize("case", PARTS, ids=[case.name for case in PARTS])
async def test_part_of_an_answer_to_a_roll(case: Path, tmp_path: Path) -> None:
    harness = Harness(tmp_path, partner="police")
    sender = adapter.sender(settings("json", "http://127.0.0.1:9"), harness.context)
    assert isinstance(sender, PoliceSender)
    await Parts(sender._channel).take(one(case, "part.*"))
    [inbound] = harness.inbox.accepted
    stored = msgspec.json.decode((case / "canonical.json").read_bytes())
    assert type_of(inbound.body) == stored["type"]
    assert inbound.body == canonical_sample(case / "canonical.json")


def test_there_are_enough() -> None:
    assert len(CASES) >= 15
    assert {case.name.partition("-")[0] for case in CASES} == {"nciic", "rbsp", "json"}
