"""WSDL 1.1, document/literal, with bindings of SOAP 1.1 and 1.2: what partners generate their clients from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

_BINDINGS: Final = {
    "soap11": "http://schemas.xmlsoap.org/wsdl/soap/",
    "soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
}
_HTTP: Final = "http://schemas.xmlsoap.org/soap/http"


@dataclass(frozen=True, slots=True)
class Described:
    """One operation as a WSDL shows it."""

    name: str
    title: str  #: for people
    request: str  #: element of the schema
    reply: str


@dataclass(frozen=True, slots=True)
class Service:
    """A service as a WSDL shows it."""

    name: str
    namespace: str
    prefix: str
    fault: str  #: element in the detail of its faults; empty where none is declared
    operations: tuple[Described, ...]
    bindings: tuple[str, ...] = tuple(_BINDINGS)

    def wsdl(self, schema: etree._Element) -> bytes:
        """The document, with `{location}` where the address belongs.

        Args:
            schema: of all elements the operations name.
        """
        elements = sorted({n for o in self.operations for n in (o.request, o.reply, self.fault) if n})
        parts = [
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            f'<wsdl:definitions name="{self.name}" targetNamespace={quoteattr(self.namespace)}',
            f" xmlns:{self.prefix}={quoteattr(self.namespace)}",
            ' xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"',
            *(f' xmlns:{prefix}="{uri}"' for prefix, uri in _BINDINGS.items()),
            "><wsdl:types>",
            etree.tostring(schema, encoding="unicode"),
            "</wsdl:types>",
            *(self._message(name) for name in elements),
            f'<wsdl:portType name="{self.name}">',
            *(self._offered(operation) for operation in self.operations),
            "</wsdl:portType>",
            *(self._binding(binding) for binding in self.bindings),
            f'<wsdl:service name="{self.name}Service">',
            *(self._port(binding) for binding in self.bindings),
            "</wsdl:service></wsdl:definitions>\n",
        ]
        return "".join(parts).encode()

    def action(self, operation: str) -> str:
        """The SOAPAction of an operation."""
        return f"{self.namespace}:{operation}"

    def _message(self, element: str) -> str:
        part = f'<wsdl:part name="body" element="{self.prefix}:{element}"/>'
        return f'<wsdl:message name="{element}">{part}</wsdl:message>'

    def _offered(self, operation: Described) -> str:
        prefix = self.prefix
        fault = f'<wsdl:fault name="{self.fault}" message="{prefix}:{self.fault}"/>' if self.fault else ""
        return (
            f'<wsdl:operation name="{operation.name}">'
            f"<wsdl:documentation>{escape(operation.title)}</wsdl:documentation>"
            f'<wsdl:input message="{prefix}:{operation.request}"/>'
            f'<wsdl:output message="{prefix}:{operation.reply}"/>{fault}</wsdl:operation>'
        )

    def _binding(self, binding: str) -> str:
        body = f'<{binding}:body use="literal"/>'
        said = f'<{binding}:fault name="{self.fault}" use="literal"/>'
        fault = f'<wsdl:fault name="{self.fault}">{said}</wsdl:fault>' if self.fault else ""
        operations = "".join(
            f'<wsdl:operation name="{o.name}"><{binding}:operation soapAction={quoteattr(self.action(o.name))}/>'
            f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output>{fault}</wsdl:operation>"
            for o in self.operations
        )
        return (
            f'<wsdl:binding name="{self.name}_{binding}" type="{self.prefix}:{self.name}">'
            f'<{binding}:binding style="document" transport="{_HTTP}"/>{operations}</wsdl:binding>'
        )

    def _port(self, binding: str) -> str:
        return (
            f'<wsdl:port name="{self.name}_{binding}" binding="{self.prefix}:{self.name}_{binding}">'
            f'<{binding}:address location="{{location}}"/></wsdl:port>'
        )


def flat_schema(
    namespace: str, elements: Iterable[tuple[str, tuple[str, ...]]], *, qualified: bool
) -> etree._Element:
    """A schema of elements that hold texts, all of which are always there.

    Args:
        elements: each with its children.
        qualified: whether children are in the namespace, too.
    """
    root = etree.fromstring(
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace={quoteattr(namespace)} '
        f'elementFormDefault="{"" if qualified else "un"}qualified"/>'
    )
    root.extend(flat_element(name, children, len(children)) for name, children in elements)
    return root


def flat_element(name: str, children: Iterable[str], needed: int) -> etree._Element:
    """The schema of an element of texts, of which the first few are always there."""
    xsd = "http://www.w3.org/2001/XMLSchema"
    inner = "".join(
        f'<xs:element name="{child}" type="xs:string" minOccurs="{int(i < needed)}"/>'
        for i, child in enumerate(children)
    )
    return etree.fromstring(
        f'<xs:element xmlns:xs="{xsd}" name="{name}"><xs:complexType><xs:sequence>{inner}</xs:sequence>'
        "</xs:complexType></xs:element>"
    )
