"""Takes personal data out of a log event, and turns the event into one line of JSON.

Two ways lead to the same result. The fast one renders the event and looks, by one table translation of the
bytes, whether eleven digits follow each other anywhere: almost never. Only then, or where text outside ASCII
could hide digits of another script, every value is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import msgspec

from gateway.contract.privacy import is_personal, mask_text, mask_value

_RUN = b"0" * 11  #: the shortest number that is masked
_DIGITS = bytes(0x30 if 0x30 <= code <= 0x39 else 0x20 for code in range(256))
_SIMPLE = frozenset({str, int, float, bool, type(None)})
_DEPTH = 6
_ITEMS = 50
_LONGEST = 8192
_MARGIN = 64
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

_encode = msgspec.json.Encoder().encode


class _Names(dict[str, bool]):
    """Remembers which field names are personal; names are constants of the program, so there are few."""

    def __missing__(self, name: str) -> bool:
        known = is_personal(name)
        if len(self) < 4096:
            self[name] = known
        return known


_personal = _Names()


def render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
    """structlog's last processor: the event as one redacted line of JSON."""
    for name, value in event.items():
        if _personal[name]:
            event[name] = _hidden(name, value)
        elif value.__class__ not in _SIMPLE:
            event[name] = _plain(value, 0)
    try:
        line = _encode(event)
    except (msgspec.MsgspecError, UnicodeError, OverflowError, TypeError):
        return _encode(redact(event)) + b"\n"
    if _RUN in line.translate(_DIGITS) or not line.isascii() or b"input_value=" in line:
        line = _encode(redact(event))
    return line + b"\n"


def redact(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with every value looked at: safe to show, and safe to encode."""
    return {
        _text(str(name)): _hidden(name, v) if is_personal(str(name)) else _plain(v, 0)
        for name, v in event.items()
    }


def redact_for_people(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """The processor before a renderer for people. Line feeds in tracebacks stay."""
    return redact(event)


def _hidden(name: str, value: Any) -> Any:
    """Whatever stands under a personal name; what is not text or a number shows nothing at all."""
    if value is None or value.__class__ is bool:
        return value
    if isinstance(value, (str, int)):
        return mask_text(mask_value(str(name), _clean(str(value))))
    return "***"


def _plain(value: Any, depth: int) -> Any:
    """A value as text, numbers, lists and mappings, masked. Bytes and objects never show their content."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (int, float)):
        text = str(value)
        return value if len(text) < len(_RUN) and text not in {"nan", "inf", "-inf"} else _number(value, text)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    return _deep(value, depth)


def _number(value: float, text: str) -> float | str:
    masked = mask_text(text)
    return value if masked == text and -(1 << 63) <= value < 1 << 64 else masked


def _deep(value: Any, depth: int) -> Any:
    if depth >= _DEPTH:
        return "…"
    if isinstance(value, Mapping):
        pairs = list(value.items())[:_ITEMS]
        return {
            _text(str(k)): _hidden(str(k), v) if is_personal(str(k)) else _plain(v, depth + 1)
            for k, v in pairs
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in list(value)[:_ITEMS]]
    if isinstance(value, msgspec.Struct) or hasattr(value, "__pydantic_fields__"):
        return f"<{type(value).__name__}>"  # bodies and settings: their fields are nobody's business here
    try:
        return _text(str(value))
    except Exception:  # a log line must never fail, whatever object is in it
        return f"<{type(value).__name__}>"


def _text(text: str) -> str:
    # Masked before it is cut: cut first, a number could end up too short to be seen as one.
    masked = mask_text(_clean(text[: _LONGEST + _MARGIN]))
    return masked if len(masked) <= _LONGEST else f"{masked[:_LONGEST]}…"


def _clean(text: str) -> str:
    """Encodable, and without control characters that could forge lines or hide digits."""
    return _CONTROL.sub("�", text.encode("utf-8", "replace").decode())
