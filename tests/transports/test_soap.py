"""SOAP both ways: faults in both versions, the service with foreign clients, the client with faults."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from lxml import etree
from twisted.internet.threads import deferToThread

from gateway.transports.http import Headers, HttpClient, HttpResponse, Request, Response
from gateway.transports.soap import (
    NotSoap,
    PeerFault,
    SoapFault,
    SoapRequest,
    SoapService,
    Version,
    call,
    load_wsdl,
    read_answer,
    wrap,
)
from tests.transports.claims import NS, PERSON, WSDL, XSD, schema, submit
from tests.transports.wire import serving
from tests.twisted_runner import sleep

FAULTS = "urn:test:fault"
REPLY = f'<submitResponse xmlns="{NS}"><number>{{}}</number></submitResponse>'


async def accept(soap: SoapRequest) -> bytes:
    await sleep(0)
    if soap.payload.findtext(f"{{{NS}}}code") == "B":
        raise SoapFault("Server", "暂停<受理>", "not open & not ready", subcode="closed", message_id="m-1")
    return REPLY.format(soap.action).encode()


def service(location: str = "http://t/claims", **options: Any) -> SoapService:
    settings: dict[str, Any] = {"operations": {f"{{{NS}}}submit": accept}, "schema": schema(), **options}
    return SoapService(
        wsdl=WSDL, location=location, fault_namespace=FAULTS, documents={"claims.xsd": XSD}, **settings
    )


def post(
    body: str | bytes, content_type: str = "text/xml; charset=utf-8", action: str = '"urn:submit"'
) -> Request:
    fields = {b"content-type": content_type.encode(), b"soapaction": action.encode()}
    data = body if isinstance(body, bytes) else body.encode()
    return Request(method="POST", path="/", query="", headers=Headers(fields), body=data)


async def answer(request: Request, **options: Any) -> Response:
    result = service(**options)(request)
    return result if isinstance(result, Response) else await result


def envelope(payload: str, version: Version = Version.V11, header: str = "") -> str:
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return f'<s:Envelope xmlns:s="{version.namespace}">{head}<s:Body>{payload}</s:Body></s:Envelope>'


def fault_of(response: Response) -> dict[str, str]:
    """The fault's texts by local name, read as a foreign client would."""
    root = etree.fromstring(response.body)
    return {etree.QName(node).localname: (node.text or "") for node in root.iter() if not len(node)}


# -- the service -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", Version)
async def test_request_and_reply(version: Version) -> None:
    content_type = version.content_type if version is Version.V11 else f'{version.media}; action="urn:submit"'
    response = await answer(post(envelope(submit(), version), content_type))
    assert (response.status, response.content_type) == (200, version.content_type)
    assert etree.fromstring(response.body)[0][0].findtext(f"{{{NS}}}number") == "urn:submit"


async def test_schema_violation_names_the_field_but_not_the_value() -> None:
    body = envelope(submit(PERSON.replace("001X", "00123456")))
    response = await answer(post(body))
    assert response.status == 500
    fault = fault_of(response)
    assert fault["faultcode"] == "soap:Client"
    assert fault["faultstring"].startswith(
        r"字段 submit/person/id（第2行）不符合格式 \d{17}[\dX] / field submit/person/id"
    )
    assert (fault["code"], fault["field"], fault["line"]) == ("schema", "submit/person/id", "2")
    assert fault["rule"] == r"pattern \d{17}[\dX]"
    assert b"00123456" not in response.body


async def test_fault_in_1_2() -> None:
    bad = await answer(
        post(envelope(submit(PERSON.replace("张三", "")), Version.V12), Version.V12.content_type)
    )
    assert bad.status == 400
    root = etree.fromstring(bad.body)
    names = {"s": Version.V12.namespace, "f": FAULTS}
    assert root.xpath("string(//s:Code/s:Value)", namespaces=names) == "soap:Sender"
    assert root.xpath("string(//s:Subcode/s:Value)", namespaces=names) == "q:schema"
    assert root.xpath("string(//s:Text[@xml:lang='zh'])", namespaces=names).startswith(
        "字段 submit/person/name"
    )
    assert root.xpath("string(//s:Text[@xml:lang='en'])", namespaces=names).startswith(
        "field submit/person/name"
    )
    assert root.xpath("string(//s:Detail/f:fault/f:rule)", namespaces=names) == "minLength 1"


async def test_fault_of_a_handler() -> None:
    for version in Version:
        body = envelope(submit().replace(">A<", ">B<"), version)
        response = await answer(post(body, version.content_type))
        assert response.status == 500
        assert "暂停&lt;受理&gt;".encode() in response.body
        assert fault_of(response)["message-id"] == "m-1"


@pytest.mark.parametrize(
    ("body", "code", "subcode"),
    [
        ("<a", "Client", "xml"),
        ("<!DOCTYPE a><a/>", "Client", "xml"),
        ("<a/>", "Client", "envelope"),
        ('<s:Envelope xmlns:s="urn:x"/>', "VersionMismatch", "version"),
        ("<Envelope/>", "VersionMismatch", "version"),
        (envelope(""), "Client", "body"),
        (envelope(submit() + submit()), "Client", "body"),
        (envelope("<x/>"), "Client", "unknown-operation"),
        (envelope(submit()).replace("</s:Body>", "</s:Body><s:Body/>"), "Client", "envelope"),
        (envelope(submit()).replace("<s:Body>", "<x/><s:Body>"), "Client", "envelope"),
    ],
)
async def test_refusals(body: str, code: str, subcode: str) -> None:
    response = await answer(post(body))
    fault = fault_of(response)
    assert response.status == 500
    assert (fault["faultcode"], fault["code"]) == (f"soap:{code}", subcode)
    assert " / " in fault["faultstring"]


@pytest.mark.parametrize("version", Version)
async def test_must_understand(version: Version) -> None:
    block = '<w:Security xmlns:w="urn:w" s:mustUnderstand="1"/>'
    refused = await answer(post(envelope(submit(), version, block), version.content_type))
    assert b":MustUnderstand<" in refused.body
    understood = await answer(
        post(envelope(submit(), version, block)), understood=frozenset({"{urn:w}Security"})
    )
    assert understood.status == 200
    other = block.replace("s:must", 's:actor="urn:else" s:role="urn:else" s:must')
    assert (await answer(post(envelope(submit(), version, other)))).status == 200
    optional = block.replace('"1"', '"0"')
    assert (await answer(post(envelope(submit(), version, optional)))).status == 200


async def test_encodings() -> None:
    body = '<?xml version="1.0" encoding="GBK"?>' + envelope(submit())
    assert (await answer(post(body.encode("gb18030"), "text/xml; charset=GBK"))).status == 200
    contradiction = await answer(post(body.encode("gb18030"), "text/xml; charset=utf-8"))
    assert fault_of(contradiction)["code"] == "xml"


async def test_http_side() -> None:
    assert (await answer(post(envelope(submit()), "application/json"))).status == 415
    put = Request(method="PUT", path="/", query="", headers=Headers({}), body=b"")
    assert (await answer(put)).status == 405

    async def get(query: str) -> Response:
        return await answer(Request(method="GET", path="/", query=query, headers=Headers({}), body=b""))

    assert b'location="http://t/claims"' in (await get("WSDL")).body
    assert (await get("xsd=claims.xsd")).body == XSD
    assert (await get("xsd=../secret")).status == 404
    assert (await get("")).status == 405


# -- foreign clients ---------------------------------------------------------------------------------------


async def test_zeep_as_a_client() -> None:
    def talk(port: int) -> list[Any]:
        session = requests.Session()
        session.trust_env = False
        client = zeep.Client(
            f"http://127.0.0.1:{port}/claims?wsdl", transport=zeep.Transport(session=session)
        )
        order = {
            "person": {"id": "990101199001010010", "name": "张三", "kind": "abc"},
            "code": "A",
            "amount": ["1.20", "3"],
            "day": "2026-01-31",
        }
        results: list[Any] = []
        for name in ("P11", "P12"):
            port_proxy = client.bind("Claims", name)
            results.append(port_proxy.submit(**order))
            with pytest.raises(zeep.exceptions.Fault) as caught:
                port_proxy.submit(**{**order, "code": "Z"})
            results.append(caught.value.message)
        session.close()
        return results

    def handler(request: Request) -> object:  # the port is known only once it listens
        return service(f"http://127.0.0.1:{port}/claims")(request)

    async with serving(handler) as (_, port):
        good11, bad11, good12, bad12 = await deferToThread(talk, port)
    assert (good11, good12) == ("urn:submit", "urn:submit")
    assert "字段 submit/code" in bad11
    assert "字段 submit/code" in bad12


async def test_stdlib_as_a_client() -> None:
    def talk(port: int) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("POST", "/", envelope(submit()).encode(), {"Content-Type": "text/xml"})
        response = connection.getresponse()
        result = response.status, response.read()
        connection.close()
        return result

    async with serving(service()) as (_, port):
        status, body = await deferToThread(talk, port)
    assert status == 200
    assert b"<number>None</number>" in body


# -- the client --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", Version)
async def test_call_and_peer_fault(version: Version) -> None:
    async with serving(service()) as (_, port):
        client = HttpClient()
        url = f"http://127.0.0.1:{port}/"
        reply = await call(client, url, submit().encode(), action="urn:submit", version=version)
        assert reply.findtext(f"{{{NS}}}number") == "urn:submit"
        with pytest.raises(PeerFault) as caught:
            await call(client, url, submit().replace(">A<", ">B<").encode(), version=version)
        client.close()
    assert caught.value.code == ("Server" if version is Version.V11 else "Receiver")
    assert caught.value.reason.startswith("暂停<受理>")
    assert caught.value.detail is not None
    assert "暂停" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"<html/>", b"<!DOCTYPE html><html/>", wrap(Version.V11, b"")])
def test_what_is_not_soap(body: bytes) -> None:
    with pytest.raises(NotSoap):
        read_answer(HttpResponse(502, Headers({b"content-type": b"text/html"}), body))


def test_wsdl_is_loaded_without_network(tmp_path: Path) -> None:
    (tmp_path / "claims.xsd").write_bytes(XSD)
    file = tmp_path / "claims.wsdl"
    file.write_bytes(WSDL.replace(b"{location}?xsd=claims.xsd", b"claims.xsd"))
    client = load_wsdl(file)
    assert client.get_element(f"{{{NS}}}submit").name == "submit"
    with pytest.raises(PermissionError):
        client.bind("Claims", "P11").submit(
            person={"id": "990101199001010010", "name": "张三", "kind": "abc"},
            code="A",
            amount="1",
            day="2026-01-31",
        )


@pytest.mark.parametrize("target", [b"http://127.0.0.1:9/x.xsd", b"../x.xsd", b"/etc/passwd"])
def test_wsdl_imports_stay_in_their_folder(tmp_path: Path, target: bytes) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "x.xsd").write_bytes(XSD)
    file = tmp_path / "in" / "claims.wsdl"
    file.write_bytes(WSDL.replace(b"{location}?xsd=claims.xsd", target))
    with pytest.raises(PermissionError):
        load_wsdl(file)
