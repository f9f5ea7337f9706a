"""zeep, which knows nothing of us but the WSDL, calls every operation in both SOAP versions."""

from __future__ import annotations

import datetime as dt
import os
import time
from typing import Any

import pytest
import zeep
from lxml import etree
from requests import PreparedRequest, Session
from requests.auth import AuthBase
from twisted.internet.threads import deferToThread

from adapters.hospital.simulator import invented
from gateway.transports.http import HttpClient
from gateway.transports.http.tif import sign
from tests.adapters.hospital.soap.world import PAASID, TOKEN, world

START = dt.datetime(2025, 1, 2, 9, 0)


class Signed(AuthBase):
    """Signs what zeep posts."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers.update(dict(sign(PAASID, TOKEN, now=time.time(), random=os.urandom(16))))
        return request


def client(url: str, port: str) -> Any:
    session = Session()
    session.auth = Signed()
    session.trust_env = False
    transport = zeep.Transport(session=session, timeout=10, operation_timeout=10)
    return zeep.Client(f"{url}?wsdl", transport=transport, port_name=port).service


def claim(n: int) -> dict[str, Any]:
    fields: dict[str, Any] = dict(invented.claim(n, invented.msgid(n, START)))
    return {**fields, "feedetail": [dict(line) for line in invented.fee_lines(n)]}


def call_everything(url: str, port: str) -> dict[str, Any]:
    service = client(url, port)
    person = dict(invented.query(3, invented.msgid(3, START)))
    base = [dict(invented.header(invented.msgid(n, START))) for n in (4, 5)]
    return {
        "settle": service.SettleOutpatient(**claim(1)),
        "upload": service.UploadOutpatientSettlement(**claim(2)),
        "person": service.QueryPerson(**person),
        "cancel": service.CancelSettlement(**base[0], setl_id="A1", mdtrt_id="S1", psn_no="9901"),
        "reverse": service.ReverseSettlement(
            **base[1], psn_no="9901", omsgid=invented.msgid(1, START), oinfno="2207"
        ),
    }


@pytest.mark.parametrize("port", ["Hospital_soap11", "Hospital_soap12"])
async def test_every_operation(tmp_path, port: str) -> None:
    async with world(tmp_path) as w:
        w.inbox.references[invented.msgid(1, START)] = "T1"
        answers = await deferToThread(call_everything, w.receiver.url, port)
    assert answers["settle"].setl_id == "990101A0000000001"
    assert answers["upload"].state == "accepted"
    assert answers["person"].insuinfo[0].balc == "1200.50"
    assert answers["cancel"].setl_id == "990101A0000000002"
    assert answers["reverse"].omsgid == invented.msgid(1, START)
    assert [inbound.partner_message_id[-4:] for inbound in w.inbox.accepted] == [
        "0001",
        "0002",
        "0003",
        "0004",
        "0005",
    ]


@pytest.mark.parametrize("port", ["Hospital_soap11", "Hospital_soap12"])
async def test_a_fault_as_zeep_sees_it(tmp_path, port: str) -> None:
    def spoil(url: str) -> zeep.exceptions.Fault:
        with pytest.raises(zeep.exceptions.Fault) as caught:
            client(url, port).SettleOutpatient(**{**claim(1), "inscp_scp_amt": "0.01"})
        return caught.value

    async with world(tmp_path) as w:
        fault = await deferToThread(spoil, w.receiver.url)
    code = fault.detail.find(".//{urn:tongqu:hospital:v1}code")
    assert code.text == "invalid"
    assert fault.detail.find(".//{urn:tongqu:hospital:v1}field").text == "medfee_sumamt"


async def test_the_address_in_the_wsdl_is_the_one_it_was_asked_at(tmp_path) -> None:
    async with world(tmp_path) as w:
        url = w.receiver.url
        http = HttpClient()
        document = (await http.request("GET", f"{url}?WSDL")).body
        http.close()
    addresses = [e.get("location") for e in etree.fromstring(document).iter() if e.tag.endswith("}address")]
    assert addresses == [url] * 2


async def test_the_address_may_be_configured_and_closed_operations_are_not_offered(tmp_path) -> None:
    public = "https://gateway.example/hospital?a=1&b=2"
    async with world(tmp_path, soap={"public_url": public}, operations=["QueryPerson"]) as w:
        http = HttpClient()
        document = (await http.request("GET", f"{w.receiver.url}?wsdl")).body
        http.close()
    root = etree.fromstring(document)
    assert {e.get("location") for e in root.iter() if e.tag.endswith("}address")} == {public}
    operations = root.findall(".//{*}portType/{*}operation")
    assert [operation.get("name") for operation in operations] == ["QueryPerson"]
    assert operations[0].findtext("{*}documentation") == "人员信息查询 / Person query"
