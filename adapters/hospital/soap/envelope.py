"""Whether what a hospital brings is SOAP at all."""

from __future__ import annotations

from lxml import etree

from adapters.hospital.faults import Fault
from adapters.hospital.soap.faults import EnvelopeFault
from gateway.transports.http import Request, media_type
from gateway.transports.soap import SoapFault, SoapRequest, Version, XmlError, parse
from gateway.transports.soap.envelope import read_envelope

_BY_MEDIA = {version.media: version for version in Version}


def announced(request: Request) -> Version:
    """The SOAP version its Content-Type stands for; 1.1 where it stands for none."""
    return _BY_MEDIA.get(media_type(request.headers.get("content-type"))[0], Version.V11)


def opened(request: Request, max_bytes: int) -> SoapRequest:
    """
    Raises:
        Fault: what is wrong, in the order content type, XML, SOAP.
    """
    media, parameters = media_type(request.headers.get("content-type"))
    if media not in _BY_MEDIA:
        zh = "Content-Type 应为 text/xml 或 application/soap+xml"
        en = "Content-Type must be text/xml or application/soap+xml"
        raise Fault(code="malformed", zh=zh, en=en, rule="content-type")
    try:
        root = parse(request.body, parameters.get("charset"), max_bytes=max_bytes)
    except XmlError as error:
        zh, _, en = str(error).partition(" / ")
        raise Fault(code="malformed", zh=zh, en=en, rule="xml", line=error.line) from None
    return _soap(root, request)


def _soap(root: etree._Element, request: Request) -> SoapRequest:
    try:
        return read_envelope(root, request)
    except SoapFault as error:
        namespace = etree.QName(root).namespace
        version = next((version for version in Version if version.namespace == namespace), None)
        raise _not_soap(error, version) from None


def _not_soap(error: SoapFault, version: Version | None) -> Fault:
    if error.code == "MustUnderstand":  # its text names the header, whose name is the sender's to choose
        zh, en = "含有必须处理而无法处理的 SOAP 头", "a header block that must be understood is not"
        return EnvelopeFault(
            code="malformed", zh=zh, en=en, side="MustUnderstand", rule="header", version=version
        )
    return EnvelopeFault(
        code="malformed",
        zh=error.reason_zh,
        en=error.reason_en,
        side=error.code,
        rule=error.subcode,
        version=version,
    )
