"""What a mapping does not know, as the text of a canonical extension field.

The text is JSON that follows the document: `{"head": {"x": …}, "items": {"2": {"y": …}}}` is `x` within
`head` and `y` within the second of `items`. What stands for `…` is the codec's own.
"""

from __future__ import annotations

from typing import Any

import msgspec

from mappings.codecs.json_parser import parse_json
from mappings.errors import Refused

_encode = msgspec.json.Encoder(decimal_format="number").encode


def kept_text(kept: dict[str, Any]) -> str | None:
    """Unknown fields as the text that goes into the canonical extension field."""
    return _encode(kept).decode() if kept else None


def kept_tree(text: str) -> dict[str, Any]:
    """The inverse of `kept_text`. Raises `Refused`."""
    try:
        kept = parse_json(text.encode())
    except (Refused, UnicodeEncodeError):
        kept = None
    if type(kept) is not dict:
        raise no_extension()
    return kept


def no_extension() -> Refused:
    """For a text that is no extension, or stands in the place of something known."""
    return Refused("extension", "不是可放回原处的扩展内容", "is no extension that fits this format")


def row_index(number: str) -> int:
    """The index of the row that is called so; -1 for what is no number of a row."""
    plain = number.isascii() and number.isdigit() and len(number) < 10 and number[0] != "0"
    return int(number) - 1 if plain else -1
