"""Generates the functions that write XML."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mappings.charset import Charset
from mappings.codecs.codec import Write, inside_writer, needed, presence, value_of
from mappings.codecs.xml_names import Names
from mappings.errors import Refused
from mappings.plan import Branch, Document, Inside, Item, Leaf, Repeat
from mappings.report import Report, Where
from mappings.source import Source

_SPECIAL = re.compile("[<>&\r]")
_IN_ATTRIBUTES = re.compile('[<>&"\t\n\r]')
_ENTITIES = {
    "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;",
}  # fmt: skip


def escape(text: str) -> str:
    """Text as element content. A carriage return needs a reference, or parsers read it as a line feed."""
    if text.isalnum() or _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda m: _ENTITIES[m[0]], text)


def quote(text: str) -> str:
    """Text as the value of an attribute, of which parsers read every white space as a blank."""
    return _IN_ATTRIBUTES.sub(lambda m: _ENTITIES[m[0]], text)


def declared(names: Names) -> str:
    """The namespaces of a document, as attributes of its root."""
    uris = [("xmlns", names.namespace), *((f"xmlns:{p}", uri) for p, uri in names.prefixes.items())]
    return "".join(f' {key}="{quote(uri)}"' for key, uri in uris if uri)


class Writer:
    """Functions that fill a text template; every value is either safe or escaped."""

    def __init__(self, document: Document, name: str, charset: Charset) -> None:
        self.document = document
        self.name = name
        self.blank = document.empty != "absent"
        self.narrow = charset.name != "utf-8"  #: not every character can be written
        self.source = Source(Refused=Refused, escape=escape, quote=quote, said=_said(charset))

    def whole(self, root: str, declared: str) -> Write:
        """The function that writes the document as one element, in UTF-8."""
        self.function("write", self.document.items, root, _braced(declared))
        write: Callable[..., str] = self.source.compile(self.name)["write"]

        def encoded(b: Any, parent: Any, report: Report, where: Where, envelope: dict[str, str]) -> bytes:
            return write(b, parent, report, where, envelope).encode()

        return encoded

    def function(self, name: str, items: list[Item], step: str, declared: str = "") -> None:
        rows = self._rows(items)
        with self.source.block(f"def {name}(b, parent, report, where, envelope):"):
            attributes, parts = self._items(items, rows)
            self.source(f"return f{f'<{step}{declared}{attributes}>{parts}</{step}>'!r}")

    def _rows(self, items: list[Item]) -> dict[int, str]:
        names: dict[int, str] = {}
        for item in items:
            if isinstance(item, Repeat):
                names[id(item)] = self.source.new("row")
                self.function(names[id(item)], item.items, item.step)
            elif isinstance(item, Branch):
                names |= self._rows(item.items)
        return names

    def _items(self, items: list[Item], rows: dict[int, str]) -> tuple[str, str]:
        """Statements that make the parts; returns f-string texts of the attributes and of the content."""
        attributes = template = ""
        for item in items:
            if isinstance(item, Branch):
                template += self._branch(item, rows)
            elif isinstance(item, Repeat):
                template += self._repeat(item, rows[id(item)])
            elif isinstance(item, Inside):
                template += self._inside(item)
            elif item.written and item.step.startswith("@"):
                attributes += self._leaf(item)
            elif item.written:
                template += self._leaf(item)
        return attributes, template

    def _branch(self, branch: Branch, rows: dict[int, str]) -> str:
        if needed(branch.items) or self.blank:
            attributes, inner = self._items(branch.items, rows)
            return f"<{branch.step}{attributes}>{inner}</{branch.step}>"
        part = self.source.new("part")
        with self.source.block(f"if {presence(branch.items)}:"):
            attributes, inner = self._items(branch.items, rows)
            self.source(f"{part} = f{f'<{branch.step}{attributes}>{inner}</{branch.step}>'!r}")
        self.source(f'else: {part} = ""')
        return f"{{{part}}}"

    def _repeat(self, repeat: Repeat, row: str) -> str:
        part = self.source.new("part")
        this = self.source.new("repeat", repeat)
        call = f"{row}(r, b, report, (where, {this}, i), envelope)"
        self.source(f"{part} = ''.join([{call} for i, r in enumerate(b.{repeat.attr})])")
        return f"{{{part}}}"

    def _inside(self, inside: Inside) -> str:
        source, part = self.source, self.source.new("part")
        write = source.new("inside", inside_writer(inside, self.name))
        source(f"v = {write}(b, parent, report, where, envelope)")
        around = _around(inside.step, "{escape(said(v))}" if self.narrow else "{escape(v)}")
        empty = _around(inside.step, "") if self.blank else ""
        with source.block("try:"):
            source(f"{part} = {empty!r} if v is None else f{around!r}")
        with source.block("except Refused as no:"):
            this = source.new("inside", inside)
            source(f"{part} = report.place({this}.path, where, no.rule, no.zh, no.en)")
        return f"{{{part}}}"

    def _leaf(self, leaf: Leaf) -> str:
        source, step = self.source, leaf.step
        if leaf.role == "const":
            text = leaf.lens.write(None)
            safe = quote(text) if step.startswith("@") else escape(text)
            return _around(step, _braced(safe))
        part = source.new("part")
        this = source.new("leaf", leaf)
        write = source.new("write", leaf.lens.write)
        escaped = "quote" if step.startswith("@") else "escape"
        text = f"said({write}(v))" if self.narrow else f"{write}(v)"
        if not leaf.lens.safe:
            text = f"{escaped}({text})"
        source(f"v = {value_of(leaf)}")
        with source.block("if v is None:"):
            source(f"{part} = {(_around(step, '') if self.blank and not leaf.required else '')!r}")
            if leaf.required:
                source(f"report.missing({this}, where)")
        with source.block("else:"):
            with source.block("try:"):
                source(f"{part} = f{_around(step, f'{{{text}}}')!r}")
            with source.block("except Refused as no:"):
                source(f"{part} = report.refused({this}, where, no, v)")
        return f"{{{part}}}"


def _around(step: str, text: str) -> str:
    """A leaf with its text: an element, an attribute, or the text of the element itself."""
    if step == ".":
        return text
    return f' {step[1:]}="{text}"' if step.startswith("@") else f"<{step}>{text}</{step}>"


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _said(charset: Charset) -> Callable[[str], str]:
    """Refuses a text that the charset cannot say."""

    def said(text: str) -> str:
        if not text.isascii():
            charset.encode(text)
        return text

    return said
