"""The WSDL hospitals generate their clients from."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from lxml import etree

from adapters.hospital.soap.documents import Call
from adapters.hospital.soap.faults import NAMESPACE
from gateway.transports.soap.wsdl import Described, Service


def wsdl(calls: Iterable[Call], schema: etree._Element, titles: dict[str, str]) -> bytes:
    """The document, with a place for the address.

    Args:
        calls: the operations offered.
        schema: of all their elements.
        titles: what each operation is, for people.
    """
    offered = tuple(
        Described(call.operation, titles.get(call.operation, ""), call.request, call.reply) for call in calls
    )
    return Service("Hospital", NAMESPACE, "hos", "Refused", offered).wsdl(schema)


def located(document: bytes, location: str) -> bytes:
    """The document for those who reach the service at `location`."""
    return document.replace(b"{location}", escape(location, {'"': "&quot;"}).encode())
