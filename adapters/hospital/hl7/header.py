"""The head of a message, read before anything else: what must be known to find its mapping, and to answer it.

MSH|^~\\&|NHIS|DEMO|EAI||20260302083000||ADT^A01|<id>|P|2.4|||AL|AL|CHN|GBK
    2    3    4    5  6 7             8 9       10   11 12 13-14 15 16 17 18
"""

from __future__ import annotations

import codecs
import re
import string
from typing import Final

from msgspec import Struct

from mappings.charset import CHARSETS
from mappings.codecs.hl7v2_text import Marks
from mappings.errors import Refused

#: What hospitals write in MSH-18.
_NAMED: Final = {
    "GBK": "gbk",
    "GB2312": "gb18030",
    "GB18030": "gb18030",
    "GB 18030-2000": "gb18030",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "UNICODE UTF-8": "utf-8",
}
_ENCODINGS: Final = ("gbk", "gb18030", "utf-8")
#: A head is a few hundred bytes.
_LONGEST: Final = 2000
#: What an answer can repeat: every mapping of answers takes that much.
_REPEATED: Final = 50
#: What may delimit: nothing that could be part of a word.
_MARKS: Final = string.punctuation.encode()
_END: Final = re.compile(b"[\r\n]")


class Header(Struct, frozen=True, kw_only=True):
    """What stood in MSH. Empty is what did not stand there, or cannot be repeated in an answer."""

    encoding: str  #: of the message, a name in `CHARSETS`
    read: bool = True  #: False: this is no MSH
    application: str = ""
    facility: str = ""
    receiver: str = ""
    receiving_facility: str = ""
    kind: str = ""  #: MSH-9.1
    trigger: str = ""  #: MSH-9.2
    control_id: str = ""
    processing: str = ""
    accept: str = ""  #: MSH-15
    answer: str = ""  #: MSH-16
    country: str = ""
    charset: str = ""  #: MSH-18, as it was written

    @property
    def event(self) -> str:
        return f"{self.kind}^{self.trigger}"

    @property
    def message_id(self) -> str:
        """Under which we know the message: control ids are their sender's own, two facilities may use the same."""
        return f"{self.facility}/{self.control_id}" if self.facility else self.control_id

    def wants(self, *, good: bool) -> bool:
        """Whether an answer is wanted, positive or not. We give one, which serves as both kinds of HL7."""
        silent = {"NE", "ER" if good else "SU"}
        return self.accept not in silent or self.answer not in silent


def read_header(message: bytes, charset: str) -> Header:
    """
    Args:
        charset: of messages that name none in MSH-18.
    """
    head = _END.split(message[:_LONGEST], maxsplit=1)[0]
    marks = head[3:8]
    if not head.startswith(b"MSH") or len(set(marks)) < len(Marks.__slots__) or marks.strip(_MARKS):
        return Header(encoding=charset, read=False)
    found = _fields(head, charset)
    for encoding in dict.fromkeys((charset, *_ENCODINGS)):
        # The head can be misread until its charset is known; the right reading finds itself named in it.
        fields = _fields(head, encoding)
        if _NAMED.get(fields.charset.upper()) == encoding:
            return fields
    return found


def _fields(head: bytes, encoding: str) -> Header:
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    marks = Marks(*text[3:8])
    fields = text.split(marks.field)

    def value(number: int, component: int = 1) -> str:
        field = fields[number - 1] if number <= len(fields) else ""
        parts = field.partition(marks.repetition)[0].split(marks.component)
        return _repeatable(parts[component - 1] if component <= len(parts) else "", marks)

    return Header(
        encoding=encoding,
        application=value(3),
        facility=value(4),
        receiver=value(5),
        receiving_facility=value(6),
        kind=value(9),
        trigger=value(9, 2),
        control_id=value(10),
        processing=value(11),
        accept=value(15),
        answer=value(16),
        country=value(17),
        charset=value(18),
    )


def _repeatable(text: str, marks: Marks) -> str:
    try:
        meaning = marks.read(text, CHARSETS["gbk"]) or ""
    except Refused:
        return ""
    fine = meaning.isprintable() and len(meaning) <= _REPEATED and CHARSETS["gbk"].says(meaning)
    return meaning.strip() if fine else ""
