"""The head of a document: who sends it to whom, what it is, and which request it answers. Pure.

| element | length | |
|---|---|---|
| VER | 8 | version, `1.0` |
| SRC, DES | 12 | sending and receiving node |
| APP | 8 | application, `TIPS` |
| MsgNo | 4 | message number |
| MsgID | 20 | unique per SRC, for ever |
| MsgRef | 20 | a request's own MsgID, or the MsgID of the request that is answered |
| WorkDate | 8 | the network's working day; empty where the sender does not know it yet |
| Reserve | 60 | optional |
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from adapters.treasury.wire.envelope import tree_of
from adapters.treasury.wire.errors import Unreadable

_FORMS: Final = {
    "VER": re.compile(r"[!-~]{1,8}"),
    "SRC": re.compile(r"[0-9A-Za-z]{1,12}"),
    "DES": re.compile(r"[0-9A-Za-z]{1,12}"),
    "APP": re.compile(r"[0-9A-Za-z]{1,8}"),
    "MsgNo": re.compile(r"[0-9]{4}"),
    "MsgID": re.compile(r"[0-9A-Za-z]{1,20}"),
    "MsgRef": re.compile(r"[0-9A-Za-z]{1,20}"),
    "WorkDate": re.compile(r"[0-9]{8}"),
    "Reserve": re.compile(r"[^\x00-\x1f]{1,60}"),
}
_OPTIONAL: Final = ("WorkDate", "Reserve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """See the module. Comparable, and without personal data."""

    source: str
    destination: str
    application: str
    number: str
    id: str
    reference: str
    work_date: dt.date | None
    version: str = "1.0"
    reserve: str | None = None

    def elements(self) -> dict[str, str]:
        """By the elements' names, without those that are empty."""
        found = {
            "VER": self.version,
            "SRC": self.source,
            "DES": self.destination,
            "APP": self.application,
            "MsgNo": self.number,
            "MsgID": self.id,
            "MsgRef": self.reference,
            "WorkDate": self.work_date.strftime("%Y%m%d") if self.work_date else "",
            "Reserve": self.reserve or "",
        }
        return {name: text for name, text in found.items() if text}


def read_head(document: bytes) -> Head:
    """The head of a document, as `Seal.open` gives it.

    Raises:
        Unreadable: it is no document of this network, or its head breaks the rules above.
    """
    root = tree_of(document)
    if [child.tag for child in root] != ["HEAD", "MSG"]:
        raise Unreadable("", "shape", "CFX 内应依次为 HEAD、MSG", "CFX must hold HEAD, then MSG")
    texts: dict[str, str] = {}
    for element in root[0]:
        name = str(element.tag)
        if name in texts or name not in _FORMS or len(element) or element.attrib:
            place = f"HEAD/{name}" if name in _FORMS else "HEAD"
            raise Unreadable(place, "shape", "报文头中有重复或未知的元素", "unknown or repeated in the head")
        texts[name] = element.text or ""
    values = {name: _value(name, texts.get(name, "")) for name in _FORMS}
    return Head(
        source=values["SRC"],
        destination=values["DES"],
        application=values["APP"],
        number=values["MsgNo"],
        id=values["MsgID"],
        reference=values["MsgRef"],
        work_date=_day(values["WorkDate"]),
        version=values["VER"],
        reserve=values["Reserve"] or None,
    )


def _value(name: str, text: str) -> str:
    place = f"HEAD/{name}"
    if not text:
        if name in _OPTIONAL:
            return ""
        raise Unreadable(place, "missing", f"{place}:必填项缺失", f"{place} is missing")
    if _FORMS[name].fullmatch(text) is None:
        raise Unreadable(place, "form", f"{place}:长度或格式不符", f"{place} has another length or form")
    return text


def _day(text: str) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        place = "HEAD/WorkDate"
        raise Unreadable(place, "date", f"{place}:不是有效的日期", f"{place} is no day") from None
