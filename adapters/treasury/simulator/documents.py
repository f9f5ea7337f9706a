"""CFX documents as the centre and the banks write and read them, apart from the gateway's own mappings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from lxml import etree
from msgspec import Struct

Value: TypeAlias = "str | Mapping[str, Value] | Sequence[Mapping[str, Value]]"

_HEAD: Final = ("VER", "SRC", "DES", "APP", "MsgNo", "MsgID", "MsgRef", "WorkDate")
_MONEY: Final = re.compile(r"\d{1,15}\.\d\d")


class Wrong(Exception):
    """Not as it must be. `code` is a result code of the network, `text` what the sender is told."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Part:
    """An element that holds others; what lacks is empty."""

    def __init__(self, element: Any) -> None:
        self.element = element

    def __getitem__(self, name: str) -> str:
        return (self.element.findtext(name) or "").strip()

    def parts(self, name: str) -> Iterator[Part]:
        """All children of this name."""
        return (Part(one) for one in self.element.iterfind(name))

    def part(self, name: str) -> Part:
        """The one child of this name. Raises Wrong where it lacks."""
        found = self.element.find(name)
        if found is None:
            raise Wrong(UNRECOGNISED, f"缺少 {name}")
        return Part(found)

    def values(self) -> dict[str, str]:
        """Its children that hold text."""
        return {one.tag: (one.text or "").strip() for one in self.element if not len(one)}


class Document(Struct, frozen=True, kw_only=True):
    """A message that was read."""

    source: str
    destination: str
    number: str
    id: str
    reference: str
    work_date: str
    body: Part  #: MSG

    def head(self, name: str) -> Part:
        """The part of the body that is called so and ends with the message's number. Raises Wrong."""
        return self.body.part(f"{name}{self.number}")

    def rows(self, name: str) -> list[Part]:
        """All such parts."""
        return list(self.body.parts(f"{name}{self.number}"))


#: Result codes of the network.
SUCCESS: Final = "90000"
REFUSED: Final = "90001"
UNRECOGNISED: Final = "92001"
REPEATED: Final = "94052"
OTHER: Final = "94999"
MISMATCH: Final = "24030"


def read(document: bytes) -> Document:
    """Raises Wrong."""
    # Declared is GBK, written is GB18030, which has all of GBK byte for byte.
    text = document.decode("gb18030").partition("?>")[2]
    root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    head, body = root.find("HEAD"), root.find("MSG")
    if root.tag != "CFX" or head is None or body is None:
        raise Wrong(UNRECOGNISED, "报文无法识别")
    known = Part(head)
    if [one.tag for one in head if one.tag != "Reserve"] != list(_HEAD):
        raise Wrong(UNRECOGNISED, "报文头不完整")
    return Document(
        source=known["SRC"], destination=known["DES"], number=known["MsgNo"], id=known["MsgID"],
        reference=known["MsgRef"], work_date=known["WorkDate"], body=Part(body),
    )  # fmt: skip


def write(head: Mapping[str, str], body: Mapping[str, Value]) -> bytes:
    """A document without its signature.

    Args:
        head: SRC, DES, MsgNo, MsgID, MsgRef, WorkDate.
    """
    root = etree.Element("CFX")
    known = {"VER": "1.0", "APP": "TIPS", **head}
    _fill(etree.SubElement(root, "HEAD"), {name: known[name] for name in _HEAD})
    _fill(etree.SubElement(root, "MSG"), body)
    text: str = etree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="GBK"?>{text}'.encode("gb18030")


def _fill(element: Any, values: Mapping[str, Value]) -> None:
    for name, value in values.items():
        if isinstance(value, str):
            etree.SubElement(element, name).text = value
            continue
        for one in [value] if isinstance(value, Mapping) else value:
            _fill(etree.SubElement(element, name), one)


def yuan(fen: int) -> str:
    """`2560` → `25.60`."""
    return f"{fen // 100}.{fen % 100:02d}"


def fen(text: str) -> int:
    """`25.60` → `2560`. Raises Wrong."""
    if not _MONEY.fullmatch(text):
        raise Wrong(UNRECOGNISED, "金额格式不符")
    return int(text.replace(".", ""))
