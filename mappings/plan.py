"""A definition that makes sense: paths as a tree, lenses bound to canonical fields, nothing left open.

The plan is what the compiler, the schema generator and the law checks work from. It knows no codec beyond
the form of a path: a tree of named leaves, branches and repeated rows is what every format comes down to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from mappings.definition import Definition, Total
from mappings.lens import Lens
from mappings.shape import Field

Role: TypeAlias = Literal["field", "const", "envelope", "parent", "skip"]


@dataclass(slots=True)
class Leaf:
    """One place in the partner's tree that holds a text."""

    step: str  #: name within its branch
    path: str  #: from the root or from the row
    role: Role
    line: int
    lens: Lens
    attr: str = ""  #: the canonical field; of the body around the rows where the role is `parent`
    canonical: str = ""  #: path in the canonical body, for people
    target: Field | None = None
    required: bool = False
    name: str = ""
    personal: bool = False

    @property
    def default(self) -> Any:
        return self.target.default if self.target is not None else None


@dataclass(slots=True)
class Branch:
    """A place that holds other places, once."""

    step: str
    path: str
    line: int
    items: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class Repeat:
    """A place that holds rows."""

    step: str
    path: str
    line: int
    attr: str
    struct: type[Struct]
    limit: int
    name: str
    items: list[Item] = field(default_factory=list)


Item: TypeAlias = Leaf | Branch | Repeat


@dataclass(slots=True)
class Plan:
    definition: Definition
    struct: type[Struct]
    items: list[Item] = field(default_factory=list)
    elsewhere: dict[str, Field] = field(default_factory=dict)
    assumed: dict[str, Any] = field(default_factory=dict)  #: canonical field → value
    lost: set[str] = field(default_factory=set)  #: canonical fields given up, rows as `fee_lines.x`
    keep: str = ""  #: canonical field for what the mapping does not know
    totals: tuple[Total, ...] = ()
    envelope: list[Leaf] = field(default_factory=list)

    @property
    def decodes(self) -> bool:
        return self.definition.direction != "encode"

    @property
    def encodes(self) -> bool:
        return self.definition.direction != "decode"
