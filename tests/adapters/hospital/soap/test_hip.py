"""Style hip: registrations of patients by HIPMessageServer, answered by acknowledgements."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from adapters.hospital.simulator import invented
from adapters.hospital.simulator.texts import TextAnswer
from gateway.canonical.care import PatientRegistered, RegistrationUpdated
from gateway.contract import Reject, Unavailable
from tests.adapters.hospital.soap.texts import STYLES, body_of, hip
from tests.adapters.hospital.soap.world import CHINA, World, world


def refused(w: World, answer: TextAnswer, code: str, field: str, rule: str) -> None:
    assert (answer.soap.status, answer.soap.soap, answer.soap.fault) == (200, "1.2", False)
    assert answer.document["acknowledgement/typeCode"] == "AE"
    assert answer.text.startswith("<MCCI_IN000002UV01")
    text = answer.document["text/value"]
    assert f"[{code}]" in text
    assert field in text
    assert rule in text
    assert [(r.code, r.field, r.rule) for r in w.inbox.refused] == [(code, field, rule)]
    assert answer.document["extension"] == "refused-1"
    assert w.inbox.accepted == []


async def test_a_registration_is_taken(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES, region="990102") as w:
        speaks = hip(w)
        answer = await speaks.register(7)
        (inbound,) = w.inbox.accepted
    who, body = invented.person(7), inbound.body
    assert isinstance(body, PatientRegistered)
    assert (body.patient_no, body.patient_name, body.document_no) == ("P00000007", who.name, who.identity)
    assert body.birth_date == dt.date.fromisoformat(who.identity[6:14])
    assert body.registered_at == dt.datetime(2025, 1, 2, 9, 25, tzinfo=CHINA)
    assert (body.institution_code, body.treatment_region) == ("H99010100001", "990102")
    assert (inbound.partner_message_id, inbound.subject) == (speaks.hospital.msgid(7), None)
    assert inbound.mapping == "hospital.hip_patient_registered@1"
    assert answer.document["acknowledgement/typeCode"] == "AA"
    assert answer.document["extension"] == f"m-{speaks.hospital.msgid(7)}"
    assert speaks.hospital.msgid(7) in answer.text.partition("<targetMessage>")[2]
    assert 'typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE"><id><item' in answer.text
    assert answer.soap.element == "HIPMessageServerResponse"


async def test_an_update_is_taken(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES) as w:
        answer = await hip(w).update(7, message=8)
        (inbound,) = w.inbox.accepted
    assert isinstance(inbound.body, RegistrationUpdated)
    assert answer.document["acknowledgement/typeCode"] == "AA"


async def test_the_interaction_itself_is_an_action(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES) as w:
        speaks = hip(w)
        answer = await speaks.post("PRPA_IN201311UV02", speaks.document("PRPA_IN201311UV02", 7))
    assert answer.document["acknowledgement/typeCode"] == "AA"


async def test_the_same_message_has_one_effect(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES) as w:
        speaks = hip(w)
        await speaks.register(7)
        again = await speaks.register(7)
        assert again.document["acknowledgement/typeCode"] == "AA"
        assert "重复报文" in again.document["text/value"]
        other = speaks.document("PRPA_IN201311UV02", 8, message=7)
        answer = await speaks.post("PatientInfoRegister", other)
    assert answer.document["acknowledgement/typeCode"] == "AE"
    assert "duplicate-msgid" in answer.document["text/value"]


async def test_organisations_have_institutions(tmp_path: Path) -> None:
    block = {**STYLES, "hip": {"organisations": {"ORG1": "H99010100001"}, "result": "payload"}}
    async with world(tmp_path, block) as w:
        speaks = hip(w)
        text = speaks.document("PRPA_IN201311UV02", 7).replace('"H99010100001"', '"ORG1"')
        answer = await speaks.post("PatientInfoRegister", text)
        assert answer.document["acknowledgement/typeCode"] == "AA"
        assert body_of(w.inbox.accepted[0], PatientRegistered).institution_code == "H99010100001"
        assert b"<payload>" in answer.soap.raw


_PATIENT = "controlActProcess/subject/registrationRequest/subject1/patient"


@pytest.mark.parametrize(
    ("action", "old", "new", "code", "field", "rule"),
    [
        ("ProviderInfoRegister", "", "", "unknown-operation", "action", "action"),
        ("", "", "", "unknown-operation", "action", "action"),
        ("PatientInfoUpdate", "", "", "invalid", "message", "root"),
        ("PatientInfoRegister", "urn:hl7-org:v3\"", "urn:other\"", "invalid", "message", "root"),
        ("PatientInfoRegister", 'extension="PRPA_', 'extension="XRPA_', "invalid", "interactionId/@extension", "const"),
        ("PatientInfoRegister", 'code="1"', 'code="7"', "invalid", f"{_PATIENT}/patientPerson/administrativeGenderCode/@code", "code"),
        ("PatientInfoRegister", "P00000007", "", "invalid", f"{_PATIENT}/id/item/@extension", "missing"),
        ("PatientInfoRegister", "H99010100001\"/></id><name", "H99010199999\"/></id><name", "institution", "fixmedins_code", "institutions"),
        ("PatientInfoRegister", 'value="20250102093000"', 'value="2025-01-02"', "invalid", "creationTime/@value", "datetime"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named(
    tmp_path: Path, action: str, old: str, new: str, code: str, field: str, rule: str
) -> None:
    async with world(tmp_path, STYLES) as w:
        speaks = hip(w)
        text = speaks.document("PRPA_IN201311UV02", 7)
        assert old in text
        refused(w, await speaks.post(action, text.replace(old, new, 1)), code, field, rule)
        known = None if "urn:other" in new else speaks.hospital.msgid(7)
        assert w.inbox.refused[0].partner_message_id == known


async def test_no_value_comes_back(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES) as w:
        speaks = hip(w)
        text = speaks.document("PRPA_IN201311UV02", 7).replace("P00000007", "P" * 60)
        answer = await speaks.post("PatientInfoRegister", text)
        refused(w, answer, "invalid", f"{_PATIENT}/id/item/@extension", "length")
        assert "患者ID" in answer.document["text/value"]
        assert "PPPP" not in answer.text
        assert invented.person(7).identity not in str(w.harness.log.entries)


async def test_operations_that_are_not_open(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES, operations=["UpdateRegistration"]) as w:
        speaks = hip(w)
        refused(w, await speaks.register(7), "operation-not-allowed", "", "operations")
        assert (await speaks.update(7, 8)).document["acknowledgement/typeCode"] == "AA"


async def test_where_nothing_is_decided_it_is_a_fault(tmp_path: Path) -> None:
    async with world(tmp_path, STYLES) as w:
        w.inbox.error = Unavailable("存储不可用", "the store is down")
        answer = await hip(w).register(7)
        assert (answer.soap.status, answer.soap.code, answer.soap.soap) == (500, "unavailable", "1.2")


async def test_what_the_engine_does_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def accept(_inbound: object) -> None:
        raise Reject("没有路由", "no route", code="no-route")

    async with world(tmp_path, STYLES) as w:
        monkeypatch.setattr(w.inbox, "accept", accept)
        refused(w, await hip(w).register(7), "no-route", "", "")
