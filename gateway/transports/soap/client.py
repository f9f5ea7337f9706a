"""Calling SOAP services: the pieces that outbound adapters need.

Bodies are built as bytes and read with lxml; zeep, which costs milliseconds per call, only reads WSDLs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import etree

from gateway.transports.http.client import HttpClient
from gateway.transports.http.messages import HttpResponse, media_type
from gateway.transports.soap.envelope import Version, wrap
from gateway.transports.soap.xml import XmlError, parse


class PeerFault(Exception):
    """The partner answered with a SOAP fault.

    Attributes:
        code: local name of its code: `Client`, `Server`, `Sender`, `Receiver`, …
        reason: its words, for the record and the console; they may quote our message, so not for logs.
        detail: its detail element, None without one.
    """

    def __init__(self, code: str, reason: str, detail: etree._Element | None) -> None:
        super().__init__(f"对方返回SOAP错误 {code} / the partner answered with a SOAP fault: {code}")
        self.code = code
        self.reason = reason
        self.detail = detail


class NotSoap(Exception):
    """The partner's answer is no SOAP envelope: whether it acted is unknown."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"对方应答不是SOAP报文 / the answer is not SOAP: HTTP {status}, {why}")
        self.status = status


async def call(
    http: HttpClient,
    url: str,
    payload: bytes,
    *,
    action: str = "",
    version: Version = Version.V11,
    timeout: float = 30.0,
) -> etree._Element:
    """Send `payload` in an envelope and return the payload element of the answer.

    Raises:
        HttpError: no usable answer; its type says whether the partner may have acted.
        PeerFault: the partner answered with a fault.
        NotSoap: it answered with something else.
    """
    body = wrap(version, payload)
    return read_answer(
        await http.request("POST", url, headers=fields(version, action), body=body, timeout=timeout)
    )


def fields(version: Version, action: str) -> tuple[tuple[str, str], ...]:
    """The header fields of a SOAP request."""
    if version is Version.V11:
        return (("Content-Type", version.content_type), ("SOAPAction", f'"{action}"'))
    parameter = f'; action="{action}"' if action else ""
    return (("Content-Type", version.content_type + parameter),)


def read_answer(response: HttpResponse) -> etree._Element:
    """The payload of an answer. Raises PeerFault and NotSoap."""
    charset = media_type(response.headers.get("content-type"))[1].get("charset")
    try:
        root = parse(response.body, charset, max_bytes=len(response.body))
    except XmlError as error:
        raise NotSoap(response.status, str(error)) from None
    for version in Version:
        body = root.find(f"{{{version.namespace}}}Body")
        if root.tag == f"{{{version.namespace}}}Envelope" and body is not None and len(body) == 1:
            return _payload(body[0], version)
    raise NotSoap(response.status, "no envelope with one body element")


def _payload(element: etree._Element, version: Version) -> etree._Element:
    namespace = version.namespace
    if element.tag != f"{{{namespace}}}Fault":
        return element
    if version is Version.V11:
        code, reason, detail = "faultcode", "faultstring", element.find("detail")
    else:
        code = f"{{{namespace}}}Code/{{{namespace}}}Value"
        reason = f"{{{namespace}}}Reason/{{{namespace}}}Text"
        detail = element.find(f"{{{namespace}}}Detail")
    name = (element.findtext(code) or "").strip().rpartition(":")[2]
    raise PeerFault(name, (element.findtext(reason) or "").strip(), detail)


def load_wsdl(path: Path) -> Any:
    """Read a WSDL and what it imports from its own folder; a `zeep.Client`, to inspect and to build with.

    Nothing is fetched and nothing can be sent: a partner's WSDL names addresses that must not be called
    at start-up, and sending belongs to `HttpClient`.

    Raises:
        PermissionError: the WSDL imports something from outside its folder.
    """
    import zeep  # noqa: PLC0415  a third of a second, and only outbound adapters need it

    from gateway.transports.soap.offline import OfflineTransport  # noqa: PLC0415  imports zeep too

    settings = zeep.Settings(forbid_dtd=True, forbid_entities=True)
    transport = OfflineTransport(path.parent)
    return zeep.Client(str(path.resolve()), transport=transport, settings=settings)  # type: ignore[no-untyped-call]
