"""The tree of a document's places, as its lines come one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from msgspec import Struct

from mappings.codecs import kinds
from mappings.codecs.kinds import BadPath
from mappings.document import Reader
from mappings.plan import Branch, Document, Inside, Item, Leaf, Repeat


@dataclass(frozen=True, slots=True)
class Scope:
    """Where lines stand: in which document and which rows."""

    reader: Reader
    document: Document
    items: list[Item]  #: of the rows, or of the whole
    struct: type[Struct]
    parent: type[Struct] | None = None  #: of the body around the rows
    path: str = ""  #: before the paths of the lines, for people
    base: str = ""  #: before the names of canonical fields
    insides: tuple[Inside, ...] = ()  #: what the document is in
    around: tuple[str, ...] = ()

    def steps(self, path: str, line: int) -> list[str]:
        """A path's steps; none (with a problem noted) where it is no path."""
        options = self.document.options
        try:
            return kinds.find(options.kind).steps(path, options)
        except BadPath as bad:
            self.reader.problem(line, path, bad.zh, bad.en, bad.suggestion)
            return []

    def full(self, path: str) -> str:
        return f"{self.path}/{path}" if self.path else path

    def place(self, steps: list[str], item: Leaf | Repeat | Inside) -> None:
        """Puts an item where its path leads, with the branches on the way."""
        items = self.items
        for depth, step in enumerate(steps[:-1], 1):
            found = next((i for i in items if i.step == step), None)
            if found is None:
                path = self.full("/".join(steps[:depth]))
                found = Branch(step, path, item.line, (*self.around, *steps[:depth]))
                items.append(found)
            if not isinstance(found, Branch):
                self._unreachable(item, found)
                return
            items = found.items
        clash = next((i for i in items if i.step == steps[-1]), None)
        if clash is not None:
            self._unreachable(item, clash)
        else:
            items.append(item)

    def _unreachable(self, item: Item, first: Item) -> None:
        zh = f"永远读不到这一行:第 {first.line} 行已使用同一位置"
        en = f"this line is never reached: line {first.line} takes the same place"
        self.reader.problem(item.line, item.path, zh, en)

    def rows(self, repeat: Repeat) -> Scope:
        """Where the lines of rows stand."""
        base = f"{self.base}{repeat.attr}."
        return replace(
            self, items=repeat.items, struct=repeat.struct, parent=self.struct, path="", base=base, around=()
        )

    def inside(self, inner: Inside) -> Scope:
        """Where the lines of a document within this one stand."""
        insides = (*self.insides, inner)
        return rooted(replace(self, document=inner.document, path=inner.path, insides=insides))


def rooted(scope: Scope) -> Scope:
    """The scope of a whole document: within the branch around everything, where its kind has one."""
    items = scope.document.items
    options = scope.document.options
    around = kinds.find(options.kind).around(options)
    for depth, step in enumerate(around, 1):
        branch = Branch(step, scope.full("/".join(around[:depth])), options.line, around[:depth])
        items.append(branch)
        items = branch.items
    return replace(scope, items=items, around=around)
