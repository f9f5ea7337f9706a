"""What a hospital meets in business: acknowledgements, repetitions, waiting, refusals by the gateway."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import trustme

from adapters.hospital import adapter
from adapters.hospital.simulator.ward import STAY, UNDONE, Ward
from gateway.canonical import type_of
from gateway.canonical.care import Stay
from gateway.contract import Reject, Unavailable
from gateway.transports.http import ClientTls
from tests.adapters.hospital.hl7.world import FACE, INSTITUTIONS, START, world
from tests.twisted_runner import sleep

TYPES = {
    "ADT^A01": "care.patient.admitted.v1",
    "ADT^A02": "care.patient.transferred.v1",
    "ADT^A03": "care.patient.discharged.v1",
    "ADT^A08": "care.patient.updated.v1",
    "ADT^A11": "care.admission.cancelled.v1",
    "ADT^A13": "care.discharge.cancelled.v1",
    "ADT^A16": "care.patient.discharged.v1",
    "ADT^A25": "care.discharge.cancelled.v1",
    "DFT^P03": "care.charges.posted.v1",
    "ORU^R01": "care.result.reported.v1",
    "ZPI^PMI": "care.invoice.issued.v1",
}


@pytest.mark.parametrize("charset", ["gbk", "gb18030", "utf-8"])
@pytest.mark.parametrize("connection", ["persistent", "one-message"])
async def test_a_ward_is_reported(tmp_path: Path, charset: str, connection: str) -> None:
    async with world(tmp_path, connection=connection) as w:
        engine = w.engine(charset=charset, connection=connection)
        acks = {event: await engine.report(event, 3) for event in (*STAY, *UNDONE, "ADT^A11", "ZPI^PMI")}
        await engine.close()
    assert {(ack.code, ack.text) for ack in acks.values()} == {("AA", "成功")}
    taken = {i.partner_message_id: i for i in w.inbox.accepted}
    visit = engine.ward.visit(3)
    for event, ack in acks.items():
        message = engine.ward.message(event, 3)
        inbound = taken[f"DEMO/{message.control_id}"]
        assert ack.control_id == message.control_id
        assert ack.event == f"ACK^{event[4:]}"
        assert type_of(inbound.body) == TYPES[event]
        assert inbound.raw == message.data
        assert inbound.subject == inbound.ordering_key == visit
        assert inbound.region == "990101"
        assert inbound.mapping == f"hospital.hl7_{event.lower().replace('^', '_')}@1"
        assert isinstance(inbound.body, Stay)
        assert inbound.body.institution_code == "H99010100001"
        assert inbound.body.patient_name
        assert adapter.document(inbound.raw).startswith(b"MSH|")


async def test_the_message_says_its_charset_else_the_settings_do(tmp_path: Path) -> None:
    async with world(tmp_path, charset="utf-8") as w:
        engine = w.engine(charset="gbk")
        good = engine.ward.message("ADT^A01", 1)
        said = await engine.send(good)
        unsaid = await engine.send(good.with_("|CHN|GBK", "").with_(good.control_id, "X1"))
        engine.charset = "utf-8"
        other = Ward(START, charset="utf-8").message("ADT^A01", 2)
        silent = await engine.send(other.with_("|CHN|UTF-8", ""))
        await engine.close()
    assert (said.code, said.text) == ("AA", "成功")
    assert unsaid.code == "AE"
    assert (silent.code, silent.text) == ("AA", "成功")


async def test_a_chinese_facility_is_read_in_whichever_charset(tmp_path: Path) -> None:
    facilities = {"示例院": FACE["facilities"]["DEMO"]}
    async with world(tmp_path, facilities=facilities) as w:
        for charset in ("gbk", "utf-8"):
            engine = w.engine(charset=charset, ward=Ward(START, facility="示例院", charset=charset))
            assert (await engine.report("ADT^A01", 1)).code == "AA"
            await engine.close()
    assert len(w.inbox.accepted) == 2
    assert len(w.inbox.taken) == 1


async def test_a_repetition_has_one_effect_and_the_same_answer(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        engine = w.engine()
        first, again = await engine.report("ADT^A01"), await engine.report("ADT^A01")
        await engine.close()
    assert (first.code, again.code) == ("AA", "AA")
    assert len(w.inbox.taken) == 1


async def test_two_facilities_may_use_one_control_id(tmp_path: Path) -> None:
    common = {"institutions": ["H99010100001", "H99010100002"]}
    facilities = {**FACE["facilities"], "*": {"institution": "H99010100002", "name": "示例市第二人民医院"}}
    async with world(tmp_path, common=common, facilities=facilities) as w:
        engine = w.engine()
        message = engine.ward.message("ADT^A01")
        other = message.with_("|NHIS|DEMO|", "|NHIS|SECOND|")
        assert [(await engine.send(m)).code for m in (message, other)] == ["AA", "AA"]
        await engine.close()
    assert [getattr(i.body, "institution_code", "") for i in w.inbox.taken.values()] == [
        "H99010100001",
        "H99010100002",
    ]


async def test_nothing_is_said_while_nothing_can_be_committed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.error = Unavailable("存储忙", "the store is busy")
        engine = w.engine(repeats=5, pause=0.1)
        w.harness.context.reactor.callLater(0.25, setattr, w.inbox, "error", None)
        ack = await engine.report("ADT^A01")
        await engine.close()
    assert (ack.code, ack.attempts > 1) == ("AA", True)
    assert len(w.inbox.accepted) == 1


@pytest.mark.parametrize("code", ["AE", "AR"])
async def test_or_what_the_settings_say(tmp_path: Path, code: str) -> None:
    async with world(tmp_path, unavailable=code) as w:
        w.inbox.error = Unavailable("存储忙", "the store is busy")
        engine = w.engine()
        good, bad = await engine.report("ADT^A01"), await engine.attack("no-start")
        await engine.close()
    assert (good.code, bad.code) == (code, code)
    assert "稍后" in good.text


async def test_no_route_is_told(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.error = Reject("没有路由", "there is no route", code="no-route")
        engine = w.engine()
        message = engine.ward.message("ADT^A01")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(w.inbox, "refuse", _refused)
            ack = await engine.send(message)
        await engine.close()
    assert (ack.code, ack.text) == ("AR", "没有路由 / there is no route [r-1]")


async def _refused(_: object) -> str:
    return "r-1"


async def test_answers_that_are_not_wanted_are_not_given(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        engine = w.engine(timeout=0.3)
        message = engine.ward.message("ADT^A01")
        never = await engine.send(message.with_("|||AL|AL|", "|||NE|NE|"))
        errors = await engine.send(message.with_("|||AL|AL|", "|||ER|NE|"))
        bad = await engine.send(message.with_("|||AL|AL|", "|||ER|NE|").with_("ADT^A01", "ADT^A99"))
        await engine.close()
    assert [never.reason, errors.reason] == ["NoAnswer timeout"] * 2
    assert bad.code == "AR"
    assert len(w.inbox.taken) == 1


async def test_events_and_operations_can_be_closed(tmp_path: Path) -> None:
    async with world(
        tmp_path, events=["ADT^A01", "ADT^A02"], common={"operations": ["ReportAdmission"]}
    ) as w:
        engine = w.engine()
        acks = [await engine.report(event) for event in ("ADT^A01", "ADT^A02", "ADT^A03")]
        await engine.close()
    assert [ack.code for ack in acks] == ["AA", "AR", "AR"]
    assert [r.code for r in w.inbox.refused] == ["operation-not-allowed", "unknown-operation"]


async def test_a_quick_hospital_is_held_back_not_refused(tmp_path: Path) -> None:
    async with world(tmp_path, common={"rate_limit": {"per_second": 20, "burst": 1}}) as w:
        engine = w.engine()
        began = w.harness.clock.monotonic()
        acks = [await engine.report("ADT^A01", n) for n in range(5)]
        await engine.close()
    assert {ack.code for ack in acks} == {"AA"}
    assert w.harness.clock.monotonic() - began > 0.15
    assert w.inbox.refused == []


async def test_only_its_networks_are_let_in(tmp_path: Path) -> None:
    async with world(tmp_path, common={"clients": ["192.0.2.0/24"]}) as w:
        engine = w.engine(timeout=1.0)
        assert (await engine.report("ADT^A01")).code == ""
        await engine.close()
    assert w.inbox.accepted == []


async def test_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    tls = {"certificate": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}
    for connection in ("persistent", "one-message"):
        async with world(tmp_path, tls=tls, connection=connection) as w:
            engine = w.engine(tls=ClientTls(ca_file=tmp_path / "ca.pem"), connection=connection)
            acks = await engine.stay(0)
            plain = w.engine(timeout=1.0)
            refused = await plain.report("ADT^A01")
            await engine.close()
            await sleep(0.05)
        assert {ack.code for ack in acks} == {"AA"}
        assert refused.code == ""


@pytest.mark.parametrize(
    ("listen", "common", "good"),
    [
        ("127.0.0.1:2575", {}, True),
        ("0.0.0.0:2575", {}, False),
        ("0.0.0.0:2575", {"clients": ["10.1.0.0/16"]}, True),
    ],
)
def test_a_face_that_all_can_reach_must_say_who_may(listen: str, common: dict[str, Any], good: bool) -> None:
    settings = {"institutions": INSTITUTIONS, "hl7": {**FACE, "listen": listen}, **common}
    found = [p.path for p in adapter.problems(adapter.settings.model_validate(settings))]
    assert found == ([] if good else ["hl7.listen"])


def test_a_facility_must_be_one_of_the_institutions() -> None:
    facilities = {"DEMO": {"institution": "H99010100009", "name": "别家"}}
    settings = adapter.settings.model_validate(
        {"institutions": INSTITUTIONS, "hl7": {**FACE, "facilities": facilities}}
    )
    (problem,) = adapter.problems(settings)
    assert problem.path == "hl7.facilities.DEMO.institution"


async def test_nothing_personal_is_logged(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        engine = w.engine()
        for name in ("missing-field", "bad-time", "wrong-charset", "unknown-event"):
            await engine.attack(name)
        w.inbox.error = Unavailable("存储忙", "the store is busy")
        await engine.report("ADT^A01")
        await engine.close()
    said = repr(w.harness.log.entries) + repr([dataclasses.replace(r, raw=b"") for r in w.inbox.refused])
    assert "PatientNO" not in said
    assert "1395" not in said
