"""Style param-xml: national transactions in a text parameter, as XML, as JSON and in an ESBEntry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.hospital.simulator.texts import TextAnswer
from gateway.canonical.identity import PersonQuery
from gateway.canonical.outpatient import OutpatientFeesUploaded
from gateway.canonical.refusal import RequestRefused
from gateway.canonical.settlement import ClaimSubmitted, ReversalRequested
from gateway.contract import Pending, Reject, Unavailable
from tests.adapters.hospital.soap.texts import body_of, param_xml, soap
from tests.adapters.hospital.soap.world import World, world

ESB = {"user": "HIS", "password": "DEMO-0001", "fids": {"PS35017": "2207"}}
SETTINGS: dict[str, dict[str, Any]] = {"xml": {}, "json": {"content": "json"}, "esb": {"esb": ESB}}


def hospital(w: World, content: str, **options: Any) -> Any:
    return param_xml(w, content, access=("HIS", "DEMO-0001"), **options)


def refused(w: World, answer: TextAnswer, code: str, field: str) -> None:
    """It was refused in the style's own way, is on record, and nothing was accepted."""
    assert (answer.soap.status, answer.soap.fault) == (200, False)
    assert answer.document["infcode"] == "-1"
    assert code in answer.document["err_msg"]
    assert "refused-1" in answer.document["err_msg"]
    assert [(r.code, r.field) for r in w.inbox.refused] == [(code, field)]
    assert w.inbox.accepted == []


@pytest.mark.parametrize("content", SETTINGS)
async def test_a_settlement_is_answered(tmp_path: Path, content: str) -> None:
    async with world(tmp_path, soap(**SETTINGS[content])) as w:
        speaks = hospital(w, content)
        answer = await speaks.settle(7)
        (inbound,) = w.inbox.accepted
        msgid = speaks.hospital.msgid(7)
    assert isinstance(inbound.body, ClaimSubmitted)
    assert (inbound.partner_message_id, inbound.mapping) == (msgid, "settlement.2207.input@1")
    assert inbound.subject == inbound.body.visit_id
    assert answer.document["infcode"] == "0"
    assert "990101A0000000001" in answer.text
    assert msgid in answer.text  # medins_setl_id is the hospital's own
    if content == "esb":
        assert (answer.document["RetCode"], answer.document["Fid"]) == ("1", "PS35017")
        assert answer.document["TargetSysCode"] == "S40"


@pytest.mark.parametrize("content", SETTINGS)
async def test_all_contents_mean_the_same(tmp_path: Path, content: str) -> None:
    async with world(tmp_path, soap(**SETTINGS["xml"])) as w:
        await hospital(w, "xml").settle(7)
        (first,) = w.inbox.accepted
    async with world(tmp_path, soap(**SETTINGS[content])) as w:
        await hospital(w, content).settle(7)
        assert w.inbox.accepted[0].body == first.body


async def test_rows_may_be_one(tmp_path: Path) -> None:
    async with world(tmp_path, soap()) as w:
        speaks = param_xml(w)
        w.inbox.answer = lambda _inbound: Pending(message_id="m-1", state="waiting")
        tree = speaks.settlement(3)
        line = {"feedetl_sn": "F1", "mdtrt_id": "S1", "psn_no": "P1", "chrg_bchno": "B1", "rx_circ_flag": "0"}
        line |= {"fee_ocur_time": "2025-01-02 09:00:00", "med_list_codg": "X1", "medins_list_codg": "D1"}
        line |= {"det_item_fee_sumamt": "25.60", "cnt": "2.0000", "pric": "12.800000", "bilg_dept_codg": "03"}
        line |= {
            "bilg_dept_name": "内科",
            "bilg_dr_codg": "D1",
            "bilg_dr_name": "示例医",
            "hosp_appr_flag": "1",
        }
        await speaks.send({**tree, "infno": "2204", "input": {"feedetail": [line]}})
        second = {**line, "feedetl_sn": "F2"}
        msgid = speaks.hospital.msgid(4)
        await speaks.send({**tree, "infno": "2204", "msgid": msgid, "input": {"feedetail": [line, second]}})
        assert [len(body_of(i, OutpatientFeesUploaded).fees) for i in w.inbox.accepted] == [1, 2]


@pytest.mark.parametrize(
    ("rows", "field", "rule"), [("<feedetail>abc</feedetail>", "feedetail", "shape"), ("<other/>", "", "")]
)
async def test_rows_that_are_none(tmp_path: Path, rows: str, field: str, rule: str) -> None:
    async with world(tmp_path, soap()) as w:
        speaks = param_xml(w)
        w.inbox.answer = lambda _inbound: Pending(message_id="m-1", state="waiting")
        tree = {**speaks.settlement(3), "infno": "2204", "input": {"feedetail": "@"}}
        text = speaks.inner(tree).replace("<feedetail>@</feedetail>", rows)
        await speaks.post(text)
        assert [(r.field, r.rule) for r in w.inbox.refused] == ([(field, rule)] if field else [])


async def test_the_same_message_has_one_effect(tmp_path: Path) -> None:
    async with world(tmp_path, soap()) as w:
        speaks = param_xml(w)
        first, again = await speaks.settle(7), await speaks.settle(7)
        assert first.document["setl_id"] == again.document["setl_id"]
        other = speaks.settlement(8) | {"msgid": speaks.hospital.msgid(7)}
        answer = await speaks.send(other)
    assert "duplicate-msgid" in answer.document["err_msg"]
    assert [r.code for r in w.inbox.refused] == ["duplicate-msgid"]


async def test_a_person_is_asked_for(tmp_path: Path) -> None:
    async with world(tmp_path, soap(content="json")) as w:
        answer = await param_xml(w, "json").query_person(3)
        (inbound,) = w.inbox.accepted
    assert isinstance(inbound.body, PersonQuery)
    assert (inbound.purpose, inbound.subject) == ("medical-visit", None)
    assert "insuinfo" in answer.text


async def test_a_reversal_names_the_original_by_the_hospitals_id(tmp_path: Path) -> None:
    async with world(tmp_path, soap()) as w:
        speaks = param_xml(w)
        original = speaks.hospital.msgid(1)
        w.inbox.references[original] = "T1"
        facts = [("psn_no", "9901"), ("omsgid", original), ("oinfno", "2207")]
        answer = await speaks.reverse(2, facts)
        (inbound,) = w.inbox.accepted
    assert isinstance(inbound.body, ReversalRequested)
    assert inbound.body.original_message_id == "T1"
    assert (answer.document["infcode"], answer.document["output"]) == ("0", "")


@pytest.mark.parametrize("content", SETTINGS)
async def test_what_the_platform_refuses(tmp_path: Path, content: str) -> None:
    no = RequestRefused(code="rejected", reason="余额不足", raw_code="-2", raw_text="余额不足")
    async with world(tmp_path, soap(**SETTINGS[content])) as w:
        w.inbox.answer = lambda _inbound: no
        answer = await hospital(w, content).settle(7)
    assert (answer.document["infcode"], answer.document["err_msg"]) == ("-2", "余额不足")
    if content == "esb":
        assert (answer.document["RetCode"], answer.document["RetCon"]) == ("0", "余额不足")


@pytest.mark.parametrize("content", SETTINGS)
@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"fixmedins_code": "H99010199999"}, "institution", "fixmedins_code"),
        ({"msgid": ""}, "invalid", "msgid"),
        ({"infno": "9999"}, "unknown-operation", "infno"),
        ({"inf_time": "2025"}, "invalid", "inf_time"),
        ({"psn_no": ""}, "invalid", "psn_no"),
        ({"medfee_sumamt": "12,34"}, "invalid", "medfee_sumamt"),
        ({"inscp_scp_amt": "0.01"}, "invalid", "medfee_sumamt"),
        ({"mdtrt_cert_type": "99"}, "invalid", "mdtrt_cert_type"),
    ],
)
async def test_what_is_wrong_is_named(
    tmp_path: Path, content: str, change: dict[str, str], code: str, field: str
) -> None:
    async with world(tmp_path, soap(**SETTINGS[content], msgid="free")) as w:
        speaks = hospital(w, content)
        tree = speaks.settlement(7)
        for name, value in change.items():
            (tree if name in tree else tree["input"]["data"])[name] = value
        answer = await speaks.send(tree)
        refused(w, answer, code, field)
        assert "12,34" not in answer.text
        if content == "esb":
            assert answer.document["RetCode"] == "0"
            assert code in answer.document["RetCon"]


async def test_operations_that_are_not_open(tmp_path: Path) -> None:
    async with world(tmp_path, soap(), operations=["QueryPerson"]) as w:
        speaks = param_xml(w)
        refused(w, await speaks.settle(1), "operation-not-allowed", "")
        assert (await speaks.query_person(2)).document["infcode"] == "0"


@pytest.mark.parametrize(
    ("options", "code", "field"),
    [
        ({"access": ("HIS", "wrong")}, "signature", "AccessControl"),
        ({"access": ("", "DEMO-0001")}, "signature", "AccessControl"),
        ({"fid": "PS00000"}, "invalid", "MessageHeader/Fid"),
    ],
)
async def test_the_esb_envelope_is_checked(
    tmp_path: Path, options: dict[str, Any], code: str, field: str
) -> None:
    async with world(tmp_path, soap(esb=ESB)) as w:
        answer = await param_xml(w, "esb", **{"access": ("HIS", "DEMO-0001"), **options}).settle(7)
        refused(w, answer, code, field)
        assert (answer.document["RetCode"], "DEMO-0001" in answer.text) == ("0", False)


@pytest.mark.parametrize(
    ("old", "new", "field", "rule"),
    [
        ("ESBEntry>", "Letter>", "ESBEntry", "root"),
        ("</MsgInfo>", "<Msg/></MsgInfo>", "MsgInfo/Msg", "one"),
        ("<MessageHeader><Fid>PS35017", "<MessageHeader><Fid>PS35018", "MessageHeader/Fid", "equal"),
    ],
)
async def test_the_esb_envelope_has_its_shape(
    tmp_path: Path, old: str, new: str, field: str, rule: str
) -> None:
    async with world(tmp_path, soap(esb={})) as w:
        speaks = param_xml(w, "esb")
        text = speaks.inner(speaks.settlement(7))
        assert old in text
        refused(w, await speaks.post(text.replace(old, new)), "invalid", field)
        assert w.inbox.refused[0].rule == rule


async def test_the_transaction_may_be_a_text_within_the_esb_entry(tmp_path: Path) -> None:
    async with world(tmp_path, soap(esb={})) as w:
        speaks = param_xml(w, "esb")
        text = speaks.inner(speaks.settlement(7))
        before, rest = text.split('<Msg action="insert">')
        inner, after = rest.split("</Msg>")
        answer = await speaks.post(f"{before}<Msg><![CDATA[{inner}]]></Msg>{after}")
        assert answer.document["RetCode"] == "1"
        assert w.inbox.accepted[0].partner_message_id == speaks.hospital.msgid(7)


@pytest.mark.parametrize("content", SETTINGS)
async def test_where_nothing_is_decided_there_is_no_answer_but_a_fault(tmp_path: Path, content: str) -> None:
    async with world(tmp_path, soap(**SETTINGS[content])) as w:
        w.inbox.answer = lambda _inbound: Pending(message_id="m-1", state="in-doubt")
        answer = await hospital(w, content).settle(7)
        assert (answer.soap.status, answer.soap.code, answer.text) == (500, "pending", "")
        w.inbox.error = Unavailable("存储不可用", "the store is down")
        answer = await hospital(w, content).settle(8)
        assert (answer.soap.status, answer.soap.code) == (500, "unavailable")


async def test_what_the_engine_does_not_take(tmp_path: Path) -> None:
    async with world(tmp_path, soap()) as w:
        w.inbox.answer = lambda _inbound: Reject("没有路由", "no route", code="no-route")
        answer = await param_xml(w).settle(7)
    assert "no-route" in answer.document["err_msg"]


async def test_names_are_settings(tmp_path: Path) -> None:
    names = {"operation": "Deal", "namespace": "http://tempuri.org/", "parameter": "in0"}
    async with world(tmp_path, soap(**names, qualified=False, root="output")) as w:
        speaks = param_xml(w, **names)
        answer = await speaks.settle(7)
        assert answer.soap.element == "DealResponse"
        assert b"<DealResult><![CDATA[<output>" in answer.soap.raw
        text = speaks.message(speaks.inner(speaks.settlement(8))).replace("ns:in0", "in0")
        assert (await speaks.hospital.post(text.encode())).element == "DealResponse"


async def test_an_operation_of_no_style(tmp_path: Path) -> None:
    async with world(tmp_path, {"styles": ["param-xml"]}) as w:
        answer = await w.hospital().settle(7)
        assert (answer.status, answer.code) == (500, "unknown-operation")
        assert [r.code for r in w.inbox.refused] == ["unknown-operation"]
        assert (await param_xml(w).settle(7)).document["infcode"] == "0"


async def test_a_signature_is_asked_for(tmp_path: Path) -> None:
    async with world(tmp_path, soap()) as w:
        speaks = param_xml(w)
        message = speaks.message(speaks.inner(speaks.settlement(7))).encode()
        await speaks.hospital.once(message, {"x-tif-signature": "0" * 64})
        assert [(r.code, r.partner_message_id) for r in w.inbox.refused] == [("signature", None)]
        assert w.inbox.accepted == []
