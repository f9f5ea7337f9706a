"""What a style of asking by SOAP is to the server, and what those with a text parameter share.

envelope ─► Style.asked ─► Talk.answer ─► the answer's payload
                              └─► Fault ─► (on record) ─► Talk.refusal: the style's own way of saying no
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from lxml import etree

from adapters.hospital.faults import Fault
from adapters.hospital.soap.faults import NOT_XML
from adapters.hospital.soap.settings import StyleName
from gateway.transports.http import Request, Response
from gateway.transports.soap import SoapRequest, XmlError, parse

_DECLARATION: Final = re.compile(r"\s*<\?xml\s[^>]*\?>")


class Talk(Protocol):
    """One request in one style."""

    async def answer(self) -> bytes:
        """The payload of the answer.

        Raises:
            Fault: there is none, or it is no.
            Unavailable: nothing was committed.
        """
        ...

    def msgid(self) -> str | None:
        """Of the request, as far as it has been read, for the record of a refusal."""
        ...

    def refusal(self, fault: Fault) -> Response:
        """What is said where there is no answer."""
        ...


class Style(Protocol):
    """One way of asking by SOAP."""

    name: StyleName

    def asked(self, request: Request, soap: SoapRequest) -> Talk | None:
        """None where the payload is not of this style."""
        ...

    def wsdl(self) -> bytes:
        """With `{location}` where the address belongs."""
        ...


def parameter(payload: etree._Element, name: str) -> str:
    """The text of a parameter, in the operation's namespace or in none: both are seen.

    Raises:
        Fault: `malformed`.
    """
    found = [child for child in payload if etree.QName(child).localname == name]
    own = {None, etree.QName(payload).namespace}
    if len(found) != 1 or etree.QName(found[0]).namespace not in own:
        zh, en = f"应有且仅有一个参数 {name}", f"there must be exactly one parameter {name}"
        raise Fault(code="malformed", zh=zh, en=en, field=name, rule="parameter")
    if len(found[0]):
        zh = f"参数 {name} 应为文本：内层报文放在 CDATA 中或转义"
        en = f"parameter {name} must be a text: put the document into CDATA, or escape it"
        raise Fault(code="malformed", zh=zh, en=en, field=name, rule="text")
    return found[0].text or ""


def document(text: str, name: str, max_bytes: int) -> etree._Element:
    """The root of a document that is a text within another one.

    Its declaration may name any encoding: what is text already is in none.

    Args:
        name: of the place it stands in.

    Raises:
        Fault: `malformed`.
    """
    declared = _DECLARATION.match(text)
    body = text[declared.end() if declared else 0 :].lstrip()
    try:
        return parse(body.encode("utf-8", "surrogatepass"), "utf-8", max_bytes=max_bytes)
    except XmlError as error:
        zh, _, en = str(error).partition(" / ")
        raise Fault(
            code="malformed",
            zh=f"{name} 内的报文：{zh}",
            en=f"the document in {name}: {en}",
            field=name,
            rule="xml",
            line=error.line,
        ) from None


def cdata(text: str) -> str:
    """A text as CDATA: what could end it is split, what XML cannot hold is replaced."""
    safe = NOT_XML.sub("\ufffd", text).replace("]]>", "]]]]><![CDATA[>")
    return f"<![CDATA[{safe}]]>"
