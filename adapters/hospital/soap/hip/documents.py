"""The documents of style `hip`: which are read, and the acknowledgement that answers each of them.

<MCCI_IN000002UV01 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0">
  <id root="…" extension="our message id"/> <creationTime value="yyyyMMddHHmmss"/>
  <interactionId root="2.16.156.10011.2.5.1.2" extension="MCCI_IN000002UV01"/>
  <processingCode code="P"/> <processingModeCode/> <acceptAckCode code="AL"/>
  <receiver typeCode="RCV"> the sender of the request <sender typeCode="SND"> we
  <acknowledgement typeCode="AA"> or AE
    <targetMessage> <id extension="id of the request"/>
    <acknowledgementDetail> <text value="…"/>
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from lxml import etree
from msgspec import Struct

NAMESPACE: Final = "urn:hl7-org:v3"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_PREFIXES: Final[dict[Any, str]] = {
    None: NAMESPACE,
    "xsi": _XSI,
}  # `Any`: the stubs know no default namespace
_REPLY: Final = "MCCI_IN000002UV01"
#: Of message ids, interactions and systems, as the platforms' own documents have them.
_MESSAGES, _INTERACTIONS, _SYSTEMS = (f"2.16.156.10011.2.5.1.{n}" for n in (1, 2, 3))


class Interaction(Struct, frozen=True):
    """One kind of document."""

    operation: str
    mapping: str


INTERACTIONS: Final = {
    "PRPA_IN201311UV02": Interaction("RegisterPatient", "hospital.hip_patient_registered"),
    "PRPA_IN201314UV02": Interaction("UpdateRegistration", "hospital.hip_registration_updated"),
}
OPERATIONS: Final = frozenset(kind.operation for kind in INTERACTIONS.values())


class Letterhead(Struct, frozen=True):
    """What an acknowledgement repeats of the document it answers; empty where that could not be read."""

    message_id: str = ""
    sender: str = ""


def letterhead(root: etree._Element) -> Letterhead:
    """As much of it as is there. The sender's id is one element deeper in some dialects."""
    ns = {"v3": NAMESPACE}
    message_id = root.xpath("string(v3:id/@extension)", namespaces=ns)
    sender = root.xpath("string(v3:sender/v3:device/v3:id/descendant-or-self::*/@extension)", namespaces=ns)
    return Letterhead(_short(message_id), _short(sender))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 64 else ""


def acknowledgement(
    to: Letterhead, device: str, *, ok: bool, text: str, message_id: str, at: dt.datetime
) -> str:
    """The document that answers.

    Args:
        device: what we are called.
        ok: AA or AE.
        text: for people.
        message_id: by which we know what came in, or the refusal.
    """
    root = etree.Element(f"{{{NAMESPACE}}}{_REPLY}", {"ITSVersion": "XML_1.0"}, _PREFIXES)
    root.set(f"{{{_XSI}}}schemaLocation", f"{NAMESPACE} ../multicacheschemas/{_REPLY}.xsd")
    _sub(root, "id", root=_MESSAGES, extension=message_id)
    _sub(root, "creationTime", value=f"{at:%Y%m%d%H%M%S}")
    _sub(root, "interactionId", root=_INTERACTIONS, extension=_REPLY)
    _sub(root, "processingCode", code="P")
    _sub(root, "processingModeCode")
    _sub(root, "acceptAckCode", code="AL")
    for party, kind, name in (("receiver", "RCV", to.sender), ("sender", "SND", device)):
        there = _sub(_sub(root, party, typeCode=kind), "device", classCode="DEV", determinerCode="INSTANCE")
        _sub(_sub(there, "id"), "item", root=_SYSTEMS, extension=name)
    said = _sub(root, "acknowledgement", typeCode="AA" if ok else "AE")
    _sub(_sub(said, "targetMessage"), "id", root=_MESSAGES, extension=to.message_id)
    _sub(_sub(said, "acknowledgementDetail"), "text", value=text)
    return etree.tostring(root, encoding="unicode")


def _sub(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
