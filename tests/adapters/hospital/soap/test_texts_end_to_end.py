"""Both styles through a whole gateway: to the simulated platform and back, and into the store."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from twisted.internet import reactor

from adapters.hospital.simulator import invented
from adapters.hospital.simulator.knobs import Knobs, Line
from adapters.hospital.simulator.soap import HospitalSimulator
from adapters.hospital.simulator.texts import Hip, ParamXml, answered, transaction
from adapters.settlement.simulator import Options, Simulator
from gateway.engine.assembly import Gateway
from gateway.engine.config import lint, load
from tests.adapters.hospital.soap.world import PAASID, TOKEN
from tests.twisted_runner import sleep

_GATEWAY = """\
node: test
region: "990101"
data_dir: data
store: {{url: "sqlite:///{folder}/data/gateway.db", writer: thread}}
bus: {{kind: embedded}}
audit: {{origin: test.example/audit, checkpoint_interval: 200ms}}
admin: {{listen: "127.0.0.1:0"}}
"""
_HOSPITAL = """\
name: hospital-a
title: 示例医院
adapter: hospital
region: "990101"
settings:
  institutions: [H99010100001]
  reply_timeout: 15s
  operations: [QueryPerson, CancelSettlement, RegisterPatient]
  soap:
    listen: "127.0.0.1:{port}"
    styles: [param-xml, hip]
    param_xml: {{esb: {{fids: {{PS35017: "2208", BS20001: "1101"}}}}}}
    authentication: {{kind: x-tif, paasid: {paasid}, token: {token}}}
"""
_PROVINCE = """\
name: province
title: 示例省平台
adapter: settlement
region: "990000"
settings:
  base_url: "{url}"
  recer_sys_code: "01"
  tif: {{paasid: demo-app, token: DEMO-TOKEN-0001}}
  timeout: 2s
"""
_INDEX = """\
name: index
title: 示例患者主索引
adapter: generic
region: "990101"
settings:
  outbound: {{kind: folder, path: "{folder}/index", calls: {{PatientFile: {{name: "{{reference}}.json"}}}}}}
  operations:
    - name: PatientFile
      title: {{zh: 患者登记文件, en: Patient file}}
      direction: outbound
      type: care.patient.registered.v1
      request: "{folder}/patient.yaml"
      reference: "{{message_id}}"
      idempotent: true
      on_unknown: resend
"""
_PATIENT = """\
mapping: test.patient
version: 1
title: {zh: 患者, en: Patient}
canonical: care.patient.registered.v1
codec: {kind: json}
direction: encode
fields:
  - {at: hospital, to: institution_code, as: text(30), name: 机构}
  - {at: number, to: patient_no, as: text(50), personal: true, name: 患者ID}
  - {at: name, to: patient_name, as: text(50), name: 姓名}
elsewhere: [
  institution_name, treatment_region, operator_code, operator_name, extension, document_kind, document_no,
  sex, birth_date, phone, marital_state, ethnic_group, occupation, employer, contact_relation, contact_name,
  contact_phone, coverage_kind, registered_at, recorded_at,
]
"""
_ROUTES = """\
- {name: people, when: {type: "identity.*", from: "hospital-*"}, to: [province]}
- {name: bills, when: {type: "settlement.*", from: "hospital-*"}, to: [province]}
- {name: patients, when: {type: care.patient.registered.v1, from: "hospital-*"}, to: [index]}
"""


@asynccontextmanager
async def day(folder: Path) -> AsyncIterator[str]:
    """A platform and a gateway; the address of the hospital's service."""
    platform = await Simulator.start(reactor, Options())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "partners").mkdir()
    (folder / "data").mkdir()
    (folder / "gateway.yaml").write_text(_GATEWAY.format(folder=folder), encoding="utf-8")
    hospital = _HOSPITAL.format(port=port, paasid=PAASID, token=TOKEN)
    (folder / "partners" / "hospital-a.yaml").write_text(hospital, encoding="utf-8")
    (folder / "partners" / "province.yaml").write_text(_PROVINCE.format(url=platform.url), encoding="utf-8")
    (folder / "index").mkdir()
    (folder / "patient.yaml").write_text(_PATIENT, encoding="utf-8")
    (folder / "partners" / "index.yaml").write_text(_INDEX.format(folder=folder), encoding="utf-8")
    (folder / "routes.yaml").write_text(_ROUTES, encoding="utf-8")
    assert [str(problem) for problem in lint(folder)] == []
    gateway = Gateway(load(folder), reactor)
    await gateway.start()
    try:
        yield f"http://127.0.0.1:{port}/hospital"
    finally:
        await gateway.stop()
        await platform.stop()


async def test_a_person_is_found_and_a_cancellation_refused(tmp_path: Path) -> None:
    async with day(tmp_path) as url:
        hospital = HospitalSimulator(url, paasid=PAASID, token=TOKEN)
        found = await ParamXml(hospital, content="esb", fid="BS20001").query_person(3)
        again = await ParamXml(hospital, content="esb", fid="BS20001").query_person(3)
        facts = [("setl_id", "NONE"), ("mdtrt_id", "990101S000000000001"), ("psn_no", "9901000000000000001")]
        refused = await ParamXml(hospital, content="esb").cancel(4, facts)
        hospital.close()
    assert (found.document["RetCode"], found.document["infcode"]) == ("1", "0")
    assert found.document["psn_no"] == again.document["psn_no"]
    assert found.document["inf_refmsgid"][-10:] == again.document["inf_refmsgid"][-10:]
    assert (refused.document["RetCode"], refused.document["infcode"]) == ("0", "-1")


async def test_a_registration_is_taken_once(tmp_path: Path) -> None:
    async with day(tmp_path) as url:
        hospital = HospitalSimulator(url, paasid=PAASID, token=TOKEN, soap="1.2")
        speaks = Hip(hospital)
        taken, again = await speaks.register(7), await speaks.register(7)
        other = await speaks.post("PatientInfoRegister", speaks.document("PRPA_IN201311UV02", 8, message=7))
        update = await speaks.update(7, message=9)
        hospital.close()
        for _ in range(600):
            if files := list((tmp_path / "index").glob("*.json")):
                break
            await sleep(0.05)
    (file,) = files
    who = invented.person(7)
    assert json.loads(file.read_text()) == {
        "hospital": "H99010100001",
        "number": "P00000007",
        "name": who.name,
    }
    assert {a.document["acknowledgement/typeCode"] for a in (taken, again)} == {"AA"}
    assert taken.document["extension"] == again.document["extension"]  # one message
    assert other.document["acknowledgement/typeCode"] == "AE"
    assert "duplicate-msgid" in other.document["text/value"]
    assert update.document["acknowledgement/typeCode"] == "AE"
    assert "operation-not-allowed" in update.document["text/value"]


async def test_copies_at_once_are_one_message(tmp_path: Path) -> None:
    async with day(tmp_path) as url:
        hospital = HospitalSimulator(url, paasid=PAASID, token=TOKEN)
        speaks = ParamXml(hospital, content="esb", fid="BS20001")
        fields = invented.query(5, hospital.msgid(5))
        message = speaks.message(speaks.inner(transaction("1101", fields)))
        answers = [answered(answer) for answer in await Line(hospital, Knobs(copies=3)).post(message)]
        hospital.close()
    assert {answer.document["RetCode"] for answer in answers} == {"1"}
    assert len({answer.document["inf_refmsgid"][-10:] for answer in answers}) == 1
