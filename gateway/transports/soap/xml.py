"""The one place where XML from outside is parsed: no DTD, no entities, no network, bounded.

Texts never quote the document, which may hold personal data; they give line and column.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from lxml import etree

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
MAX_TAGS: Final = 50_000  # a one-megabyte document of empty elements would take fifty megabytes as a tree

#: Declared name → the decoder. What is called GB2312 or GBK in the field is often GB18030, their superset.
_ENCODINGS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp936": "gb18030",
    "gb18030": "gb18030",
}
_BOM: Final = b"\xef\xbb\xbf"
_DECLARATION: Final = re.compile(rb"<\?xml\s[^>]*?\?>")
_ENCODING: Final = re.compile(rb"""\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_FIRST_TAG: Final = re.compile(rb"<[^!?]")
_TOO_DEEP: Final = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")

# One parser for the process: making one costs as much as parsing a small message. Comments and processing
# instructions are dropped, lest `12<!-- -->34` read as 12; SOAP forbids the latter anyway.
_PARSER: Final = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)

_SYNTAX: Final = {
    "ERR_DOCUMENT_EMPTY": ("文档为空或不是XML", "the document is empty or not XML"),
    "ERR_DOCUMENT_END": (
        "文档末尾有多余内容或文档不完整",
        "content after the end, or the document is incomplete",
    ),
    "ERR_TAG_NAME_MISMATCH": ("起止标签不匹配", "opening and ending tags do not match"),
    "ERR_TAG_NOT_FINISHED": ("标签没有结束", "a tag is not finished"),
    "ERR_UNDECLARED_ENTITY": (
        "引用了未声明的实体（禁止使用DTD）",
        "undeclared entity (a DTD is not allowed)",
    ),
    "ERR_INVALID_CHAR": ("含有非法字符", "invalid character"),
    "ERR_INVALID_ENCODING": ("字节与声明的编码不符", "the bytes do not fit the declared encoding"),
    "NS_ERR_UNDEFINED_NAMESPACE": ("命名空间前缀未声明", "undeclared namespace prefix"),
}
_NOT_WELL_FORMED: Final = ("XML格式不正确", "the XML is not well-formed")


class XmlError(Exception):
    """The bytes are no acceptable XML.

    Attributes:
        reason_zh, reason_en: why, without quoting the document.
        line, column: where, counted from 1; 0 where it concerns the whole document.
    """

    def __init__(self, reason: tuple[str, str], line: int = 0, column: int = 0) -> None:
        self.reason_zh, self.reason_en = reason
        self.line = line
        self.column = column
        where = (f"（第{line}行第{column}列）", f" (line {line}, column {column})") if line else ("", "")
        super().__init__(f"{self.reason_zh}{where[0]} / {self.reason_en}{where[1]}")


def parse(body: bytes, charset: str | None = None, *, max_bytes: int = MAX_BYTES) -> etree._Element:
    """Parse a document and return its root element.

    Args:
        body: the document as received.
        charset: what the HTTP Content-Type says; it must not contradict the document.
        max_bytes: beyond it the document is refused unread.

    Raises:
        XmlError: malformed, too large, too deep, with a DTD, or in an encoding that is not accepted.
    """
    if len(body) > max_bytes:
        raise XmlError(("XML文档过大", "the XML document is too large"))
    body = _as_utf8(body, charset)
    _refuse_dtd(body)
    if body.count(b"<") > MAX_TAGS:
        raise XmlError(("XML元素过多", "the XML document has too many elements"))
    try:
        root = etree.fromstring(body, _PARSER)
    except etree.XMLSyntaxError as error:
        raise _syntax_error(error) from None
    if root.getroottree().docinfo.internalDTD is not None:  # hidden from the quick look at the bytes
        raise _dtd(1, 1)
    # Few documents close enough elements to be too deep, and counting bytes is cheaper than walking.
    if body.count(b"</") + body.count(b"/>") > MAX_DEPTH and _TOO_DEEP(root):
        raise XmlError(("XML嵌套过深", "the XML document is nested too deeply"))
    return root


def _as_utf8(body: bytes, charset: str | None) -> bytes:
    marked = body.startswith(_BOM)
    if marked:
        body = body[3:]
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in body[:4]:
        raise XmlError(("不支持UTF-16或UTF-32编码", "UTF-16 and UTF-32 are not accepted"), 1, 1)
    declaration = _DECLARATION.match(body)
    match = _ENCODING.search(declaration.group()) if declaration else None
    declared = _decoder(match.group(1).decode("ascii")) if match else None
    announced = _decoder(charset) if charset else None
    said = {name for name in (declared, announced, "utf-8" if marked else None) if name}
    if len(said) > 1:
        text = ("HTTP字符集与XML声明的编码不一致", "the HTTP charset contradicts the XML encoding")
        raise XmlError(text, 1, 1)
    if "gb18030" not in said:
        return body
    return _transcode(body, declaration.end() if declaration else 0)


@lru_cache(maxsize=64)
def _decoder(name: str) -> str:
    decoder = _ENCODINGS.get(name.lower())
    if decoder is None:
        raise XmlError(
            ("不支持的字符编码，可用UTF-8、GBK、GB18030", "encoding not accepted; use UTF-8, GBK or GB18030"),
            1,
            1,
        )
    return decoder


def _transcode(body: bytes, start: int) -> bytes:
    """GB18030 to UTF-8, without the declaration (which would now be wrong) but with its line ends."""
    try:
        text = body[start:].decode("gb18030")
    except UnicodeDecodeError as error:
        line, column = _position(body, start + error.start)
        raise XmlError(_SYNTAX["ERR_INVALID_ENCODING"], line, column) from None
    return b"\n" * body.count(b"\n", 0, start) + text.encode("utf-8", "surrogatepass")


def _refuse_dtd(body: bytes) -> None:
    """Refuse a document type before the parser sees it; the same characters inside CDATA are text."""
    found = body.find(b"<!DOCTYPE")
    if found < 0:
        return
    first_tag = _FIRST_TAG.search(body)
    if first_tag is None or found < first_tag.start():
        raise _dtd(*_position(body, found))


def _dtd(line: int, column: int) -> XmlError:
    return XmlError(
        ("禁止使用DTD或实体声明", "a DTD (document type or entity declaration) is not allowed"), line, column
    )


def _position(body: bytes, offset: int) -> tuple[int, int]:
    return body.count(b"\n", 0, offset) + 1, offset - body.rfind(b"\n", 0, offset)


def _syntax_error(error: etree.XMLSyntaxError) -> XmlError:
    log: Any = error.error_log  # the stubs know no entries
    entry = log.last_error if log else None
    reason = _SYNTAX.get(entry.type_name, _NOT_WELL_FORMED) if entry is not None else _NOT_WELL_FORMED
    line, column = error.position
    return XmlError(reason, line or 0, column or 0)
