"""The JSON codec: Python objects in (numbers exact), Python objects and bytes out.

Its normal form: no white space, keys in the order of the mapping, numbers as strings or as numbers
(`numbers:`) with all their declared decimals, groups always as arrays, absent fields left out, empty or
null (`empty:`), fields that were kept after those that are known.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec

from mappings.codec import Encode, Shape, needed
from mappings.codec_xml import value_of
from mappings.definition import CodecLine
from mappings.errors import Refused
from mappings.plan import Branch, Item, Leaf, Plan, Repeat
from mappings.report import Report, Where
from mappings.source import Source

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")

#: White space outside of texts, which may stand between a key and its colon.
_BLANKS = b" \t\n\r"


def parse_json(data: bytes, max_bytes: int = 4 << 20) -> Any:
    """JSON as Python objects, with every fraction an exact `Decimal`.

    Raises:
        Refused: malformed, not UTF-8, NaN or Infinity, a key given twice, too deep, too long.
    """
    if len(data) > max_bytes:
        raise Refused("size", f"报文超过 {max_bytes} 字节", f"longer than {max_bytes} bytes")
    try:
        tree = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError):
        raise Refused("syntax", "JSON 格式错误", "malformed JSON") from None
    # Parsers differ in which of two equal keys they believe: a difference somebody could be paid by.
    # Without blanks each key shows as `":`, so equal counts prove that none is doubled. A text may hold the
    # same two characters: then the slow way decides.
    if data.translate(None, _BLANKS).count(b'":') != _keys(tree):
        json.loads(data, object_pairs_hook=_once, parse_float=str, parse_int=str)
    return tree


def _keys(node: Any) -> int:
    """How many there are in all objects."""
    count, nodes = 0, [node]
    for inner in nodes:  # grows meanwhile
        if type(inner) is dict:
            count += len(inner)
            nodes += [v for v in inner.values() if type(v) is dict or type(v) is list]
        elif type(inner) is list:
            nodes += [v for v in inner if type(v) is dict or type(v) is list]
    return count


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise Refused("duplicate", "同一对象中有重复的键", "a key is given twice in one object")


class JsonCodec:
    typed = True

    def __init__(self, line: CodecLine) -> None:
        self._max_bytes = line.max_bytes

    def key(self, step: str) -> str:
        return step

    def parse(self, data: bytes) -> Any:
        return parse_json(data, self._max_bytes)

    def serialise(self, tree: Any) -> bytes:
        return _encoder.encode(tree)

    def check(self, tree: Any, report: Report) -> None:
        if type(tree) is not dict:
            report.place("$", None, "shape", "应为 JSON 对象", "must be a JSON object")

    def fetch(self, node: Any, shape: Shape, report: Report, where: Where) -> dict[str, Any]:
        if type(node) is not dict:
            if node is not None and (where is not None or shape.path):
                report.place(shape.path, where, "shape", "应为 JSON 对象", "must be a JSON object")
            return {}
        if not node.keys() <= shape.known and shape.unknown != "ignore":
            self._unknown(node, shape, report, where)
        return node

    def _unknown(self, node: dict[str, Any], shape: Shape, report: Report, where: Where) -> None:
        for key in node.keys() - shape.known if shape.unknown == "reject" else node:
            if shape.unknown == "reject":
                path = f"{shape.path}/{key}".lstrip("/")
                report.place(path, where, "unknown", "未约定的字段", "is no agreed field")
            elif key not in shape.known:
                report.keep(shape.path, where, key, node[key])

    def rows(self, value: Any, repeat: Repeat, report: Report, where: Where) -> list[Any]:
        if value is None or value == "":
            return []
        if type(value) is not list:
            report.place(repeat.path, where, "shape", "应为数组", "must be an array")
            return []
        if len(value) > repeat.limit:
            report.place(
                repeat.path, where, "limit", f"明细超过 {repeat.limit} 行", f"more than {repeat.limit} rows"
            )
            return []
        return value

    def text(self, value: Any, numeric: bool) -> str:
        kind = type(value)
        if numeric and (kind is int or kind is Decimal):
            return str(value)
        if kind is float:
            # Whoever parsed this has rounded it already; guessing the original is no business of ours.
            raise Refused(
                "float", "数值已被取整为浮点数", "the number was rounded to a float before it came here"
            )
        raise Refused("type", "应为字符串", "must be a string")

    def pick(self, tree: Any, path: str) -> Any:
        for step in path.split("/"):
            tree = tree.get(step) if type(tree) is dict else None
        return tree

    def compile_encode(self, plan: Plan) -> Encode:
        source = Source(Refused=Refused, number=_number)
        writer = _Writer(source, plan)
        writer.function("write", plan.items)
        write = source.compile(plan.definition.name)["write"]

        def encode(body: Any, report: Report, envelope: dict[str, str]) -> Any:
            tree = write(body, None, report, None, envelope)
            text = getattr(body, plan.keep) if plan.keep else None
            if text is not None:
                restore(tree, text, plan.keep, report)
            return tree

        return encode


def _number(text: str) -> Decimal | int:
    return Decimal(text) if "." in text else int(text)


def kept_text(kept: dict[str, Any]) -> str | None:
    """Unknown fields as the text that goes into the canonical extension field."""
    return _encoder.encode(kept).decode() if kept else None


def restore(tree: dict[str, Any], text: str, canonical: str, report: Report) -> None:
    """The inverse: puts kept fields back where they stood."""
    try:
        kept = parse_json(text.encode())
    except (Refused, UnicodeEncodeError):
        kept = None
    if type(kept) is not dict or not _merge(tree, kept):
        report.body(
            canonical, "extension", "不是可放回原处的 JSON 扩展", "is no JSON extension that fits this format"
        )


def _merge(tree: dict[str, Any], kept: dict[str, Any]) -> bool:
    """False where something kept collides with something known."""
    for key, value in kept.items():
        found = tree.get(key)
        if found is None and key not in tree:
            tree[key] = value
        elif type(found) is dict and type(value) is dict:
            if not _merge(found, value):
                return False
        elif type(found) is not list or type(value) is not dict or not _merge_rows(found, value):
            return False
    return True


def _merge_rows(rows: list[Any], kept: dict[str, Any]) -> bool:
    for number, value in kept.items():
        index = int(number) - 1 if number.isascii() and number.isdigit() and len(number) < 10 else -1
        if not 0 <= index < len(rows) or type(value) is not dict or not _merge(rows[index], value):
            return False
    return True


class _Writer:
    """Generates functions that build the objects of one message."""

    def __init__(self, source: Source, plan: Plan) -> None:
        self.source = source
        self.empty = {"absent": "", "blank": "''", "null": "None"}[plan.definition.empty]
        self.as_numbers = plan.definition.codec.numbers == "number"

    def function(self, name: str, items: list[Item]) -> None:
        rows = self._rows(items)
        with self.source.block(f"def {name}(b, parent, report, where, envelope):"):
            self.source("o = {}")
            self._items("o", items, rows)
            self.source("return o")

    def _rows(self, items: list[Item]) -> dict[int, str]:
        names: dict[int, str] = {}
        for item in items:
            if isinstance(item, Repeat):
                names[id(item)] = self.source.new("row")
                self.function(names[id(item)], item.items)
            elif isinstance(item, Branch):
                names |= self._rows(item.items)
        return names

    def _items(self, out: str, items: list[Item], rows: dict[int, str]) -> None:
        for item in items:
            place = f"{out}[{item.step!r}]"
            if isinstance(item, Branch):
                inner = self.source.new("o")
                self.source(f"{inner} = {place} = {{}}")
                self._items(inner, item.items, rows)
                if not needed(item.items) and not any(isinstance(i, Repeat) for i in item.items):
                    self.source(f"if not {inner}: del {place}")
            elif isinstance(item, Repeat):
                this = self.source.new("repeat", item)
                call = f"{rows[id(item)]}(r, b, report, (where, {this}, i), envelope)"
                self.source(f"{place} = [{call} for i, r in enumerate(b.{item.attr})]")
            elif item.role == "const":
                self.source(f"{place} = {item.lens.write(None)!r}")
            elif item.role != "skip":
                self._leaf(place, item)

    def _leaf(self, place: str, leaf: Leaf) -> None:
        source = self.source
        this = source.new("leaf", leaf)
        write = source.new("write", leaf.lens.write)
        source(f"v = {value_of(leaf)}")
        if leaf.required or self.empty:
            with source.block("if v is None:"):
                source(f"report.missing({this}, where)" if leaf.required else f"{place} = {self.empty}")
        with source.block("if v is not None:"):
            with source.block("try:"):
                number = self.as_numbers and leaf.lens.numeric
                source(f"{place} = {f'number({write}(v))' if number else f'{write}(v)'}")
            with source.block("except Refused as no:"):
                source(f"report.refused({this}, where, no, v)")
