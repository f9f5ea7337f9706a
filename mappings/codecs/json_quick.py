"""The quick ways to read and to write JSON.

Reading: the texts of one object, one a line, are checked by one regular expression made from the mapping.
Writing: text, into which the values go; what is unsafe among them is looked at together, before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw

from mappings.codecs.codec import Codec, Shape, needed, shape, value_of
from mappings.codecs.json_places import named, wrapped
from mappings.lens import Lens
from mappings.lenses import _FORBIDDEN, FlagLens
from mappings.plan import Branch, Item, Leaf, Plan, Repeat
from mappings.quick import (
    QuickRead,
    QuickWrite,
    doubt,
    familiar,
    leaves,
    names,
    reading,
    totals,
    unmapped,
    writing,
    written,
)
from mappings.report import Report, Where
from mappings.shape import fields_of
from mappings.source import Source

_encode = msgspec.json.Encoder().encode
_OTHER = r"[^\n]"
_NUMERIC = frozenset({str, int, Decimal}).issuperset
#: What JSON writes with a reverse solidus.
_ESCAPED = re.compile("[\x00-\x1f]").search


def compile_read(
    plan: Plan,
    codec: Codec,
    unknown: Callable[[dict[str, Any], Shape, Report, Where], None],
    kept: Callable[[dict[str, Any]], str | None],
) -> QuickRead | None:
    """The quick reader of a JSON mapping; None where its lines have something unusual."""
    if not familiar(plan.items):
        return None
    source = Source(**names(), unknown=unknown, kept=kept, Report=Report, numeric=_NUMERIC)
    source.names["forbidden"] = _FORBIDDEN.search
    _Reader(source, plan, codec).function()
    read: QuickRead = source.compile(plan.definition.name)["read"]
    return read


class _Reader:
    def __init__(self, source: Source, plan: Plan, codec: Codec) -> None:
        self.source = source
        self.plan = plan
        self.codec = codec
        self.keeps = bool(plan.keep)

    def function(self) -> None:
        source, plan = self.source, self.plan
        rows = self._rows(plan.items)
        with source.block("def read(node, elsewhere):"):
            source(f"report = {f'Report({plan.definition.name!r})' if self.keeps else None}")
            values = self._node("node", "", (), plan.items, rows, "None")
            unmapped(source, plan, values)
            if self.keeps:
                source("if report.faults: raise Doubt")
                values[plan.keep] = "kept(report.kept) if report.kept else None"
            totals(source, plan, values.__getitem__)
            made = source.new("Struct", plan.struct)
            source(f"return {made}({', '.join(f'{k}={v}' for k, v in values.items())})")

    def _rows(self, items: list[Item]) -> dict[int, str]:
        """Row functions come first, so that the function of the body can name them."""
        found: dict[int, str] = {}
        for item in items:
            if isinstance(item, Repeat):
                name = found[id(item)] = self.source.new("row")
                with self.source.block(f"def {name}(node, report, where):"):
                    values = self._node("node", "", (), item.items, {}, "where")
                    made = self.source.new("Struct", item.struct)
                    self.source(f"return {made}({', '.join(f'{k}={v}' for k, v in values.items())})")
            elif isinstance(item, Branch):
                found |= self._rows(item.items)
        return found

    def _node(
        self,
        node: str,
        path: str,
        steps: tuple[str, ...],
        items: list[Item],
        rows: dict[int, str],
        where: str,
    ) -> dict[str, str]:
        """Reads one object; returns canonical field → expression."""
        source = self.source
        known = shape(self.codec, self.plan.document, path, steps, items)
        source(f"if type({node}) is not dict: raise Doubt")
        if known.unknown != "ignore":
            keys = source.new("keys", known.known)
            strange = f"unknown({node}, {source.new('shape', known)}, report, {where})"
            source(f"if not {node}.keys() <= {keys}: {strange if self.keeps else 'raise Doubt'}")
        values = self._leaves(
            node, [i for i in items if isinstance(i, Leaf) and i.role in ("field", "const")]
        )
        for item in items:
            if isinstance(item, Branch):
                inner = source.new("node")
                source(f"{inner} = {node}.get({named(item.step)!r})")
                if wrapped(item.step):
                    source(f"if type({inner}) is not list: raise Doubt")
                    source(f"({inner},) = {inner}")
                values |= self._node(inner, item.path, item.steps, item.items, rows, where)
            elif isinstance(item, Repeat):
                values[item.attr] = self._repeat(item, node, rows[id(item)])
        return values

    def _leaves(self, node: str, chosen: list[Leaf]) -> dict[str, str]:
        source = self.source
        if not chosen:
            return {}
        forms = [reading(source, leaf.lens, _OTHER) for leaf in chosen]
        texts = [source.new("t") for _ in chosen]
        get = source.new("get")
        source(f"{get} = {node}.get")
        for leaf, text in zip(chosen, texts, strict=True):
            if leaf.required:
                source(f"{text} = {node}[{leaf.step!r}]")
            else:
                source(f'if ({text} := {get}({leaf.step!r})) is None: {text} = ""')
        self._numbers([t for leaf, t in zip(chosen, texts, strict=True) if leaf.lens.numeric])
        # What is no text makes `join` raise TypeError.
        patterns = [_maybe(form.pattern, leaf.required) for form, leaf in zip(forms, chosen, strict=True)]
        form = source.new("form", re.compile(r"\n".join(patterns)).fullmatch)
        source(f'if {form}("\\n".join(({", ".join(texts)},))) is None: raise Doubt')
        plain = [t for form, t in zip(forms, texts, strict=True) if form.plain]
        if plain:
            source(
                f'if not (s := "".join(({", ".join(plain)},))).isprintable() and forbidden(s): raise Doubt'
            )
        values: dict[str, str] = {}
        for leaf, text, found in zip(chosen, texts, forms, strict=True):
            value = found.value.format(v=text)
            if not leaf.required:
                default = source.new("default")
                source.names[default] = leaf.default
                value = f"({value} if {text} else {default})"
            if leaf.role == "field":
                values[leaf.attr] = value if value == text else source.new("v")
                if value != text:
                    source(f"{values[leaf.attr]} = {value}")
            else:
                source(value)
        return values

    def _numbers(self, texts: list[str]) -> None:
        """Whole numbers and decimals become their text; booleans and floats are none."""
        if texts:
            together = f"({', '.join(texts)},)"
            self.source(f"if not numeric(map(type, {together})): raise Doubt")
            self.source(f"{', '.join(texts)}, = map(str, {together})")

    def _repeat(self, repeat: Repeat, node: str, row: str) -> str:
        source = self.source
        value, this = source.new("v"), source.new("repeat", repeat)
        source(f"if ({value} := {node}.get({repeat.step!r})) is None: {value} = []")
        source(f"if type({value}) is not list or len({value}) > {repeat.limit}: raise Doubt")
        source(f"{value} = tuple([{row}(r, report, (None, {this}, i)) for i, r in enumerate({value})])")
        return value


def _maybe(pattern: str, required: bool) -> str:
    return f"(?:{pattern})" if required else f"(?:{pattern})?"


def compile_write(plan: Plan, as_numbers: bool) -> QuickWrite | None:
    """The quick writer of a JSON mapping; None where its lines have something unusual."""
    if as_numbers or not familiar(plan.items):
        return None
    if any(isinstance(item, Leaf) or not _whole(item.items) for item in plan.items):
        return None
    source = Source(**names(), doubt=doubt, Raw=Raw, escaped=_ESCAPED, forbidden=_FORBIDDEN.search)
    _Writer(source, plan).function()
    write: QuickWrite = source.compile(plan.definition.name)["write"]
    return write


def _whole(items: list[Item]) -> bool:
    """Whether an object is always written, and holds neither rows nor a branch that begins with what may lack."""
    inner = [i for i in items if not isinstance(i, Leaf)]
    return needed(items) and all(isinstance(i, Branch) and _whole(i.items) and _first(i.items) for i in inner)


def _first(items: list[Item]) -> bool:
    """Whether the first member is always written."""
    return needed(items[:1])


class _Writer:
    """Generates the writer: the same order of keys and the same spelling as the careful one."""

    def __init__(self, source: Source, plan: Plan) -> None:
        self.source = source
        self.plan = plan
        self.empty = {"absent": "", "blank": '""', "null": "null"}[plan.document.empty]

    def function(self) -> None:
        source, plan = self.source, self.plan
        rows: dict[int, str] = {}
        for item in plan.items:
            if isinstance(item, Repeat):
                rows[id(item)] = self._row(item)
        with source.block("def write(b, envelope):"):
            for name, value in plan.assumed.items():
                if name in fields_of(plan.struct) and name not in plan.lost:
                    source(f"if b.{name} != {source.new('assumed', value)}: raise Doubt")
            totals(source, plan, lambda name: f"b.{name}")
            if plan.keep:
                source(f"if b.{plan.keep} is not None: raise Doubt")
            source("o = {}")
            for item in plan.items:
                if isinstance(item, Repeat):
                    repeated = self._repeated(item)
                    source(f"o[{item.step!r}] = [{rows[id(item)]}(b{repeated}) for b in b.{item.attr}]")
                elif isinstance(item, Branch):
                    written = f"Raw({self._object(item.items)}.encode())"
                    one = wrapped(item.step)
                    source(f"o[{named(item.step)!r}] = {f'[{written}]' if one else written}")
            source("return o")

    def _row(self, repeat: Repeat) -> str:
        """The function of a row; what it repeats of the body is written once and handed in."""
        name = self.source.new("row")
        with self.source.block(f"def {name}(b{''.join(f', p{leaf.attr}' for leaf in _parents(repeat))}):"):
            self.source(f"return Raw({self._object(repeat.items)}.encode())")
        return name

    def _repeated(self, repeat: Repeat) -> str:
        source, given = self.source, ""
        chosen = _parents(repeat)
        for leaf in chosen:
            part = source.new("p")
            source(f"v = b.{leaf.attr}")
            source(f"{part} = {writing(source, leaf.lens)}")
            given += f", {part}"
        if chosen:
            parts = zip(chosen, given[2:].split(", "), strict=True)
            self._check([(leaf, part) for leaf, part in parts if not _sure(leaf.lens)])
        return given

    def _object(self, items: list[Item]) -> str:
        """Statements that make the values; returns an expression for the text of one object."""
        unsafe: list[tuple[Leaf, str]] = []
        template = self._members(items, unsafe)
        self._check(unsafe)
        if template.startswith(","):  # the first member is always there, and needs no comma before it
            return f"f{'{{' + template[1:] + '}}'!r}"
        return f"('{{' + f{template + '}}'!r}[1:])"

    def _members(self, items: list[Item], unsafe: list[tuple[Leaf, str]]) -> str:
        """The f-string text of the members of one object, each after a comma."""
        template = ""
        for item in items:
            key = _braced(f",{_quoted(named(item.step))}:")
            if isinstance(item, Branch):
                # Not `_object`: what is unsafe is looked at together. `_whole` says which member may be first.
                inner = f"{{{{{self._members(item.items, unsafe).removeprefix(',')}}}}}"
                template += f"{key}[{inner}]" if wrapped(item.step) else key + inner
            elif isinstance(item, Leaf) and item.role == "const":
                template += key + _braced(_quoted(str(item.lens.write(None))))
            elif isinstance(item, Leaf) and item.role == "parent":
                template += f'{key}"{{p{item.attr}}}"'
            elif isinstance(item, Leaf) and item.written:
                template += self._leaf(item, key, unsafe)
        return template

    def _leaf(self, leaf: Leaf, key: str, unsafe: list[tuple[Leaf, str]]) -> str:
        source = self.source
        text = source.new("t")
        expression = writing(source, leaf.lens)
        if not _sure(leaf.lens):
            unsafe.append((leaf, text))
        source(f"v = {value_of(leaf)}")
        if leaf.required:
            source(f"{text} = {expression}")
            return f'{key}"{{{text}}}"'
        part = source.new("part")
        nothing = f"{key}{self.empty}" if self.empty else ""
        with source.block("if v is None:"):
            source(f'{text} = ""')
            source(f"{part} = f{nothing!r}")
        with source.block("else:"):
            source(f"{text} = ({expression}) or doubt()")
            with_text = f'{key}"{{{text}}}"'
            source(f"{part} = f{with_text!r}")
        return f"{{{part}}}"

    def _check(self, unsafe: list[tuple[Leaf, str]]) -> None:
        """Gives up unless all these texts can stand in JSON as they are, and keep their limits."""
        if not unsafe:
            return
        source = self.source
        texts = ", ".join(text for _, text in unsafe)
        patterns = [_maybe(written(source, leaf.lens), leaf.required) for leaf, _ in unsafe]
        form = source.new("form", re.compile('"'.join(patterns)).fullmatch)
        # What is no text makes `join` raise TypeError; a quote within a text is one too many for the form.
        source(f"s = '\"'.join(({texts},))")
        source(f"if {form}(s) is None or '\\\\' in s: raise Doubt")
        source("if not s.isprintable() and (escaped(s) or forbidden(s)): raise Doubt")


def _sure(lens: Lens) -> bool:
    """Whether whatever a lens writes can stand in JSON as it is."""
    return lens.safe or (isinstance(lens, FlagLens) and (lens.yes + lens.no).isalnum())


def _parents(repeat: Repeat) -> list[Leaf]:
    return [leaf for leaf in leaves(repeat.items) if leaf.role == "parent"]


def _quoted(text: str) -> str:
    return _encode(text).decode()


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
