"""A definition that makes sense: paths as a tree, lenses bound to canonical fields, nothing left open.

The plan is what the compiler, the schema generator and the law checks work from. It knows no codec: a tree
of named leaves, branches and repeated rows is what every format comes down to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from mappings.codecs.kinds import Options
from mappings.definition import Definition, Total
from mappings.lens import Lens
from mappings.shape import Field
from mappings.sums import Sum

#: `control`: a total of the rows without a canonical field. `sequence`: the number of a row, likewise.
#: `also`: another spelling of a leaf's place, read but never written. `skip`: neither.
Role: TypeAlias = Literal["field", "const", "envelope", "parent", "control", "sequence", "also", "skip"]


@dataclass(slots=True)
class Leaf:
    """One place in the partner's tree that holds a text."""

    step: str  #: name within its branch
    path: str  #: from the root or from the row, for people
    role: Role
    line: int
    lens: Lens
    steps: tuple[str, ...] = ()  #: from the root of its document or from the row
    attr: str = ""  #: the canonical field; of the body around the rows where the role is `parent`
    canonical: str = ""  #: path in the canonical body, for people
    target: Field | None = None
    required: bool = False
    name: str = ""
    personal: bool = False
    sum: Sum | None = None  #: of a control total
    extra: Any = None  #: what only lines of its kind of codec say, see `kinds.Kind.line`
    also: list[Leaf] = field(default_factory=list)

    @property
    def short(self) -> str:
        """What an envelope value is called: the end of its path."""
        return self.path.rpartition("/")[2]

    @property
    def written(self) -> bool:
        return self.role not in ("also", "skip")

    @property
    def default(self) -> Any:
        return self.target.default if self.target is not None else None


@dataclass(slots=True)
class Branch:
    """A place that holds other places, once."""

    step: str
    path: str
    line: int
    steps: tuple[str, ...]
    items: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class Repeat:
    """A place that holds rows."""

    step: str
    path: str
    line: int
    steps: tuple[str, ...]
    attr: str
    struct: type[Struct]
    limit: int
    name: str
    items: list[Item] = field(default_factory=list)
    assumed: dict[str, Any] = field(default_factory=dict)  #: canonical field of each row → value


@dataclass(slots=True)
class Document:
    """What one codec reads and writes: the message, or a text within one that is a document itself."""

    options: Options
    unknown: str  #: `reject`, `ignore` or `keep`
    empty: str  #: `absent`, `blank` or `null`
    items: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class Inside:
    """A place whose text is a document. Paths within it begin with its own."""

    step: str
    path: str
    line: int
    steps: tuple[str, ...]
    document: Document
    required: bool
    name: str = ""
    extra: Any = None

    @property
    def items(self) -> list[Item]:
        return self.document.items


Item: TypeAlias = Leaf | Branch | Repeat | Inside


@dataclass(slots=True)
class Plan:
    definition: Definition
    struct: type[Struct]
    document: Document
    elsewhere: dict[str, Field] = field(default_factory=dict)
    assumed: dict[str, Any] = field(default_factory=dict)  #: canonical field → value
    lost: set[str] = field(default_factory=set)  #: canonical fields given up, rows as `fee_lines.x`
    keep: str = ""  #: canonical field for what the mapping does not know
    totals: tuple[Total, ...] = ()
    envelope: list[tuple[tuple[Inside, ...], Leaf]] = field(default_factory=list)  #: with what is around it

    @property
    def items(self) -> list[Item]:
        return self.document.items

    @property
    def decodes(self) -> bool:
        return self.definition.direction != "encode"

    @property
    def encodes(self) -> bool:
        return self.definition.direction != "decode"


def leaves(items: list[Item]) -> Iterator[Leaf]:
    """All leaves under the items, those within rows and inner documents included."""
    for item in items:
        if isinstance(item, Leaf):
            yield item
        else:
            yield from leaves(item.items)


def rows(items: list[Item], base: str = "") -> Iterator[tuple[str, Repeat]]:
    """All rows, those within rows included, with their path in the canonical body."""
    for item in items:
        if isinstance(item, Repeat):
            yield base + item.attr, item
            yield from rows(item.items, f"{base}{item.attr}.")
        elif not isinstance(item, Leaf):
            yield from rows(item.items, base)


def documents(document: Document) -> Iterator[Document]:
    """A document and all that are inside it."""
    yield document
    for inner in _insides(document.items):
        yield from documents(inner.document)


def _insides(items: list[Item]) -> Iterator[Inside]:
    for item in items:
        if isinstance(item, Inside):
            yield item
        elif not isinstance(item, Leaf):
            yield from _insides(item.items)
