"""zeep, which knows nothing of us but the WSDLs, calls the styles with a text parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zeep
from lxml import etree
from twisted.internet.threads import deferToThread

from adapters.hospital.simulator.texts import Hip, ParamXml
from gateway.canonical.settlement import ClaimSubmitted
from gateway.transports.http import HttpClient
from tests.adapters.hospital.soap.test_foreign_client import Signed
from tests.adapters.hospital.soap.texts import STYLES, body_of, hip, param_xml, soap
from tests.adapters.hospital.soap.world import world


def service(url: str, style: str) -> Any:
    from requests import Session

    session = Session()
    session.auth = Signed()
    session.trust_env = False
    transport = zeep.Transport(  # type: ignore[no-untyped-call]
        session=session, timeout=10, operation_timeout=10
    )
    client = zeep.Client(f"{url}?wsdl={style}", transport=transport)  # type: ignore[no-untyped-call]
    return client.service


@pytest.mark.parametrize("qualified", [True, False])
async def test_param_xml(tmp_path: Path, qualified: bool) -> None:
    def call(url: str, speaks: ParamXml) -> tuple[str, str]:
        done = service(url, "param-xml").AppCheckList(paramXml=speaks.inner(speaks.settlement(7)))
        refused = service(url, "param-xml").AppCheckList(paramXml="<x>]]></x>")
        return done, refused

    async with world(tmp_path, soap(qualified=qualified)) as w:
        done, refused = await deferToThread(call, w.receiver.url, param_xml(w))
    assert etree.fromstring(done).findtext("infcode") == "0"
    assert etree.fromstring(refused).findtext("infcode") == "-1"


async def test_json_that_could_end_the_cdata(tmp_path: Path) -> None:
    def call(url: str, text: str) -> str:
        said: str = service(url, "param-xml").AppCheckList(paramXml=text)
        return said

    async with world(tmp_path, soap(content="json")) as w:
        speaks = param_xml(w, "json")
        tree = speaks.settlement(7)
        tree["input"]["data"]["exp_content"] = "a]]>b"
        said = await deferToThread(call, w.receiver.url, speaks.inner(tree))
        assert body_of(w.inbox.accepted[0], ClaimSubmitted).extra == "a]]>b"
    assert '"infcode":0' in said


async def test_hip(tmp_path: Path) -> None:
    def call(url: str, speaks: Hip) -> tuple[str, str]:
        document = speaks.document("PRPA_IN201311UV02", 7)
        server = service(url, "hip")
        return (
            server.HIPMessageServer(action="PatientInfoRegister", message=document),
            server.HIPMessageServer(action="PatientInfoMerge", message=document),
        )

    async with world(tmp_path, STYLES) as w:
        done, refused = await deferToThread(call, w.receiver.url, hip(w))
    said = [etree.fromstring(text) for text in (done, refused)]
    codes = [root.xpath("string(*[local-name()='acknowledgement']/@typeCode)") for root in said]
    assert codes == ["AA", "AE"]


async def test_each_style_has_its_wsdl(tmp_path: Path) -> None:
    async with world(tmp_path, {"styles": ["hip", "own"]}) as w:
        http = HttpClient()
        names = {}
        for query in ("wsdl", "wsdl=own", "wsdl=hip", "wsdl=param-xml"):
            response = await http.request("GET", f"{w.receiver.url}?{query}")
            names[query] = (
                etree.fromstring(response.body).get("name") if response.status == 200 else response.status
            )
        http.close()
    assert names == {"wsdl": "HIPMessageServer", "wsdl=own": "Hospital", "wsdl=hip": "HIPMessageServer", "wsdl=param-xml": 405}  # fmt: skip
