"""Bad input inside the text of a parameter: refused in the style's own way, bounded, on record."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from adapters.hospital.simulator.knobs import Knobs, Line
from adapters.hospital.simulator.texts import TextAnswer
from gateway.canonical.settlement import ClaimSubmitted
from gateway.contract import Inbound, Receipt
from tests.adapters.hospital.soap.texts import STYLES, body_of, hip, param_xml, soap
from tests.adapters.hospital.soap.world import World, world

_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><x>&c;</x>'
)
_EXTERNAL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><x>&e;</x>'
TEXTS = {
    "entity-bomb": _BOMB,
    "external-entity": _EXTERNAL,
    "doctype": "<!DOCTYPE x><x/>",
    "undeclared-entity": "<x>&nbsp;</x>",
    "nul": "<x>&#0;</x>",
    "control": "<x>&#8;</x>",
    "empty": "",
    "blank": "  \n ",
    "not-xml": "infno=2207",
    "truncated": "<x><infno>2207</in",
    "two-roots": "<x/><y/>",
    "too-deep": "<x>" * 100 + "</x>" * 100,
    "prefix": "<a:x/>",
    "lone-surrogate": "<x>&#xD800;</x>",
}


def refused(w: World, answer: TextAnswer, field: str) -> None:
    assert (answer.soap.status, answer.soap.fault) == (200, False)
    assert w.inbox.accepted == []
    (refusal,) = w.inbox.refused
    assert (refusal.code, refusal.field) == ("malformed", field)
    assert refusal.rule
    assert refusal.raw
    assert "refused-1" in answer.text


@pytest.mark.parametrize("text", TEXTS)
async def test_xml_in_the_parameter(tmp_path: Path, text: str) -> None:
    async with world(tmp_path, soap()) as w:
        answer = await param_xml(w).post(TEXTS[text])
        refused(w, answer, "paramXml")
        assert answer.document["infcode"] == "-1"
        assert "malformed" in answer.document["err_msg"]
        assert "/etc" not in answer.text
        assert "aaaa" not in answer.text


@pytest.mark.parametrize("text", TEXTS)
async def test_xml_in_the_message(tmp_path: Path, text: str) -> None:
    async with world(tmp_path, STYLES) as w:
        answer = await hip(w).post("PatientInfoRegister", TEXTS[text])
        refused(w, answer, "message")
        assert answer.document["acknowledgement/typeCode"] == "AE"


async def test_too_many_elements(tmp_path: Path) -> None:
    many = "<x>" + "<y/>" * 60_000 + "</x>"
    async with world(tmp_path, STYLES) as w:
        speaks = param_xml(w)
        answer = await speaks.post(many)  # the envelope's parser counts them, too
        assert (answer.soap.status, answer.soap.code) == (500, "malformed")
        escaped = speaks.message("").replace("<![CDATA[]]>", many.replace("<", "&lt;"))
        assert (await speaks.hospital.post(escaped.encode())).element == "AppCheckListResponse"
        assert [(r.code, r.field) for r in w.inbox.refused] == [("malformed", ""), ("malformed", "paramXml")]


@pytest.mark.parametrize("text", ["entity-bomb", "nul", "empty", "truncated"])
async def test_xml_in_the_text_of_an_esb_message(tmp_path: Path, text: str) -> None:
    async with world(tmp_path, soap(esb={})) as w:
        esb = f"<ESBEntry><MsgInfo><Msg><![CDATA[{TEXTS[text]}]]></Msg></MsgInfo></ESBEntry>"
        answer = await param_xml(w, "esb").post(esb)
        refused(w, answer, "MsgInfo/Msg")
        assert answer.document["RetCode"] == "0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"a":1,"a":2}',
        '{"a":NaN}',
        "[" * 200,
        '{"a":"\\ud800"}',
        '{"a":"\x85"',
        "<x/>",
    ],
)
async def test_json_in_the_parameter(tmp_path: Path, text: str) -> None:
    async with world(tmp_path, soap(content="json")) as w:
        answer = await param_xml(w, "json").post(text)
        assert (answer.soap.status, answer.document["infcode"]) == (200, "-1")
        assert [r.code in ("malformed", "invalid") for r in w.inbox.refused] == [True]
        assert w.inbox.accepted == []


@pytest.mark.parametrize(
    ("inner", "field", "rule"),
    [
        ("<x><infno a='1'>2207</infno></x>", "infno", "attribute"),
        ("<x>text<infno>2207</infno></x>", "", "shape"),
        ("<x><infno>2207</infno><infno>2208</infno></x>", "infno", "text"),
        ("<x><infno>2207<deep/></infno></x>", "infno", "shape"),
        ("<x><infno><deep>1</deep></infno></x>", "infno", "text"),
        ("<x/>", "paramXml", "shape"),
    ],
)
async def test_xml_that_is_no_transaction(tmp_path: Path, inner: str, field: str, rule: str) -> None:
    async with world(tmp_path, soap()) as w:
        answer = await param_xml(w).post(inner)
        assert answer.document["infcode"] == "-1"
        assert [(r.code, r.field, r.rule) for r in w.inbox.refused] == [("invalid", field, rule)]


async def test_the_declaration_within_is_not_believed(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES) as w:
        speaks = param_xml(w)
        inner = speaks.inner(speaks.settlement(7))
        for n, declared in enumerate(("GBK", "UTF-16", "no-such-encoding"), 7):
            text = inner.replace('"GBK"', f'"{declared}"').replace(
                speaks.hospital.msgid(7), speaks.hospital.msgid(n)
            )
            assert (await speaks.post(f"\n {text}")).document["infcode"] == "0"
        assert {body_of(i, ClaimSubmitted).operator_name for i in w.inbox.accepted} == {"示例员"}


async def test_cdata_within_cdata(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES) as w:
        speaks = param_xml(w)
        message = speaks.message(speaks.inner(speaks.settlement(7)))
        split = message.replace(">示例员<", "><![CDATA[示例员]]]]><![CDATA[><")
        assert (await speaks.hospital.post(split.encode())).status == 200
        assert body_of(w.inbox.accepted[0], ClaimSubmitted).operator_name == "示例员"
        careless = message.replace(">示例员<", "><![CDATA[示例员]]><")
        answer = await speaks.hospital.post(careless.encode())
        assert (answer.status, answer.code) == (500, "malformed")


async def test_elements_in_place_of_a_text(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES) as w:
        speaks = param_xml(w)
        message = speaks.message("").replace("<![CDATA[]]>", "<x><infno>2207</infno></x>")
        answer = await speaks.hospital.post(message.encode())
        assert answer.status == 200
        assert [(r.code, r.field, r.rule) for r in w.inbox.refused] == [("malformed", "paramXml", "text")]
        await speaks.hospital.post(speaks.message("").replace("paramXml", "other").encode())
        assert (w.inbox.refused[1].field, w.inbox.refused[1].rule) == ("paramXml", "parameter")


@pytest.mark.parametrize("limit", ["1MiB", "32MiB"])
async def test_twenty_megabytes(tmp_path: Path, limit: str) -> None:
    async with world(tmp_path, {**STYLES, "body_limit": limit}) as w:
        speaks = param_xml(w)
        began = time.monotonic()
        answer = await speaks.post(f"<x><infno>{'9' * 20_000_000}</infno></x>")
        assert time.monotonic() - began < 20
        assert answer.soap.status in (0, 413, 500)
        assert answer.soap.code in ("too-large", "malformed", "")
        assert [r.code in ("too-large", "malformed") for r in w.inbox.refused] == [True]
        assert w.inbox.accepted == []


async def test_a_text_beyond_the_bounds_of_a_field(tmp_path: Path) -> None:
    async with world(tmp_path, {**STYLES, "body_limit": "8MiB"}) as w:
        speaks = param_xml(w)
        tree = speaks.settlement(7)
        answer = await speaks.send({**tree, "opter_name": "示" * 1_000_000})
        assert answer.document["infcode"] == "-1"
        assert [(r.field, r.rule) for r in w.inbox.refused] == [("opter_name", "length")]


async def test_a_charset_that_is_not_the_declared_one(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES) as w:
        speaks = param_xml(w)
        message = speaks.message(speaks.inner(speaks.settlement(7)))
        (answer,) = await Line(speaks.hospital, Knobs(charset="gbk")).post(message)
        assert (answer.status, answer.code) == (500, "malformed")
        outer = message.replace('encoding="UTF-8"', 'encoding="GBK"', 1)
        (answer,) = await Line(speaks.hospital, Knobs(charset="gbk", declared="GBK")).post(outer)
        assert answer.status == 200
        assert [body_of(i, ClaimSubmitted).operator_name for i in w.inbox.accepted] == ["示例员"]


async def test_a_truncated_body(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES) as w:
        speaks = param_xml(w)
        message = speaks.message(speaks.inner(speaks.settlement(7)))
        (answer,) = await Line(speaks.hospital, Knobs(part=0.6)).post(message)
        assert (answer.status, answer.code) == (500, "malformed")
        assert w.inbox.accepted == []


@pytest.mark.parametrize("style", ["param-xml", "hip"])
async def test_copies_at_once_have_one_effect(tmp_path: Path, style: str) -> None:
    async with world(tmp_path, STYLES) as w:
        if style == "hip":
            speaker = hip(w)
            message = speaker.message("PatientInfoRegister", speaker.document("PRPA_IN201311UV02", 7))
        else:
            national = param_xml(w)
            message = national.message(national.inner(national.settlement(7)))
        hospital = w.hospital(soap="1.2" if style == "hip" else "1.1")
        answers = await Line(hospital, Knobs(copies=4)).post(message)
        assert {answer.status for answer in answers} == {200}
        assert len({inbound.partner_message_id for inbound in w.inbox.accepted}) == 1


@pytest.mark.parametrize("style", ["param-xml", "hip"])
async def test_a_dropped_reply_is_found_by_the_same_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    async with world(tmp_path, STYLES) as w:
        accept, waits = w.inbox.accept, [0.5]

        async def slow(inbound: Inbound) -> Receipt:
            receipt = await accept(inbound)
            if waits:
                await deferLater(reactor, waits.pop(), lambda: None)  # committed, and the reply is late
            return receipt

        monkeypatch.setattr(w.inbox, "accept", slow)
        if style == "hip":
            speaker = hip(w)
            message = speaker.message("PatientInfoRegister", speaker.document("PRPA_IN201311UV02", 7))
        else:
            national = param_xml(w)
            message = national.message(national.inner(national.settlement(7)))
        hospital = w.hospital(soap="1.2" if style == "hip" else "1.1")
        (lost,) = await Line(hospital, Knobs(give_up=0.2)).post(message)
        (found,) = await Line(hospital, Knobs()).post(message)
        assert (lost.status, found.status) == (0, 200)
        assert len({inbound.partner_message_id for inbound in w.inbox.accepted}) == 1
