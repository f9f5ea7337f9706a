"""XML as an lxml tree: no entities, no DTD, no network, in bounds, in one of the charsets that are agreed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from lxml import etree

from mappings.charset import CHARSETS
from mappings.errors import Refused

#: Entities, DTDs and networks have no business in a partner's message.
_PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)
_DECLARATION = re.compile(rb"""<\?xml\s[^>]{0,80}?\bencoding\s*=\s*["']([A-Za-z0-9._-]{1,20})["']""")
_BOM = b"\xef\xbb\xbf"
#: What an encoding may be called, and what it is read as: GB 18030 has all of GB 2312.
_ENCODINGS = {b"utf-8": "utf-8", b"gbk": "gbk", b"gb18030": "gb18030", b"gb2312": "gb18030"}


@dataclass(frozen=True, slots=True)
class Limits:
    charset: str  #: of bytes that do not say it
    max_bytes: int
    max_depth: int
    max_items: int


def parse(data: bytes | str, limits: Limits) -> etree._Element:
    """The root element.

    Raises:
        Refused: malformed, in another charset, with a DOCTYPE, too long, too deep, of too many parts.
    """
    if len(data) > limits.max_bytes:
        zh, en = f"报文超过 {limits.max_bytes} 字节", f"longer than {limits.max_bytes} bytes"
        raise Refused("size", zh, en)
    wide = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else _utf8(data, limits.charset)
    if wide.count(b"<") + wide.count(b"=") > 2 * limits.max_items:
        raise Refused("size", f"超过 {limits.max_items} 项", f"more than {limits.max_items} parts")
    try:
        # Said here, the encoding is not looked for in the bytes, nor taken from what they declare.
        tree = etree.fromstring(wide, _PARSER)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        zh, en = (
            f"XML 格式错误(第 {line} 行第 {column} 列)",
            f"malformed XML at line {line}, column {column}",
        )
        raise Refused("syntax", zh, en) from None
    if cast(Any, tree.getroottree().docinfo).doctype:
        raise Refused("doctype", "不允许 DOCTYPE", "a DOCTYPE is not allowed")
    if _deeper(limits.max_depth)(tree):
        depth = limits.max_depth
        raise Refused("depth", f"嵌套超过 {depth} 层", f"nested more than {depth} deep")
    return tree


@cache
def _deeper(depth: int) -> etree.XPath:
    """Whether an element lies deeper."""
    return etree.XPath(f"boolean(/{'*/' * depth}*)")


def _utf8(data: bytes, charset: str) -> bytes:
    """The bytes of the document in UTF-8, whatever they are in."""
    said = _DECLARATION.match(data, len(_BOM) if data.startswith(_BOM) else 0)
    name = _ENCODINGS.get(said[1].lower()) if said else "utf-8" if data.startswith(_BOM) else charset
    if name == "gbk" and charset == "gb18030":
        name = charset  # declared so by those who know no other name for it
    if name is None or (data.startswith(_BOM) and name != "utf-8"):
        raise Refused("charset", "不支持的 XML 编码声明", "declares an encoding that is not agreed")
    if name == "utf-8":
        return data
    CHARSETS[name].expect(data)
    return CHARSETS[name].decode(data).encode()
