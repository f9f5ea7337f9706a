"""What mappings read of a stored request, whichever style it came in: without SOAP and envelopes around it."""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Any

import msgspec
from lxml import etree

from adapters.hospital.faults import Fault
from adapters.hospital.national.transactions import ROUTED
from adapters.hospital.soap import codec
from adapters.hospital.soap.hip.documents import NAMESPACE as HIP
from adapters.hospital.soap.param_xml import esb
from adapters.hospital.soap.param_xml.notation import JsonNotation, Tree, XmlNotation
from adapters.hospital.soap.style import document
from gateway.transports.soap import parse
from mappings import SHIPPED, Mapping, load

_encode = msgspec.json.Encoder(decimal_format="number").encode


def document_of(raw: bytes) -> bytes:
    """
    Raises:
        ValueError: there is none.
    """
    payload = _payload(raw)
    if payload is None:
        raise ValueError("no request of a hospital")
    try:
        if etree.QName(payload).namespace == HIP:
            return etree.tostring(document(_text(payload, -1), "message", len(raw)), encoding="utf-8")
        if len(payload) == 1 and not len(payload[0]):
            return _input(_text(payload, 0), len(raw))
    except Fault as fault:
        raise ValueError(f"no request of a hospital: {fault}") from fault
    return codec.document_of(raw)


def _payload(raw: bytes) -> etree._Element | None:
    for charset in (None, "gbk"):  # the charset that the transport announced is not stored
        with contextlib.suppress(Exception):
            return parse(raw, charset, max_bytes=len(raw))[-1][0]
    return None


def _text(payload: etree._Element, place: int) -> str:
    return payload[place].text or "" if len(payload) else ""


def _input(text: str, limit: int) -> bytes:
    """The `input` of a national transaction, as JSON. Raises Fault and ValueError."""
    if text.lstrip().startswith("{"):
        tree: Tree = JsonNotation("", limit).read(text)
        return _encode(_of(tree)[1])
    root = document(text, "", limit)
    inner = esb.content(root, limit) if etree.QName(root).localname == esb.ROOT else root
    xml = XmlNotation("", "", limit)
    infno, found = _of(xml.tree(inner))
    return _encode(xml.shaped(found, _shipped(infno).plan.items))


def _of(tree: Tree) -> tuple[str, Any]:
    infno = str(tree.get("infno"))
    if infno not in ROUTED or not isinstance(tree.get("input"), dict):
        raise ValueError("no transaction")
    return infno, tree["input"]


@cache
def _shipped(infno: str) -> Mapping:
    """Where it has rows: every version and every province's own has them in the same places."""
    area, _, name = ROUTED[infno].input.partition(".")
    return load(SHIPPED / area / f"{name}.yaml")
