"""The ways the example does not take: HTTP in, SOAP out, request and reply, credentials; real peers on loopback."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.generic import adapter
from adapters.generic.access import Hmac
from adapters.generic.settings import GenericSettings
from gateway.canonical.identity import PersonAnswer, PersonQuery
from gateway.canonical.refusal import RequestRefused
from gateway.contract import (
    Absent,
    Accepted,
    Conflict,
    Inbound,
    PartnerDown,
    Pending,
    Reject,
    Rejected,
    Reversed,
    Unavailable,
    Unknown,
)
from gateway.transports.http import HttpClient, HttpResponse, Request, Response
from gateway.transports.http.listeners import Listeners
from gateway.transports.soap import Version, parse, wrap
from mappings import SHIPPED, load
from tests.adapters.context import Harness
from tests.adapters.generic.test_samples import EXAMPLE

REGISTRATION = load(EXAMPLE / "mappings" / "civil.registration.yaml")
FILE = (EXAMPLE / "mappings" / "samples" / "civil.registration" / "good" / "wire.json").read_bytes()
ASKED = (SHIPPED / "hospital" / "samples" / "person_query" / "good" / "wire.xml").read_bytes()
TOLD = (SHIPPED / "hospital" / "samples" / "person_query_result" / "good" / "wire.xml").read_bytes()
QUERY = load(SHIPPED / "hospital" / "person_query.yaml")
RESULT = load(SHIPPED / "hospital" / "person_query_result.yaml")
NOBODY = {"kind": "none"}
REFUSALS = """\
mapping: test.refusal
version: 1
title: {zh: 拒绝, en: Refusal}
canonical: gateway.request.refused.v1
direction: encode
codec: {kind: json, root: data}
fields:
  - {at: code,    to: code,   as: text(40),  name: 代码}
  - {at: message, to: reason, as: text(400), name: 说明}
  - {at: field,   to: field,  as: text(200), name: 字段}
lossy:
  - {to: raw_code, why: 对方不需要}
  - {to: raw_text, why: 对方不需要}
"""


def notice(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Notice", "title": {"zh": "通知", "en": "Notice"}, "direction": "inbound",
        "type": "organisation.registration.changed.v1",
        "request": EXAMPLE / "mappings" / "civil.registration.yaml", "id": "notice_no", **changes,
    }  # fmt: skip


def question(direction: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Ask", "title": {"zh": "查询", "en": "Ask"}, "direction": direction, "style": "request-reply",
        "type": "identity.person.queried.v1", "reply_type": "identity.person.answered.v1",
        "request": "shipped:hospital/person_query", "reply": "shipped:hospital/person_query_result", **changes,
    }  # fmt: skip


@asynccontextmanager
async def receiving(
    folder: Path, operation: dict[str, Any], kind: str = "http", **way: Any
) -> AsyncIterator[tuple[Harness, Callable[..., Any]]]:
    """A partner that calls us, and how it posts."""
    inbound = {"kind": kind, "listen": "127.0.0.1:0", "path": "/in", "authentication": NOBODY, **way}
    harness = Harness(folder)
    object.__setattr__(harness.context, "listeners", Listeners())
    settings = GenericSettings.model_validate({"operations": [operation], "inbound": inbound})
    assert [problem.en for problem in adapter.problems(settings)] == []
    receiver: Any = adapter.receiver(settings, harness.context)
    await receiver.start()
    http = HttpClient()

    async def post(body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> HttpResponse:
        url = f"http://127.0.0.1:{receiver.port}/in"
        return await http.request("POST", url, headers=headers, body=body)

    try:
        yield harness, post
    finally:
        http.close()
        await receiver.stop()


async def test_a_document_by_http_has_a_receipt(tmp_path: Path) -> None:
    async with receiving(tmp_path, notice()) as (harness, post):
        first = await post(FILE)
        again = await post(FILE)
        assert (first.status, again.status) == (200, 200)
        assert b'"state":"accepted"' in first.body
        assert b'"state":"already-accepted"' in again.body
        assert harness.inbox.accepted[0].partner_message_id == "MZ20250001"


@pytest.mark.parametrize(
    ("body", "error", "status", "said"),
    [
        (b"{", None, 400, b'"rule":"syntax"'),
        (FILE.replace(b"2025-01-06", b"2025-13-06"), None, 400, b'"field":"data/sxrq"'),
        (FILE + b" " * 5000, None, 413, b'"code":"too-large"'),
        (FILE, Conflict("甲", "a", code="duplicate-msgid"), 409, b'"code":"duplicate-id"'),
        (FILE, Reject("甲", "a", code="no-route"), 400, b'"code":"no-route"'),
        (FILE, Unavailable("甲", "a"), 503, b'"code":"unavailable"'),
    ],
    ids=["syntax", "field", "large", "conflict", "route", "store"],
)
async def test_what_is_refused_by_http(
    tmp_path: Path, body: bytes, error: Exception | None, status: int, said: bytes
) -> None:
    async with receiving(tmp_path, notice(), body_limit=4096) as (harness, post):
        if error is not None:
            real = harness.inbox.accept

            async def failing(inbound: Inbound) -> Any:
                await real(inbound)
                raise error

            harness.inbox.accept = failing  # type: ignore[method-assign]
        answer = await post(body)
        assert answer.status == status
        assert said.replace(b"data/", b"") in answer.body.replace(b"data/", b"")
        assert len(harness.inbox.refused) == (0 if isinstance(error, Unavailable) else 1)
        assert b"2025-13-06" not in answer.body


async def test_a_refusal_in_the_partners_own_form(tmp_path: Path) -> None:
    mapping = tmp_path / "refusal.yaml"
    mapping.write_text(REFUSALS, encoding="utf-8")
    async with receiving(tmp_path, notice(refusal=mapping), refusal_status=200) as (harness, post):
        answer = await post(b"{}")
        assert answer.status == 200
        assert b'"code":"invalid"' in answer.body
        assert b'"message":"' in answer.body
        assert len(harness.inbox.refused) == 1


def basic(user: str, password: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"),)


@pytest.mark.parametrize(
    ("wanted", "good", "bad"),
    [
        ({"kind": "basic", "user": "u", "password": "p"}, basic("u", "p"), basic("u", "x")),
        ({"kind": "bearer", "token": "t"}, (("Authorization", "Bearer t"),), (("Authorization", "t"),)),
        ({"kind": "api-key", "api_key": "k"}, (("X-Api-Key", "k"),), ()),
    ],
    ids=["basic", "bearer", "api-key"],
)
async def test_credentials(tmp_path: Path, wanted: dict[str, Any], good: Any, bad: Any) -> None:
    async with receiving(tmp_path, notice(), authentication=wanted) as (harness, post):
        assert (await post(FILE, good)).status == 200
        assert (await post(FILE, bad)).status == 401
        assert [refusal.code for refusal in harness.inbox.refused] == ["denied"]


async def test_a_body_signature_holds_once_and_for_this_body(tmp_path: Path) -> None:
    wanted = Hmac.model_validate({"kind": "hmac", "secret": "s"})
    async with receiving(tmp_path, notice(), authentication=wanted.model_dump()) as (harness, post):
        stamp = str(int(time.time()))
        signed = (("X-Timestamp", stamp), ("X-Signature", wanted.sign(stamp, FILE)))
        assert (await post(FILE + b" ", signed)).status == 401
        assert (await post(FILE, signed)).status == 200
        assert (await post(FILE, signed)).status == 401
        assert [refusal.rule for refusal in harness.inbox.refused] == ["signature", "replay"]
        old = str(int(time.time()) - 1000)
        late = await post(FILE, (("X-Timestamp", old), ("X-Signature", wanted.sign(old, FILE))))
        assert (late.status, harness.inbox.refused[-1].rule) == (401, "clock")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RESULT.decode(TOLD), b"PersonQueryResult"),
        (Pending(message_id="m", state="sending"), b"<q:code>pending</q:code>"),
        (RequestRefused(code="rejected", reason="no", raw_code="-1"), b"<q:code>rejected</q:code>"),
    ],
    ids=["reply", "pending", "refused"],
)
async def test_a_question_by_soap(tmp_path: Path, answer: Any, said: bytes) -> None:
    headers = (("Content-Type", "text/xml"),)
    async with receiving(tmp_path, question("inbound", id="msgid"), kind="soap") as (harness, post):
        harness.inbox.answer = lambda _: answer
        reply = await post(wrap(Version.V11, ASKED), headers)
        assert said in reply.body
        assert isinstance(harness.inbox.accepted[0].body, PersonQuery)
        assert harness.inbox.refused == []
        for body in (
            b"<a",
            wrap(Version.V11, b"<x/>"),
            wrap(Version.V12, ASKED.replace(b"psn_name", b"other")),
        ):
            assert b"message-id>refused-" in (await post(body, headers)).body
        assert [r.code for r in harness.inbox.refused] == ["malformed", "unknown-operation", "invalid"]


@asynccontextmanager
async def sending(
    folder: Path, answer: Callable[[Request], Response], **way: Any
) -> AsyncIterator[tuple[Harness, Any, Any]]:
    """A partner that we call by SOAP; the sender, and what it prepared."""
    listeners = Listeners()
    mount = await listeners.mount("127.0.0.1:0", "/svc", answer)
    outbound = {"kind": "soap", "base_url": f"http://127.0.0.1:{mount.port}/svc", "timeout": "2s", **way}
    operation = question("outbound", envelope={"msgid": "{reference}"}, reference="M{serial:6}")
    settings = GenericSettings.model_validate({"operations": [operation], "outbound": outbound})
    assert [problem.en for problem in adapter.problems(settings)] == []
    harness = Harness(folder)
    sender = adapter.sender(settings, harness.context)
    assert sender is not None
    message = harness.message(QUERY.decode(ASKED))
    prepared = await sender.prepare(message)
    assert prepared.reference == "M000001"
    assert b"<msgid>M000001</msgid>" in prepared.content
    try:
        yield harness, await _outcome(sender, message, prepared), prepared
    finally:
        await mount.unmount()


async def _outcome(sender: Any, message: Any, prepared: Any) -> Any:
    try:
        return await sender.send(message, prepared)
    except PartnerDown as down:
        return down


def soap(payload: bytes, status: int = 200) -> Response:
    return Response(status, wrap(Version.V11, payload), "text/xml")


FAULT = b"<soap:Fault><faultcode>soap:%s</faultcode><faultstring>no</faultstring></soap:Fault>"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (soap(TOLD), Accepted),
        (soap(TOLD.replace(b"PersonQueryResult", b"Other")), Unknown),
        (soap(FAULT % b"Client", 500), Rejected),
        (soap(FAULT % b"Server", 500), Unknown),
        (Response(200, b"<html>"), Unknown),
        (Response(502, b""), Unknown),
    ],
    ids=["reply", "other", "client-fault", "server-fault", "html", "502"],
)
async def test_answers_by_soap(tmp_path: Path, answer: Response, expected: type) -> None:
    seen: list[Request] = []

    def peer(request: Request) -> Response:
        seen.append(request)
        return answer

    calls = {"Ask": {"action": "urn:x:Ask"}}
    async with sending(tmp_path, peer, rejecting_faults=["Client"], calls=calls) as (_, outcome, _prepared):
        assert type(outcome) is expected
        if isinstance(outcome, Accepted):
            assert isinstance(outcome.reply, PersonAnswer)
        assert seen[0].headers.get("soapaction") == '"urn:x:Ask"'
        assert parse(seen[0].body, None, max_bytes=1 << 20) is not None


async def test_nobody_there_is_certainly_nothing_sent(tmp_path: Path) -> None:
    way = {"base_url": "http://127.0.0.1:1/svc"}
    async with sending(tmp_path, lambda _: Response(), **way) as (_, outcome, _prepared):
        assert isinstance(outcome, PartnerDown)


async def test_the_connection_test_names_the_step(tmp_path: Path) -> None:
    for url, names in (
        ("http://127.0.0.1:1/", ["settings", "dns", "tcp"]),
        ("http://no.invalid/", ["settings", "dns"]),
    ):
        settings = GenericSettings.model_validate(
            {
                "operations": [question("outbound", envelope={"msgid": "{reference}"})],
                "outbound": {"kind": "soap", "base_url": url},
            }
        )
        checker = adapter.checker(settings, Harness(tmp_path).context)
        assert checker is not None
        steps = [step async for step in checker.check()]
        assert [step.name for step in steps] == names
        assert [step.ok for step in steps] == [True] * (len(names) - 1) + [False]


@pytest.mark.parametrize(
    ("code", "query", "reverse"),
    [("0", Accepted, Reversed), ("4", Absent, Unknown), ("7", Rejected, Rejected), ("9", Unknown, Unknown)],
)
async def test_a_doubt_is_asked_about_and_taken_back(
    tmp_path: Path, code: str, query: type, reverse: type
) -> None:
    seen: list[Request] = []

    def peer(request: Request) -> Response:
        seen.append(request)
        return Response(200, b'{"code": "%s"}' % code.encode(), "application/json")

    listeners = Listeners()
    mount = await listeners.mount("127.0.0.1:0", "/svc/", peer)
    asked = {
        "mapping": EXAMPLE / "mappings" / "insurer.query.yaml",
        "envelope": {"RequestNo": "{reference}"},
        "answer": {"format": "json", "at": "code", "accepted": ["0"], "absent": ["4"], "rejected": ["7"]},
    }
    operation = {
        "name": "Out", "title": {"zh": "送出", "en": "Out"}, "direction": "outbound", "moves_money": True,
        "type": "organisation.registration.changed.v1",
        "request": EXAMPLE / "mappings" / "enrolment.organisation.yaml",
        "on_unknown": "reverse", "query": asked, "reversal": asked,
    }  # fmt: skip
    outbound = {
        "kind": "http",
        "base_url": f"http://127.0.0.1:{mount.port}/svc",
        "calls": {"Out": {"path": "/do"}, "Out.query": {"path": "/ask"}, "Out.reversal": {"path": "/undo"}},
    }
    settings = GenericSettings.model_validate({"operations": [operation], "outbound": outbound})
    assert [problem.en for problem in adapter.problems(settings)] == []
    harness = Harness(tmp_path)
    resolver: Any = adapter.resolver(settings, harness.context)
    sender: Any = adapter.sender(settings, harness.context)
    assert resolver is sender
    message = harness.message(REGISTRATION.decode(FILE))
    prepared = await sender.prepare(message)
    try:
        assert type(await resolver.query(message, prepared)) is query
        assert type(await resolver.reverse(message, prepared)) is reverse
    finally:
        await mount.unmount()
    assert [request.path for request in seen] == ["/svc/ask", "/svc/undo"]
    assert all(prepared.reference.encode() in request.body for request in seen)
