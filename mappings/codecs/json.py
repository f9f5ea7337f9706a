"""The JSON codec: Python objects in (numbers exact), Python objects and bytes out.

Its normal form: no white space, keys in the order of the mapping, numbers as strings or as numbers
(`numbers:`) with all their declared decimals, groups always as arrays, absent fields left out, empty or
null (`empty:`), fields that were kept after those that are known.

`x[1]/y` is in an array that holds exactly one object, as some partners write every object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import msgspec

from mappings.codecs import json_quick
from mappings.codecs.codec import Codec, Shape, Write
from mappings.codecs.json_parser import parse_json
from mappings.codecs.json_places import ONE, named, singles, wrapped
from mappings.codecs.json_writer import Writer
from mappings.codecs.kept import kept_text, no_extension, row_index
from mappings.codecs.kinds import BadPath, Kind, Options
from mappings.document import Reader
from mappings.errors import Refused
from mappings.keys import Keys
from mappings.lenses_numbers import DecimalLens
from mappings.plan import Branch, Document, Item, Plan, Repeat, leaves
from mappings.quick import QuickRead, QuickWrite
from mappings.report import Report, Where
from mappings.source import Source

_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonOptions(Options):
    numbers: str = "string"  #: how numbers are written; both spellings are read
    max_depth: int = 64
    max_items: int = 500_000


class JsonCodec(Codec):
    typed = True

    def __init__(self, document: Document, options: JsonOptions) -> None:
        self._options = options
        self._items = document.items

    def parse(self, data: bytes) -> Any:
        limits = self._options
        return parse_json(data, limits.max_bytes, limits.max_depth, limits.max_items)

    def serialise(self, tree: Any) -> bytes:
        return _encoder.encode(tree)

    def check(self, tree: Any, report: Report, where: Where = None, path: str = "") -> None:
        if type(tree) is not dict:
            report.place(path or "$", where, "shape", "应为 JSON 对象", "must be a JSON object")

    def key(self, step: str) -> str:
        return named(step)

    def fetch(self, node: Any, shape: Shape, report: Report, where: Where) -> dict[str, Any]:
        if shape.steps and wrapped(shape.steps[-1]):
            node = self._unwrapped(node, shape, report, where)
        if type(node) is not dict:
            if node is not None and (where is not None or shape.path):
                report.place(shape.path, where, "shape", "应为 JSON 对象", "must be a JSON object")
            return {}
        if not node.keys() <= shape.known and shape.unknown != "ignore":
            self.unknown(node, shape, report, where)
        return node

    def _unwrapped(self, node: Any, shape: Shape, report: Report, where: Where) -> Any:
        """The one object of an array; none where the array is absent or empty."""
        if node is None or node == []:
            return None
        if type(node) is list and len(node) == 1 and type(node[0]) is dict:
            return node[0]
        zh, en = "应为恰含一个对象的数组", "must be an array of exactly one object"
        report.place(shape.path, where, "shape", zh, en)
        report.silence(where, shape.path)
        return None

    def unknown(self, node: dict[str, Any], shape: Shape, report: Report, where: Where) -> None:
        """What stands in an object without a line: kept, or a fault."""
        for key in node.keys() - shape.known if shape.unknown == "reject" else node:
            # What is kept under the name of an array of one goes back into it, so nothing else is called so.
            if shape.unknown == "reject" or key.endswith(ONE):
                path = f"{shape.path}/{key}".lstrip("/")
                report.place(path, where, "unknown", "未约定的字段", "is no agreed field")
            elif key not in shape.known:
                report.keep(shape.steps, where, key, node[key])

    def rows(self, value: Any, repeat: Repeat, report: Report, where: Where) -> Sequence[Any]:
        if value is None or value == "":
            return []
        if type(value) is not list:
            report.place(repeat.path, where, "shape", "应为数组", "must be an array", name=repeat.name)
            return []
        return super().rows(value, repeat, report, where)

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

    def pick(self, tree: Any, steps: Sequence[str]) -> Any:
        for step in steps:
            tree = tree.get(named(step)) if type(tree) is dict else None
            if wrapped(step):
                tree = tree[0] if type(tree) is list and len(tree) == 1 else None
        return tree

    def writer(self, document: Document, name: str) -> Write:
        source = Source(Refused=Refused, number=_number)
        writer = Writer(source, document, name, self._options.numbers == "number")
        writer.function("write", document.items)
        write: Write = source.compile(name)["write"]
        return write

    def restore(self, tree: Any, kept: dict[str, Any]) -> Any:
        if not _merge(tree, kept, self._items):
            raise no_extension()
        return tree

    def quick_read(self, plan: Plan) -> QuickRead | None:
        return json_quick.compile_read(plan, self, self.unknown, kept_text)

    def quick_write(self, plan: Plan) -> QuickWrite | None:
        return json_quick.compile_write(plan, self._options.numbers == "number")


def _number(text: str) -> Decimal | int:
    return Decimal(text) if "." in text else int(text)


def _merge(tree: dict[str, Any], kept: dict[str, Any], items: list[Item]) -> bool:
    """False where something kept stands in the place of something known."""
    known = {item.step: item for item in items}
    for key, value in kept.items():
        item = known.get(key)
        if item is None:
            tree[key] = value
        elif type(value) is not dict:
            return False
        elif isinstance(item, Branch):
            inner = tree.setdefault(named(key), [{}] if wrapped(key) else {})
            if not _merge(inner[0] if wrapped(key) else inner, value, item.items):
                return False
        elif not isinstance(item, Repeat) or not _merge_rows(tree.get(key, []), value, item.items):
            return False
    return True


def _merge_rows(rows: list[Any], kept: dict[str, Any], items: list[Item]) -> bool:
    for number, value in kept.items():
        index = row_index(number)
        if not 0 <= index < len(rows) or type(value) is not dict or not _merge(rows[index], value, items):
            return False
    return True


class JsonKind(Kind):
    keeps = True

    def options(self, keys: Keys, kind: str) -> JsonOptions:
        return JsonOptions(
            kind=kind,
            line=keys.table.line,
            root=keys.text("root", ""),
            numbers=keys.choice("numbers", ("string", "number"), "string"),
            max_bytes=keys.number("max_bytes", 4 << 20),
            max_depth=keys.number("max_depth", 64),
            max_items=keys.number("max_items", 500_000),
        )

    def around(self, options: JsonOptions) -> tuple[str, ...]:
        return (options.root,) if options.root else ()

    def steps(self, path: str, options: JsonOptions) -> list[str]:
        steps = path.split("/")
        if not all(named(step) for step in steps) or wrapped(steps[-1]):
            raise BadPath("路径写法无效", "invalid path", "a/b/c、a[1]/b")
        return steps

    def lint(self, reader: Reader, document: Document) -> None:
        for leaf in leaves(document.items):
            many = isinstance(leaf.lens, DecimalLens) and leaf.lens.decimals > 6
            if many and cast(JsonOptions, document.options).numbers == "number":
                zh, en = "JSON 数值最多写 6 位小数", "a JSON number is written with at most 6 decimals"
                reader.problem(leaf.line, leaf.path, zh, en, "numbers: string")
        singles(reader, document.items)

    def make(self, document: Document) -> JsonCodec:
        return JsonCodec(document, cast(JsonOptions, document.options))


KIND = JsonKind()
