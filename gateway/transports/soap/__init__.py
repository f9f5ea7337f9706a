"""SOAP 1.1 and 1.2: `SoapService` answers partners, `call` asks them; `parse` is the only XML parser."""

from gateway.transports.soap.client import NotSoap, PeerFault, call, load_wsdl, read_answer
from gateway.transports.soap.envelope import SoapRequest, Version, wrap
from gateway.transports.soap.faults import SoapFault, schema_fault
from gateway.transports.soap.service import Operation, SoapService
from gateway.transports.soap.violations import Violation, violations
from gateway.transports.soap.xml import XmlError, parse

__all__ = [
    "NotSoap",
    "Operation",
    "PeerFault",
    "SoapFault",
    "SoapRequest",
    "SoapService",
    "Version",
    "Violation",
    "XmlError",
    "call",
    "load_wsdl",
    "parse",
    "read_answer",
    "schema_fault",
    "violations",
    "wrap",
]
