"""Acknowledgements: every message gets one, in its own character set.

    MSH|^~\\&|EAI||NHIS|DEMO|20260302083001||ACK^A01|<our id>|P|2.4|||||CHN|GBK
    MSA|AA|<its id>|成功                           taken: committed, it need not be sent again
    MSA|AE|<its id>|<中文 / English [refusal id]>  its content is wrong
    MSA|AR|<its id>|…                              such messages are not taken here
    ERR|PID^1^5^101&<what>&HL70357                 segment, its number, field, what is wrong with it

A message that is refused would be refused again; one that could not be committed gets the answer that the settings
say, by default none, so that it is sent again.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any, Final, cast

from adapters.hospital.faults import Fault
from adapters.hospital.formats import Formats
from adapters.hospital.hl7.events import ACK, NAK
from adapters.hospital.hl7.header import Header
from adapters.hospital.hl7.settings import Hl7Face
from gateway.canonical.refusal import RequestDone, RequestRefused
from gateway.contract import Clock
from mappings.catalogue import china_day
from mappings.charset import CHARSETS
from mappings.codecs.hl7v2 import Hl7Codec

_CHINA: Final = dt.timezone(dt.timedelta(hours=8))
#: Codes of what is not taken here, whatever it says. Everything else that is refused is wrong in itself.
_NOT_TAKEN: Final = frozenset(
    {"not-for-us", "unknown-operation", "operation-not-allowed", "institution", "no-route"}
)
#: HL7 table 0357, by the rule that was broken; 102, a wrong kind of value, for all others.
_ERRORS: Final = {
    "missing": "101",
    "code": "103",
    "event": "201",
    "operations": "200",
    "processing": "202",
    "version": "203",
    "facility": "204",
    "application": "204",
    "institutions": "204",
    "unique": "205",
}
_WORDS: Final = 200
_PLACE: Final = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?(?:[-/](\d+))?")


class Answers:
    """Writes the acknowledgements of one hospital's messages.

    Args:
        random: bytes for our control ids.
    """

    def __init__(self, face: Hl7Face, formats: Formats, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._face = face
        self._formats = formats
        self._clock = clock
        self._random = random

    def accepted(self, header: Header) -> bytes | None:
        """None where no answer is wanted."""
        if not header.wants(good=True):
            return None
        return self._write(
            ACK, RequestDone(raw_code="AA", raw_text=self._face.accepted_text), header, self._envelope(header)
        )

    def refused(self, header: Header, fault: Fault, ack: str = "") -> bytes | None:
        """None where no answer is wanted.

        Args:
            ack: `AE` or `AR`, where the fault does not decide.
        """
        if not header.wants(good=False):
            return None
        code = ack or ("AR" if fault.code in _NOT_TAKEN or fault.rule == "version" else "AE")
        body = RequestRefused(code=fault.code, reason=self._text(fault), raw_code=code)
        return self._write(NAK, body, header, {**self._envelope(header), **_error(fault)})

    def _envelope(self, header: Header) -> dict[str, str]:
        now = self._clock.now().astimezone(_CHINA)
        fields = {
            "MSH-3": header.receiver or self._face.application,
            "MSH-4": header.receiving_facility,
            "MSH-5": header.application,
            "MSH-6": header.facility,
            "MSH-7": f"{now:%Y%m%d%H%M%S}",
            "MSH-9.2": header.trigger if re.fullmatch("[A-Z0-9]{3}", header.trigger) else "",
            "MSH-10": self._random(16).hex(),
            "MSH-11": header.processing if header.processing in ("P", "T", "D") else "P",
            "MSH-17": header.country[:3],
            "MSH-18": header.charset[:16],
            "MSA-2": header.control_id,
        }
        return {place: value for place, value in fields.items() if value}

    def _text(self, fault: Fault) -> str:
        """What is wrong, and under which number we have it; never what stood in the message."""
        if fault.rule == "no-start":
            return fault.en  # the words that hospitals' systems know
        number = f" [{fault.refusal_id}]" if fault.refusal_id else ""
        return f"{fault.zh} / {fault.en}"[: self._face.text_limit - len(number)] + number

    def _write(self, name: str, body: Any, header: Header, envelope: dict[str, str]) -> bytes:
        mapping = self._formats.find(name, china_day(self._clock.now()))
        tree = mapping.encode_tree(body, envelope)
        return CHARSETS[header.encoding].encode(cast(Hl7Codec, mapping.codec).serialise_text(tree))


def _error(fault: Fault) -> dict[str, str]:
    """The ERR segment."""
    code = "207" if fault.ours else _ERRORS.get(fault.rule, "102")
    what = f"{fault.name} {fault.rule or fault.code}".strip()
    fields = {"ERR-1.4.1": code, "ERR-1.4.2": what[:_WORDS], "ERR-1.4.3": "HL70357"}
    place = _PLACE.match(fault.field)
    if place is not None:
        segment, number, field = place.groups()
        fields |= {"ERR-1.1": segment, "ERR-1.2": number or "1"}
        fields |= {"ERR-1.3": field} if field else {}
    return fields
