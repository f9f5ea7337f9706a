"""The quick way to read XML: the element as text, and one regular expression for all that stands in it.

libxml2 writes a tree in one call for what a walk over a sixth of its elements would cost. The text of a
plain message is its lines in their order and under one prefix, without attributes, references or text
between elements: a regular expression made from the mapping takes it apart and checks every value's form.
It lets nothing through that the XML Schema of the same mapping refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lxml import etree
from msgspec import Struct

from mappings.codecs.codec import Codec
from mappings.codecs.xml_writer import escape
from mappings.plan import Branch, Item, Leaf, Plan, Repeat
from mappings.quick import Doubt, QuickRead, Reading, familiar, leaves, names, reading, totals, unmapped
from mappings.source import Source

Match = Callable[[str, int], "re.Match[str] | None"]

#: Prefixes are the senders' choice: as many as there are partners' systems, or somebody's mischief.
_MOST_PREFIXES = 16
#: In UTF-8: DEL, and the control characters of which XML allows what a canonical text does not.
_CONTROL = re.compile(b"\x7f|\xc2[\x80-\x9f]").search
_OTHER = "[^<]"


def compile_read(plan: Plan, codec: Codec) -> QuickRead | None:
    """The quick reader of an XML mapping; None where its lines have something unusual."""
    if plan.document.unknown != "reject" or not _plain(plan.items):
        return None
    source = Source(**names(), tostring=etree.tostring, control=_CONTROL)
    generator = _Reader(source, plan)
    generator.function(codec.key(plan.document.options.root))
    read: QuickRead = source.compile(plan.definition.name)["read"]
    return read


def _plain(items: list[Item]) -> bool:
    fixed = [leaf.lens.write(None) for leaf in leaves(items) if leaf.role == "const"]
    skipped = any(not leaf.written for leaf in leaves(items))
    strange = any(leaf.step[0] in "@." for leaf in leaves(items))
    return (
        familiar(items)
        and not skipped
        and not strange
        and not any(_has_rows(item) for item in items if isinstance(item, Branch))
        and all(escape(text) == text for text in fixed)
    )


def _has_rows(branch: Branch) -> bool:
    """Rows below a branch: only those right below the root are taken one by one."""
    return any(
        isinstance(item, Repeat) or (isinstance(item, Branch) and _has_rows(item)) for item in branch.items
    )


class _Reader:
    def __init__(self, source: Source, plan: Plan) -> None:
        self.source = source
        self.plan = plan
        self.readings: dict[int, Reading] = {}

    def function(self, root: str) -> None:
        source, plan = self.source, self.plan
        parts = self._parts(plan.items)
        forms = _Forms([self._pattern(part) for part in parts], plan.document.options.root)
        source.names["forms"] = forms.of
        with source.block("def read(node, elsewhere):"):
            source(f"if node.tag != {root!r} or node.keys(): raise Doubt")
            source('data = tostring(node, encoding="utf-8", with_tail=False, xml_declaration=False)')
            # Without a reference in it, the text between the tags is the text of the elements.
            source(r'if b"&" in data or (b"\xc2" in data or b"\x7f" in data) and control(data): raise Doubt')
            source("text = data.decode()")
            source('at = text.index(">") + 1')
            matches = [source.new("match") for _ in parts]
            source(f"{', '.join(matches)}, = forms(node.prefix, text[at] == '<')")
            values: dict[str, str] = {}
            for part, match in zip(parts, matches, strict=True):
                if isinstance(part, Repeat):
                    values[part.attr] = self._rows(part, match)
                else:
                    source(f"m = {match}(text, at)")
                    values |= self._leaves(part)
                    source("at = m.end()")
            source("if at != len(text): raise Doubt")
            unmapped(source, plan, values)
            totals(source, plan, values.__getitem__)
            source(f"return {self._made(plan.struct, values)}")

    def _parts(self, items: list[Item]) -> list[list[Item] | Repeat]:
        """Rows by themselves, what stands before, between and after them together."""
        parts: list[list[Item] | Repeat] = [[]]
        for item in items:
            if isinstance(item, Repeat):
                parts += [item, []]
            else:
                last = parts[-1]
                assert isinstance(last, list)
                last.append(item)
        return parts

    def _pattern(self, part: list[Item] | Repeat) -> str:
        """With `{p}` for the prefix and `{s}` for what may stand between elements."""
        if isinstance(part, Repeat):
            return self._element(part.step, "".join(map(self._item, part.items)))
        return "".join(map(self._item, part))

    def _item(self, item: Item) -> str:
        if isinstance(item, Branch):
            return self._element(item.step, "".join(map(self._item, item.items)))
        assert isinstance(item, Leaf)
        if item.role == "const":
            return self._element(item.step, _braced(re.escape(str(item.lens.write(None)))), space="")
        form = reading(self.source, item.lens, _OTHER)
        self.readings[id(item)] = form
        text = self._element(item.step, f"({_braced(form.pattern)})", space="")
        if item.required:
            return text
        return f"(?:{text}|<{{p}}{re.escape(item.step)}(?:/>|></{{p}}{re.escape(item.step)}>){{s}})?"

    def _element(self, step: str, content: str, space: str = "{s}") -> str:
        name = f"{{p}}{re.escape(step)}"
        return f"<{name}>{space}{content}</{name}>{{s}}"

    def _leaves(self, items: list[Item]) -> dict[str, str]:
        """Statements that take the groups of `m` apart; returns canonical field → expression."""
        source = self.source
        chosen = [leaf for leaf in leaves(items) if leaf.role != "const"]
        texts = [source.new("t") for _ in chosen]
        source(f"[{', '.join(texts)}] = m.groups()")
        values: dict[str, str] = {}
        for leaf, text in zip(chosen, texts, strict=True):
            value = self.readings[id(leaf)].value.format(v=text)
            if not leaf.required:
                default = source.new("default")
                source.names[default] = leaf.default
                value = f"({default} if {text} is None else {value})"
            if leaf.role == "field":
                values[leaf.attr] = source.new("v")
                source(f"{values[leaf.attr]} = {value}")
            else:
                source(value)
        return values

    def _rows(self, repeat: Repeat, match: str) -> str:
        source = self.source
        rows = source.new("rows")
        source(f"{rows} = []")
        with source.block(f"while (m := {match}(text, at)) is not None:"):
            values = self._leaves(repeat.items)
            source(f"{rows}.append({self._made(repeat.struct, values)})")
            source("at = m.end()")
        source(f"if len({rows}) > {repeat.limit}: raise Doubt")
        source(f"{rows} = tuple({rows})")
        return rows

    def _made(self, struct: type[Struct], values: dict[str, str]) -> str:
        return f"{self.source.new('Struct', struct)}({', '.join(f'{k}={v}' for k, v in values.items())})"


class _Forms:
    """The regular expressions of a mapping for one prefix, compact or indented."""

    def __init__(self, patterns: list[str], root: str) -> None:
        self._patterns = [*patterns[:-1], patterns[-1] + f"</{{p}}{re.escape(root)}>"]
        self._known: dict[tuple[str | None, bool], tuple[Match, ...]] = {}

    def of(self, prefix: str | None, compact: bool) -> tuple[Match, ...]:
        """What takes the parts of a message apart, one after the other."""
        found = self._known.get((prefix, compact))
        if found is None:
            if len(self._known) >= 2 * _MOST_PREFIXES:
                raise Doubt
            p, s = re.escape(f"{prefix}:") if prefix else "", "" if compact else r"[ \t\n]*"
            first = self._patterns[0] if compact else "{s}" + self._patterns[0]
            made = [first, *self._patterns[1:]]
            found = tuple([re.compile(text.format(p=p, s=s)).match for text in made])
            self._known[prefix, compact] = found
        return found


def _braced(pattern: str) -> str:
    return pattern.replace("{", "{{").replace("}", "}}")
