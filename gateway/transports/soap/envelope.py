"""SOAP 1.1 and 1.2 envelopes: taking requests apart, and wrapping answers.

POST /service                                   Content-Type: text/xml | application/soap+xml
<soap:Envelope>
  <soap:Header> blocks </soap:Header>           optional
  <soap:Body> exactly one payload element </soap:Body>
</soap:Envelope>
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from lxml import etree
from msgspec import Struct

from gateway.transports.http.messages import Request, media_type
from gateway.transports.soap.faults import SoapFault


class Version(Enum):
    """A SOAP version: its namespace and its media type."""

    V11 = ("1.1", "http://schemas.xmlsoap.org/soap/envelope/", "text/xml")
    V12 = ("1.2", "http://www.w3.org/2003/05/soap-envelope", "application/soap+xml")

    def __init__(self, label: str, namespace: str, media: str) -> None:
        self.label = label
        self.namespace = namespace
        self.media = media
        self.content_type = f"{media}; charset=utf-8"
        self.opening = f'<soap:Envelope xmlns:soap="{namespace}"><soap:Body>'.encode()


_BY_NAMESPACE: Final = {version.namespace: version for version in Version}
_BY_MEDIA: Final = {version.media: version for version in Version}
_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_CLOSING: Final = b"</soap:Body></soap:Envelope>"
_TRUE: Final = frozenset({"1", "true"})
_FOR_US: Final = frozenset(
    {
        "",
        "http://schemas.xmlsoap.org/soap/actor/next",
        "http://www.w3.org/2003/05/soap-envelope/role/next",
        "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
    }
)


class SoapRequest(Struct, frozen=True, eq=False, kw_only=True):
    """One SOAP request, taken apart.

    Attributes:
        payload: the only child of the Body.
        headers: the blocks of the Header.
        action: SOAPAction, or the `action` parameter of the Content-Type; None if not given.
        envelope: the root, for signature checks.
        http: what carried it: received bytes, peer, TLS subject, time.
    """

    version: Version
    payload: etree._Element
    headers: tuple[etree._Element, ...] = ()
    action: str | None = None
    envelope: etree._Element
    http: Request

    def __repr__(self) -> str:
        return f"<SoapRequest {self.version.label} {self.payload.tag}>"


def version_of_media(content_type: str) -> Version | None:
    """The version that a Content-Type stands for, None if it is not SOAP's."""
    return _BY_MEDIA.get(media_type(content_type)[0])


def read_envelope(
    root: etree._Element, http: Request, understood: frozenset[str] = frozenset()
) -> SoapRequest:
    """Take an envelope apart.

    Which version it is, the namespace alone decides: peers that announce the other version's Content-Type
    are common and harmless.

    Args:
        root: the parsed document.
        http: the request that carried it.
        understood: qualified names, `{namespace}local`, of header blocks that somebody behind us handles.

    Raises:
        SoapFault: VersionMismatch, MustUnderstand, or Client for any other shape.
    """
    name = etree.QName(root)
    version = _BY_NAMESPACE.get(name.namespace or "")
    if name.localname != "Envelope":
        raise SoapFault("Client", "不是SOAP报文", "not a SOAP envelope", subcode="envelope")
    if version is None:
        raise SoapFault("VersionMismatch", "不支持的SOAP版本", "unsupported SOAP version", subcode="version")
    header, body = _parts(root, version)
    blocks = tuple(header) if header is not None else ()
    for block in blocks:
        _check_understood(block, version, understood)
    if len(body) != 1:
        raise SoapFault(
            "Client",
            "SOAP Body中必须有且仅有一个元素",
            "the Body must hold exactly one element",
            subcode="body",
        )
    return SoapRequest(
        version=version, payload=body[0], headers=blocks, action=_action(http), envelope=root, http=http
    )


def _parts(root: etree._Element, version: Version) -> tuple[etree._Element | None, etree._Element]:
    header_tag, body_tag = f"{{{version.namespace}}}Header", f"{{{version.namespace}}}Body"
    match [child.tag for child in root]:
        case [only] if only == body_tag:
            return None, root[0]
        case [first, second] if first == header_tag and second == body_tag:
            return root[0], root[1]
    raise SoapFault(
        "Client",
        "SOAP Envelope只能依次包含Header（可省略）和Body",
        "an Envelope holds an optional Header and one Body, in this order",
        subcode="envelope",
    )


def _check_understood(block: etree._Element, version: Version, understood: frozenset[str]) -> None:
    namespace = version.namespace
    if (block.get(f"{{{namespace}}}mustUnderstand") or "").strip() not in _TRUE or block.tag in understood:
        return
    role = block.get(f"{{{namespace}}}{'actor' if version is Version.V11 else 'role'}") or ""
    if role.strip() in _FOR_US:
        name = etree.QName(block).localname
        raise SoapFault(
            "MustUnderstand", f"无法处理的SOAP头 {name}", f"header block {name} is not understood", field=name
        )


def _action(http: Request) -> str | None:
    if "soapaction" in http.headers:
        return http.headers.get("soapaction").strip().strip('"') or None
    return media_type(http.headers.get("content-type"))[1].get("action") or None


def wrap(version: Version, payload: bytes) -> bytes:
    """An envelope around a payload that is already serialised, in UTF-8 and without XML declaration."""
    return b"".join((_DECLARATION, version.opening, payload, _CLOSING))
