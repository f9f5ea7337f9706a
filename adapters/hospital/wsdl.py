"""The WSDL hospitals generate their clients from: document/literal, with a SOAP 1.1 and a SOAP 1.2 binding."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from adapters.hospital.documents import Call
from adapters.hospital.faults import NAMESPACE

_BINDINGS = {
    "soap11": "http://schemas.xmlsoap.org/wsdl/soap/",
    "soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
}
_HTTP = "http://schemas.xmlsoap.org/soap/http"
_LOCATION = "{location}"


def wsdl(calls: Iterable[Call], schema: etree._Element, titles: dict[str, str]) -> bytes:
    """The document, with a place for the address.

    Args:
        calls: the operations offered.
        schema: of all their elements.
        titles: what each operation is, for people.
    """
    calls = tuple(calls)
    elements = sorted({name for call in calls for name in (call.request, call.reply)} | {"Refused"})
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        f'<wsdl:definitions name="Hospital" targetNamespace="{NAMESPACE}" xmlns:hos="{NAMESPACE}"',
        ' xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"',
        *(f' xmlns:{prefix}="{uri}"' for prefix, uri in _BINDINGS.items()),
        "><wsdl:types>",
        etree.tostring(schema, encoding="unicode"),
        "</wsdl:types>",
        *(_message(name) for name in elements),
        '<wsdl:portType name="Hospital">',
        *(_offered(call, titles.get(call.operation, "")) for call in calls),
        "</wsdl:portType>",
        *(_binding(prefix, calls) for prefix in _BINDINGS),
        '<wsdl:service name="HospitalService">',
        *(_port(prefix) for prefix in _BINDINGS),
        "</wsdl:service></wsdl:definitions>\n",
    ]
    return "".join(parts).encode()


def located(document: bytes, location: str) -> bytes:
    """The document for those who reach the service at `location`."""
    return document.replace(quoteattr(_LOCATION).encode(), quoteattr(location).encode())


def _message(element: str) -> str:
    return f'<wsdl:message name="{element}"><wsdl:part name="body" element="hos:{element}"/></wsdl:message>'


def _offered(call: Call, title: str) -> str:
    return (
        f'<wsdl:operation name="{call.operation}"><wsdl:documentation>{escape(title)}</wsdl:documentation>'
        f'<wsdl:input message="hos:{call.request}"/><wsdl:output message="hos:{call.reply}"/>'
        '<wsdl:fault name="Refused" message="hos:Refused"/></wsdl:operation>'
    )


def _binding(prefix: str, calls: tuple[Call, ...]) -> str:
    body = f'<{prefix}:body use="literal"/>'
    operations = "".join(
        f'<wsdl:operation name="{call.operation}"><{prefix}:operation soapAction="{NAMESPACE}:{call.operation}"/>'
        f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output>"
        f'<wsdl:fault name="Refused"><{prefix}:fault name="Refused" use="literal"/></wsdl:fault></wsdl:operation>'
        for call in calls
    )
    return (
        f'<wsdl:binding name="Hospital_{prefix}" type="hos:Hospital">'
        f'<{prefix}:binding style="document" transport="{_HTTP}"/>{operations}</wsdl:binding>'
    )


def _port(prefix: str) -> str:
    return (
        f'<wsdl:port name="Hospital_{prefix}" binding="hos:Hospital_{prefix}">'
        f"<{prefix}:address location={quoteattr(_LOCATION)}/></wsdl:port>"
    )
