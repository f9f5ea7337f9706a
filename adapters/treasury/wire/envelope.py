"""The outermost form of a message: a document, and behind it at most one comment that holds the seal.

    <?xml version="1.0" encoding="GBK"?>
    <CFX><HEAD>…</HEAD><MSG>…</MSG></CFX><!--seal-->

The document is the bytes from the first `<` to the last `</CFX>`. They are what is sealed, stored and read; nothing is
ever serialised again. Pure.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

from adapters.treasury.wire.errors import Unreadable
from mappings.codecs.xml_parser import Limits, parse
from mappings.errors import Refused

#: Bytes of a message with its seal, unless the settings of its queues say otherwise.
LARGEST: Final = 4 << 20

_END: Final = b"</CFX>"
_SPACE: Final = b" \t\r\n"
_MARKS: Final = (codecs.BOM_UTF8, "\ufeff".encode("gb18030"))
_DECLARATION: Final = re.compile(rb"<\?xml\s[^<>]{0,200}\?>")
#: In GB 18030 neither `<` nor what follows it here is ever part of a longer character.
_FORBIDDEN: Final = re.compile(rb"<\?|<!(?!--|\[CDATA\[)")
#: The size is that of an opened message already; this one holds whatever the settings say.
_LIMITS: Final = Limits("gb18030", 100 << 20, 64, 500_000)


@dataclass(frozen=True, slots=True)
class Parts:
    """A message taken apart."""

    document: bytes
    comment: bytes | None  #: the text between `<!--` and `-->`, without white space around it


def cut(raw: bytes, limit: int = LARGEST) -> Parts:
    """Takes a message apart. White space around both parts, and a byte order mark before them, are overlooked.

    Raises:
        Unreadable: longer than `limit` bytes, no `</CFX>`, or more around the document than one comment.
    """
    if len(raw) > limit:
        raise Unreadable("", "size", f"报文超过 {limit} 字节", f"longer than {limit} bytes")
    begin, end = raw.find(b"<"), raw.rfind(_END)
    if not 0 <= begin < end:
        raise Unreadable("", "shape", "不是 CFX 报文", "not a CFX document")
    if raw[:begin].strip(_SPACE) not in (b"", *_MARKS):
        raise Unreadable("", "shape", "报文之前另有内容", "there is something before the document")
    return Parts(raw[begin : end + len(_END)], _comment(raw[end + len(_END) :].strip(_SPACE)))


def document_of(raw: bytes) -> bytes:
    """What of a stored message a mapping reads, as `Adapter.document` asks for it.

    Raises:
        Unreadable: as `cut`, but of any length. It is a `ValueError`.
    """
    return cut(raw, len(raw)).document


def tree_of(document: bytes) -> etree._Element:
    """The root element; GB 18030 is read whatever is declared, comments are left out.

    Raises:
        Unreadable: malformed, in another charset, too long, too deep, with a DTD or a processing instruction, or with
            another root than `CFX`.
    """
    declaration = _DECLARATION.match(document)
    body = document[declaration.end() :] if declaration else document
    if _FORBIDDEN.search(body):
        zh, en = "不允许 DOCTYPE、实体声明与处理指令", "a DTD or a processing instruction is not allowed"
        raise Unreadable("", "doctype", zh, en)
    try:
        root = parse(body, _LIMITS)
    except Refused as no:
        raise Unreadable("", no.rule, no.zh, no.en) from None
    if root.tag != "CFX":
        raise Unreadable("", "root", "根元素应为 CFX", "the root must be CFX")
    return root


def _comment(tail: bytes) -> bytes | None:
    if not tail:
        return None
    inner = tail[4:-3]
    if len(tail) < 7 or not tail.startswith(b"<!--") or not tail.endswith(b"-->") or b"--" in inner:
        raise Unreadable(
            "", "shape", "报文之后只能有一处注释", "behind the document there is more than one comment"
        )
    return inner.strip(_SPACE)
