"""The XML codec: an lxml element in, the bytes of one element out.

Its normal form: no declaration, the namespaces declared on the root element, elements in the order of the
mapping, no white space between them, absent fields left out (or empty, with `empty: blank`).
"""

from __future__ import annotations

import re
from typing import Any, cast

from lxml import etree

from mappings.codec import Encode, Shape, needed
from mappings.definition import CodecLine
from mappings.errors import Refused
from mappings.plan import Branch, Item, Leaf, Plan, Repeat
from mappings.report import Report, Where
from mappings.source import Source

#: Entities, DTDs and networks have no business in a partner's message.
_PARSER = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}

#: Attributes a mapping has no line for. Those of xsi say things about the schema, not about the person.
_STRANGE = etree.XPath(
    "boolean(descendant-or-self::*/@*[namespace-uri() != 'http://www.w3.org/2001/XMLSchema-instance'])"
)
_SPECIAL = re.compile("[<>&\r]")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\r": "&#13;"}


def escape(text: str) -> str:
    """Text as element content. A carriage return needs a reference, or parsers read it as a line feed."""
    if text.isalnum() or _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda m: _ENTITIES[m[0]], text)


class XmlCodec:
    typed = False

    def __init__(self, line: CodecLine) -> None:
        self._namespace = line.namespace
        self._prefixes = dict(line.namespaces)
        self._max_bytes = line.max_bytes
        self.root = line.root
        self._parser = etree.XMLParser(**cast(Any, _PARSER))

    def key(self, step: str) -> str:
        prefix, _, name = step.rpartition(":")
        uri = self._prefixes[prefix] if prefix else self._namespace
        return f"{{{uri}}}{name}" if uri else name

    def parse(self, data: bytes) -> etree._Element:
        if len(data) > self._max_bytes:
            raise Refused("size", f"报文超过 {self._max_bytes} 字节", f"longer than {self._max_bytes} bytes")
        try:
            tree = etree.fromstring(data, self._parser)
        except etree.XMLSyntaxError as error:
            at = error.position
            zh, en = (
                f"XML 格式错误(第 {at[0]} 行第 {at[1]} 列)",
                f"malformed XML at line {at[0]}, column {at[1]}",
            )
            raise Refused("syntax", zh, en) from None
        if cast(Any, tree.getroottree().docinfo).doctype:
            raise Refused("doctype", "不允许 DOCTYPE", "a DOCTYPE is not allowed")
        return tree

    def serialise(self, tree: Any) -> bytes:
        assert isinstance(tree, bytes)
        return tree

    def check(self, tree: Any, report: Report) -> None:
        if tree.tag != self.key(self.root):
            expected = self.key(self.root)
            report.place(
                str(tree.tag), None, "root", f"根元素应为 {expected}", f"the root must be {expected}"
            )
        if _STRANGE(tree):
            report.place(self.root, None, "attribute", "含有未约定的属性", "has attributes nobody agreed on")

    def fetch(self, node: Any, shape: Shape, report: Report, where: Where) -> dict[str, Any]:
        found: dict[str, Any] = {}
        leaves = shape.leaves
        for child in node if node is not None else ():
            tag = child.tag
            if tag in leaves and tag not in found and not len(child):
                found[tag] = child.text
            elif tag in shape.repeats:
                found.setdefault(tag, []).append(child)
            elif tag in shape.branches and tag not in found:
                found[tag] = child
            elif tag not in shape.skips:
                self._odd(child, shape, report, where)
            tail = child.tail
            if tail and not tail.isspace():
                self._stray(shape, report, where)
        if node is not None and (text := node.text) and not text.isspace():
            self._stray(shape, report, where)
        return found

    def _odd(self, child: Any, shape: Shape, report: Report, where: Where) -> None:
        tag = child.tag if isinstance(child.tag, str) else "?"
        path = f"{shape.path}/{etree.QName(tag).localname if tag != '?' else tag}".lstrip("/")
        if tag in shape.leaves and len(child):
            report.place(path, where, "shape", "应只含文本,不含子元素", "must hold text only, no elements")
        elif tag in shape.known:
            report.place(path, where, "duplicate", "重复出现", "occurs more than once")
        elif shape.unknown == "reject":
            report.place(
                path,
                where,
                "unknown",
                "未约定的元素(或命名空间不符)",
                "is no agreed element, or in another namespace",
            )

    def _stray(self, shape: Shape, report: Report, where: Where) -> None:
        report.place(
            shape.path or self.root, where, "shape", "元素之间有文本", "has text between its elements"
        )

    def rows(self, value: Any, repeat: Repeat, report: Report, where: Where) -> list[Any]:
        rows: list[Any] = value or []
        if len(rows) > repeat.limit:
            report.place(
                repeat.path, where, "limit", f"明细超过 {repeat.limit} 行", f"more than {repeat.limit} rows"
            )
            return []
        return rows

    def text(self, value: Any, numeric: bool) -> str:
        raise Refused("type", "应为文本", "must be text")

    def pick(self, tree: Any, path: str) -> Any:
        if "/" in path:
            return tree.findtext("/".join(map(self.key, path.split("/"))))
        child = next(tree.iterchildren(self.key(path)), None)
        return None if child is None else child.text or ""

    def compile_encode(self, plan: Plan) -> Encode:
        source = Source(Refused=Refused, escape=escape)
        writer = _Writer(source, plan)
        uris = [("xmlns", self._namespace), *((f"xmlns:{p}", u) for p, u in self._prefixes.items())]
        declared = "".join(
            f' {name}="{escape(uri).replace(chr(34), "&quot;").replace("{", "{{").replace("}", "}}")}"'
            for name, uri in uris
            if uri
        )
        writer.function("write", plan.items, self.root, declared)
        write = source.compile(plan.definition.name)["write"]

        def encode(body: Any, report: Report, envelope: dict[str, str]) -> bytes:
            return cast(bytes, write(body, None, report, None, envelope).encode("utf-8"))

        return encode


class _Writer:
    """Generates functions that fill a text template; every value is either safe or escaped."""

    def __init__(self, source: Source, plan: Plan) -> None:
        self.source = source
        self.blank = plan.definition.empty != "absent"

    def function(self, name: str, items: list[Item], step: str, attributes: str = "") -> None:
        rows = self._rows(items)
        with self.source.block(f"def {name}(b, parent, report, where, envelope):"):
            parts = self._items(items, rows)
            self.source(f"return f{f'<{step}{attributes}>{parts}</{step}>'!r}")

    def _rows(self, items: list[Item]) -> dict[int, str]:
        names: dict[int, str] = {}
        for item in items:
            if isinstance(item, Repeat):
                names[id(item)] = self.source.new("row")
                self.function(names[id(item)], item.items, item.step)
            elif isinstance(item, Branch):
                names |= self._rows(item.items)
        return names

    def _items(self, items: list[Item], rows: dict[int, str]) -> str:
        """Statements that make the parts; returns the f-string text that puts them together."""
        template = ""
        for item in items:
            if isinstance(item, Branch):
                template += self._branch(item, rows)
            elif isinstance(item, Repeat):
                template += self._repeat(item, rows[id(item)])
            elif item.role == "const":
                template += f"<{item.step}>{escape(item.lens.write(None)).replace('{', '{{').replace('}', '}}')}</{item.step}>"
            elif item.role != "skip":
                template += self._leaf(item)
        return template

    def _branch(self, branch: Branch, rows: dict[int, str]) -> str:
        inner = self._items(branch.items, rows)
        if needed(branch.items):
            return f"<{branch.step}>{inner}</{branch.step}>"
        part = self.source.new("part")
        self.source(f"{part} = f{inner!r}")
        self.source(f"if {part}: {part} = f{f'<{branch.step}>{{{part}}}</{branch.step}>'!r}")
        return f"{{{part}}}"

    def _repeat(self, repeat: Repeat, row: str) -> str:
        part = self.source.new("part")
        this = self.source.new("repeat", repeat)
        call = f"{row}(r, b, report, (where, {this}, i), envelope)"
        self.source(f"{part} = ''.join([{call} for i, r in enumerate(b.{repeat.attr})])")
        return f"{{{part}}}"

    def _leaf(self, leaf: Leaf) -> str:
        source, step = self.source, leaf.step
        part = source.new("part")
        this = source.new("leaf", leaf)
        write = source.new("write", leaf.lens.write)
        text = f"{write}(v)" if leaf.lens.safe else f"escape({write}(v))"
        source(f"v = {value_of(leaf)}")
        with source.block("if v is None:"):
            source(f"{part} = {(f'<{step}></{step}>' if self.blank and not leaf.required else '')!r}")
            if leaf.required:
                source(f"report.missing({this}, where)")
        with source.block("else:"):
            with source.block("try:"):
                source(f"{part} = f'<{step}>{{{text}}}</{step}>'")
            with source.block("except Refused as no:"):
                source(f"{part} = report.refused({this}, where, no, v)")
        return f"{{{part}}}"


def value_of(leaf: Leaf) -> str:
    """Where the generated writer finds the value of a leaf."""
    if leaf.role == "envelope":
        return f"envelope.get({leaf.step!r})"
    return f"{'parent' if leaf.role == 'parent' else 'b'}.{leaf.attr}"
