"""JSON as Python objects: exact, bounded, and never two things at once."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec

from mappings.errors import Refused

_decoder = msgspec.json.Decoder(float_hook=Decimal)

#: White space outside of texts, which may stand between a key and its colon.
_BLANKS = b" \t\n\r"


def parse_json(data: bytes, max_bytes: int = 4 << 20, max_depth: int = 64, max_items: int = 500_000) -> Any:
    """JSON as Python objects, with every fraction an exact `Decimal`.

    Raises:
        Refused: malformed, not UTF-8, NaN or Infinity, a key given twice, too long, too deep, of too many parts.
    """
    if len(data) > max_bytes:
        raise Refused("size", f"报文超过 {max_bytes} 字节", f"longer than {max_bytes} bytes")
    # Each part but the first of its object or array has a comma before it; those in texts do no harm.
    if len(data) > max_items and max(data.count(b","), data.count(b"{") + data.count(b"[")) > max_items:
        raise Refused("size", f"超过 {max_items} 项", f"more than {max_items} parts")
    try:
        tree = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError):
        raise Refused("syntax", "JSON 格式错误", "malformed JSON") from None
    # Parsers differ in which of two equal keys they believe: a difference somebody could be paid by.
    # Without blanks each key shows as `":`, so equal counts prove that none is doubled. A text may hold the
    # same two characters: then the slow way decides.
    if data.translate(None, _BLANKS).count(b'":') != _keys(tree, max_depth):
        json.loads(data, object_pairs_hook=_once, parse_float=str, parse_int=str)
    return tree


def _keys(tree: Any, max_depth: int) -> int:
    """How many there are in all objects. Raises `Refused` where objects and arrays are too deep in each other."""
    count, nodes = 0, [tree]
    for inner in nodes:  # grows meanwhile
        if type(inner) is dict:
            count += len(inner)
            nodes += [v for v in inner.values() if type(v) is dict or type(v) is list]
        elif type(inner) is list:
            nodes += [v for v in inner if type(v) is dict or type(v) is list]
    if len(nodes) > max_depth and _deeper(tree, max_depth):
        raise Refused("depth", f"嵌套超过 {max_depth} 层", f"nested more than {max_depth} deep")
    return count


def _deeper(tree: Any, depth: int) -> bool:
    level = [tree] if type(tree) is dict or type(tree) is list else []
    for _ in range(depth):
        inner = [v.values() if type(v) is dict else v for v in level]
        level = [v for values in inner for v in values if type(v) is dict or type(v) is list]
    return bool(level)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise Refused("duplicate", "同一对象中有重复的键", "a key is given twice in one object")
