"""Messages into inquiries. Pure: no I/O, no clock.

bytes ─► head ─► who, and what ─► characters ─► segments ─► the event's mapping ─► Inquiry
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final, cast

from adapters.hospital.clerk import Inquiry
from adapters.hospital.faults import Fault, invalid
from adapters.hospital.formats import Formats
from adapters.hospital.hl7.events import EVENTS, Event
from adapters.hospital.hl7.header import Header, read_header
from adapters.hospital.hl7.settings import ANY, Facility, Hl7Face
from gateway.contract import Unavailable
from mappings import Mapping, MappingError
from mappings.catalogue import NoMapping
from mappings.charset import CHARSETS
from mappings.codecs.hl7v2 import Hl7Codec
from mappings.errors import Refused

#: No field may hold them, whether a mapping reads it or not.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Reader:
    """Reads the messages of one hospital.

    Args:
        region: of its messages.
    """

    def __init__(self, face: Hl7Face, formats: Formats, region: str) -> None:
        self._face = face
        self._formats = formats
        self._region = region

    def header(self, message: bytes) -> Header:
        return read_header(message, self._face.charset)

    def event(self, header: Header) -> Event:
        """What a message is about, if it is for us.

        Raises:
            Fault: it is not.
        """
        face = self._face
        if not header.read:
            zh, en = "报文应以 MSH 段开始", "a message begins with the segment MSH"
            raise Fault(code="malformed", zh=zh, en=en, rule="header", field="MSH", name="报文头")
        if not header.control_id:
            zh = "消息控制号 MSH-10:必填，至多 50 个可打印字符"
            en = "MSH-10: required, at most 50 printable characters"
            raise Fault(code="invalid", zh=zh, en=en, field="MSH-10", name="消息控制号", rule="missing")
        if header.processing not in face.processing:
            raise _foreign("MSH-11", "处理标识", "processing")
        for field, name, found, known in (
            ("MSH-3", "发送应用", header.application, face.applications),
            ("MSH-5", "接收应用", header.receiver, face.receivers),
            ("MSH-6", "接收机构", header.receiving_facility, face.receiving_facilities),
        ):
            if known and found not in known:
                raise _foreign(field, name, "application" if field != "MSH-6" else "facility")
        self.facility(header)
        if header.event not in face.events:
            zh, en = "消息类型 MSH-9:不受理该类消息", "MSH-9: messages of this type are not taken"
            raise Fault(code="unknown-operation", zh=zh, en=en, field="MSH-9", name="消息类型", rule="event")
        return EVENTS[header.event]

    def facility(self, header: Header) -> Facility:
        """
        Raises:
            Fault: nobody has said which institution it is.
        """
        known = self._face.facilities.get(header.facility) or self._face.facilities.get(ANY)
        if known is None:
            raise _foreign("MSH-4", "发送机构", "facility")
        return known

    def read(self, message: bytes, header: Header, event: Event, day: dt.date) -> Inquiry:
        """
        Args:
            event: of the header.
            day: whose mappings hold.

        Raises:
            Fault: with field and rule.
            Unavailable: no mapping holds then.
        """
        facility = self.facility(header)
        mapping = _found(self._formats, event.mapping, day)
        supplied: dict[str, Any] = {
            "institution_code": facility.institution,
            "institution_name": facility.name,
            "treatment_region": self._region,
            "operator_code": self._face.operator_code,
            "operator_name": self._face.operator_name,
        }
        try:
            tree = cast(Hl7Codec, mapping.codec).parse_text(_text(message, header))
            body = mapping.decode_tree(tree, **{k: v for k, v in supplied.items() if k in mapping.elsewhere})
        except Refused as no:
            raise Fault(code="malformed", zh=no.zh, en=no.en, rule=no.rule) from None
        except MappingError as error:
            raise invalid(error) from None
        return Inquiry(
            operation=event.operation,
            body=body,
            msgid=header.message_id,
            institution=facility.institution,
            mapping=f"{mapping.name}@{mapping.version}",
            raw=message,
        )


def document_of(raw: bytes) -> bytes:
    """A stored message as its mapping reads it: in GBK, whatever it came in.

    Raises:
        ValueError: it has characters that GBK has not.
    """
    for charset in ("gbk", "utf-8"):  # the charset of the connection is not stored with it
        header = read_header(raw, charset)
        try:
            return CHARSETS["gbk"].encode(_text(raw, header))
        except (Refused, Fault):
            continue
    raise ValueError("not a message in GBK or UTF-8")


def _text(message: bytes, header: Header) -> str:
    try:
        text = CHARSETS[header.encoding].decode(message)
    except Refused:
        zh = f"字节与字符集 {header.encoding.upper()} 不符，请核对 MSH-18"
        en = f"the bytes are not {header.encoding.upper()}: compare MSH-18"
        raise Fault(code="malformed", zh=zh, en=en, rule="charset", field="MSH-18", name="字符集") from None
    if _CONTROL.search(text):
        zh, en = "报文含有控制字符", "the message holds control characters"
        raise Fault(code="malformed", zh=zh, en=en, rule="control-character")
    return text


def _foreign(field: str, name: str, rule: str) -> Fault:
    return Fault(
        code="not-for-us",
        zh=f"{name} {field}:不是约定的值",
        en=f"{field}: is not what was agreed",
        field=field,
        name=name,
        rule=rule,
    )


def _found(formats: Formats, name: str, day: dt.date) -> Mapping:
    try:
        return formats.find(name, day)
    except NoMapping as error:
        raise Unavailable(error.zh, error.en) from None
