"""The XML codec: an lxml element in, the bytes of one element out.

Its normal form: the namespaces declared on the root element, elements in the order of the mapping, no white
space between them, absent fields left out (or empty, with `empty: blank`), kept content after what is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from lxml import etree

from mappings.charset import CHARSETS
from mappings.codecs import xml_quick, xml_reshape
from mappings.codecs.codec import Codec, Shape, Write
from mappings.codecs.kinds import BadPath, Kind, Options
from mappings.codecs.xml_names import XSI, Names
from mappings.codecs.xml_parser import Limits, parse
from mappings.codecs.xml_reshape import Reshape
from mappings.codecs.xml_restore import restore, serialise
from mappings.codecs.xml_writer import Writer, declared
from mappings.document import Reader
from mappings.keys import Keys, nearest
from mappings.plan import Branch, Document, Item, Leaf, Plan, Repeat
from mappings.quick import QuickRead
from mappings.report import Report, Where

_STEP = re.compile(r"@?(?:([A-Za-z_][\w.-]*):)?[A-Za-z_][\w.-]*", re.ASCII)
#: What `encoding` may say.
_DECLARED = ("GBK", "GB18030", "GB2312", "UTF-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlOptions(Options):
    namespace: str = ""
    namespaces: tuple[tuple[str, str], ...] = ()
    declaration: str = ""  #: the encoding that a declaration names; empty: no declaration
    max_depth: int = 64
    max_items: int = 500_000
    reshape: tuple[Reshape, ...] = ()


class XmlCodec(Codec):
    def __init__(self, document: Document, options: XmlOptions) -> None:
        self._document = document
        self._options = options
        self._names = Names(options.namespace, dict(options.namespaces))
        self._charset = CHARSETS[options.charset]
        self._limits = Limits(options.charset, options.max_bytes, options.max_depth, options.max_items)
        said = options.declaration
        self._declaration = f'<?xml version="1.0" encoding="{said}"?>' if said else ""

    def key(self, step: str) -> str:
        return self._names.key(step)

    def parse(self, data: bytes) -> etree._Element:
        return self._reshaped(parse(data, self._limits))

    def parse_text(self, text: str) -> etree._Element:
        return self._reshaped(parse(text, self._limits))

    def _reshaped(self, tree: etree._Element) -> etree._Element:
        for reshape in self._options.reshape:
            reshape.read(tree)
        return tree

    def _restored(self, data: bytes) -> bytes:
        """What was written, in the shape that is sent."""
        if not self._options.reshape:
            return data
        tree = etree.fromstring(data)
        for reshape in reversed(self._options.reshape):
            reshape.write(tree)
        return etree.tostring(tree, encoding="utf-8")

    def serialise(self, tree: Any) -> bytes:
        data = self._restored(cast(bytes, tree))
        if self._charset.name != "utf-8":
            data = self._charset.encode(data.decode())
        return self._declaration.encode() + data

    def serialise_text(self, tree: Any) -> str:
        return self._declaration + self._restored(cast(bytes, tree)).decode()

    def check(self, tree: Any, report: Report, where: Where = None, path: str = "") -> None:
        expected = self.key(self._options.root)
        if tree.tag != expected:
            zh, en = f"根元素应为 {expected}", f"the root must be {expected}"
            report.place(path or str(tree.tag), where, "root", zh, en)

    def fetch(self, node: Any, shape: Shape, report: Report, where: Where) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if node is None:
            return found
        leaves = shape.leaves
        odd: list[Any] = []
        if node.keys():
            self._attributes(node, shape, report, where, found)
        for child in node:
            tag = child.tag
            if tag in leaves and tag not in found and not len(child):
                found[tag] = child.text
                if child.keys():
                    self._of_leaf(child, shape, report, where)
            elif tag in shape.repeats:
                found.setdefault(tag, []).append(child)
            elif tag in shape.branches and tag not in found:
                found[tag] = child
            elif tag not in shape.skips:
                odd.append(child)
            tail = child.tail
            if tail and not tail.isspace():
                self._stray(shape, report, where)
        if odd:
            self._odd(odd, shape, report, where)
        if "." in shape.known:
            found["."] = node.text
        elif (text := node.text) and not text.isspace():
            self._stray(shape, report, where)
        return found

    def _attributes(
        self, node: Any, shape: Shape, report: Report, where: Where, found: dict[str, Any]
    ) -> None:
        for name, value in node.items():
            key = f"@{name}"
            if key in shape.leaves:
                found[key] = value
            elif key not in shape.skips and not name.startswith(XSI):
                self._strange(key, value, shape.path, shape.steps, shape.unknown, report, where)

    def _of_leaf(self, leaf: Any, shape: Shape, report: Report, where: Where) -> None:
        """A leaf's own attributes, of which there are none: a place with some is a branch."""
        step = self._names.step(leaf.tag)
        path, steps = f"{shape.path}/{step}".lstrip("/"), (*shape.steps, step)
        for name, value in leaf.items():
            if not name.startswith(XSI):
                self._strange(f"@{name}", value, path, steps, shape.unknown, report, where)

    def _strange(
        self,
        key: str,
        value: str,
        path: str,
        steps: tuple[str, ...],
        unknown: str,
        report: Report,
        where: Where,
    ) -> None:
        if unknown == "keep":
            report.keep(steps, where, key, value)
        elif unknown == "reject":
            at = f"{path or self._options.root}/{key}"
            report.place(at, where, "attribute", "未约定的属性", "is no agreed attribute")

    def _odd(self, children: list[Any], shape: Shape, report: Report, where: Where) -> None:
        kept: dict[str, list[str]] = {}
        for child in children:
            tag = child.tag if isinstance(child.tag, str) else "?"
            path = f"{shape.path}/{etree.QName(tag).localname if tag != '?' else tag}".lstrip("/")
            if tag in shape.leaves and len(child):
                self._of_leaf(child, shape, report, where)
                zh, en = "应只含文本,不含子元素", "must hold text only, no elements"
                report.place(path, where, "shape", zh, en)
            elif tag in shape.known:
                report.place(path, where, "duplicate", "重复出现", "occurs more than once")
            elif shape.unknown == "reject":
                zh, en = "未约定的元素(或命名空间不符)", "is no agreed element, or in another namespace"
                report.place(path, where, "unknown", zh, en)
            elif shape.unknown == "keep":
                kept.setdefault(tag, []).append(serialise(child, self._names))
        for tag, fragments in kept.items():
            report.keep(shape.steps, where, tag, fragments)

    def _stray(self, shape: Shape, report: Report, where: Where) -> None:
        path = shape.path or self._options.root
        report.place(path, where, "shape", "元素之间有文本", "has text between its elements")

    def pick(self, tree: Any, steps: Sequence[str]) -> Any:
        for step in steps:
            if tree is None:
                return None
            if step == ".":
                return tree.text or ""
            if step.startswith("@"):
                return tree.get(self.key(step)[1:])
            tree = next(tree.iterchildren(self.key(step)), None)
        return None if tree is None else tree.text or ""

    def says(self, leaf: Leaf, text: str) -> bool:
        return self._charset.says(text)

    def writer(self, document: Document, name: str) -> Write:
        writer = Writer(document, name, self._charset)
        return writer.whole(self._options.root, declared(self._names))

    def restore(self, tree: Any, kept: dict[str, Any]) -> bytes:
        return restore(
            parse(tree.decode(), self._limits), kept, self._document.items, self._names, self._limits
        )

    def quick_read(self, plan: Plan) -> QuickRead | None:
        return None if self._names.prefixes or self._options.reshape else xml_quick.compile_read(plan, self)


class XmlKind(Kind):
    keeps = True

    def kept_examples(self, options: XmlOptions) -> tuple[dict[str, Any], ...]:
        names = Names(options.namespace, dict(options.namespaces))
        fragment = '<local_x a="&quot;&#10;"><b>一&lt;</b>\n<b></b></local_x>'
        other = '<x xmlns="urn:other"><y xmlns:n0="urn:third" n0:a=""></y></x>'
        return (
            {names.key("local_x"): [fragment, "<local_x></local_x>"]},
            {"@local": "一", "{urn:other}x": [other]},
        )

    def options(self, keys: Keys, kind: str) -> XmlOptions:
        prefixes = keys.table_of("namespaces") if "namespaces" in keys.table.entries else None
        charset = keys.choice("charset", ("utf-8", "gbk", "gb18030"), "utf-8")
        declaration = keys.choice("declaration", ("true", "false", *_DECLARED), "false")
        options = XmlOptions(
            kind=kind,
            line=keys.table.line,
            root=keys.text("root", ""),
            charset=charset if charset in CHARSETS else "utf-8",
            namespace=keys.text("namespace", ""),
            namespaces=tuple((p, prefixes.text(p)) for p in prefixes.table.entries) if prefixes else (),
            declaration={"true": charset.upper(), "false": ""}.get(declaration, declaration),
            max_bytes=keys.number("max_bytes", 4 << 20),
            max_depth=keys.number("max_depth", 64),
            max_items=keys.number("max_items", 500_000),
            reshape=xml_reshape.options(keys),
        )
        if _STEP.fullmatch(options.root) is None:
            keys.bad("root", "XML 需要根元素名", "XML needs the root element's name")
        for prefix, uri in options.namespaces:
            if not uri or not prefix or prefix.startswith("xml"):
                zh, en = f"命名空间前缀“{prefix}”无效", f"invalid namespace prefix {prefix!r}"
                keys.bad("namespaces", zh, en)
        said = "gb" if options.declaration.startswith("GB") else "ut"
        if options.declaration and not options.charset.startswith(said):
            keys.bad("declaration", "与 charset 不符", "is another charset than `charset`")
        if options.reshape and (options.namespace or options.namespaces):
            keys.bad("reshape", "只用于没有命名空间的 XML", "is for XML without namespaces")
        keys.taken.append("namespaces")
        return options

    def steps(self, path: str, options: XmlOptions) -> list[str]:
        steps = path.split("/")
        prefixes = tuple(p for p, _ in options.namespaces)
        for depth, step in enumerate(steps, 1):
            match = _STEP.fullmatch(step)
            last = depth == len(steps)
            if (match is None and not (step == "." and last)) or (step.startswith("@") and not last):
                raise BadPath("路径写法无效", "invalid path", "a/b/c、a/b/@c、a/b/.")
            if match is not None and match[1] is not None and match[1] not in prefixes:
                zh, en = f"没有声明命名空间前缀“{match[1]}”", f"namespace prefix {match[1]!r} is not declared"
                raise BadPath(zh, en, nearest(match[1], prefixes) or "codec.namespaces")
        return steps

    def lint(self, reader: Reader, document: Document) -> None:
        _mixed(reader, document.items)

    def make(self, document: Document) -> XmlCodec:
        return XmlCodec(document, cast(XmlOptions, document.options))


def _mixed(reader: Reader, items: list[Item]) -> None:
    """Text and elements in one place: no order of theirs could be declared."""
    text = next((i for i in items if i.step == "."), None)
    elements = any(i.step != "." and not i.step.startswith("@") for i in items)
    if text is not None and elements:
        zh, en = "“.”只能与属性同在一个元素中", "`.` stands beside attributes only"
        reader.problem(text.line, text.path, zh, en)
    for item in items:
        if isinstance(item, Branch | Repeat):
            _mixed(reader, item.items)
        elif not isinstance(item, Leaf) and item.step[0] in "@.":
            zh, en = "内层报文须在元素中", "a document inside stands in an element"
            reader.problem(item.line, item.path, zh, en)


KIND = XmlKind()
