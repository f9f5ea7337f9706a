"""Answers as faults leave them."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

_ENVELOPE: Final = (
    '<?xml version="1.0" encoding="{charset}"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
    "<soap:Body>{payload}</soap:Body></soap:Envelope>"
)
_BOMB: Final = (
    '<!DOCTYPE z [<!ENTITY a "0123456789"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    + "".join(f'<!ENTITY {chr(n + 1)} "{f"&{chr(n)};" * 10}">' for n in range(98, 107))
    + "]><z>&k;</z>"
)
_EXTERNAL: Final = '<!DOCTYPE z [<!ENTITY a SYSTEM "file:///etc/passwd">]><z>&a;</z>'
_HUGE: Final = 20 * 1000 * 1000


def envelope(payload: str, charset: str = "UTF-8") -> str:
    """A SOAP 1.1 envelope around it."""
    return _ENVELOPE.format(charset=charset, payload=payload)


def soap(text: str, kind: str, operation: str, namespace: str) -> bytes:
    """The answer to a SOAP request whose result is `text`."""
    inner = {
        "bomb": _BOMB,
        "external-entity": _EXTERNAL,
        "nul": f"{text[:50]}\0{text[50:]}",
        "html": "<html/>",
    }
    text = inner.get(kind, text)
    if kind == "mixed-charset":
        text = text.replace("UTF-8", "GBK", 1)
    result = (
        f'<r:{operation}Response xmlns:r="{namespace}"><r:out>{escape(text)}</r:out></r:{operation}Response>'
    )
    if kind == "huge":
        return envelope(result).encode() + b" " * _HUGE
    if kind == "gbk":
        return envelope(result, "GBK").encode("gb18030")
    return envelope(result).encode("gb18030" if kind == "wrong-charset" else "utf-8")


def fault() -> bytes:
    """A SOAP fault that quotes, as many do."""
    return envelope(
        "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>内部错误 / internal</faultstring></soap:Fault>"
    ).encode()


def json(body: bytes, kind: str) -> bytes:
    """The answer to a JSON request."""
    if kind in ("gbk", "wrong-charset"):
        return body.decode().encode("gb18030")
    if kind == "huge":
        return body + b" " * _HUGE
    if kind == "nul":
        return body.replace(b'"Code"', b'"Co\0de"', 1)
    if kind in ("bomb", "external-entity"):
        return b'{"payLoad":' + b"[" * 100_000
    return b"<html/>" if kind == "html" else body
