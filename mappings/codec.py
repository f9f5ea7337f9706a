"""What the compiler asks of a format. A codec knows bytes and trees, and nothing of canonical fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from mappings.plan import Branch, Item, Leaf, Plan, Repeat
from mappings.report import Report, Where

#: (body, report, envelope values) → what `Codec.serialise` takes.
Encode = Callable[[Any, Report, dict[str, str]], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What may stand directly in one place of the tree."""

    path: str
    leaves: frozenset[str]
    branches: frozenset[str]
    repeats: frozenset[str]
    skips: frozenset[str]
    unknown: str  #: `reject`, `ignore` or `keep`
    known: frozenset[str]


class Codec(Protocol):
    typed: bool  #: leaves may be other things than text

    def parse(self, data: bytes) -> Any:
        """Bytes → tree. Raises `Refused` with what is wrong with them."""

    def serialise(self, tree: Any) -> bytes: ...

    def key(self, step: str) -> str:
        """The name under which `fetch` gives what stands at that step."""

    def check(self, tree: Any, report: Report) -> None:
        """What concerns the tree as a whole, before any field is read."""

    def fetch(self, node: Any, shape: Shape, report: Report, where: Where) -> dict[str, Any]:
        """One walk over what stands in one place, by key; strangers and doubles go to the report."""

    def rows(self, value: Any, repeat: Repeat, report: Report, where: Where) -> list[Any]: ...

    def text(self, value: Any, numeric: bool) -> str:
        """The text of a leaf that is no text; `numeric` if its lens reads numbers. Raises `Refused`."""

    def pick(self, tree: Any, path: str) -> Any:
        """One leaf at a path from the root; None where it is absent."""

    def compile_encode(self, plan: Plan) -> Encode: ...


def shape(codec: Codec, plan: Plan, path: str, items: list[Item]) -> Shape:
    """The shape of one place."""

    def keys(kind: type[Item], skip: bool = False) -> frozenset[str]:
        chosen = (i for i in items if isinstance(i, kind))
        return frozenset(
            codec.key(i.step) for i in chosen if not isinstance(i, Leaf) or (i.role == "skip") == skip
        )

    leaves, branches, repeats, skips = keys(Leaf), keys(Branch), keys(Repeat), keys(Leaf, skip=True)
    unknown = "keep" if plan.keep else plan.definition.unknown
    return Shape(path, leaves, branches, repeats, skips, unknown, leaves | branches | repeats | skips)


def needed(items: list[Item]) -> bool:
    """Whether a branch holds something that is always written, so that the branch itself always is."""
    return any((i.required or i.role == "const") if isinstance(i, Leaf) else needed(i.items) for i in items)
