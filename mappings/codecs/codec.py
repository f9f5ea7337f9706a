"""What the compiler asks of a format. A codec knows bytes and trees, and nothing of canonical fields.

A tree is whatever the codec likes: the compiler hands its nodes back to it. One codec is made for one
document, so it may look at the document's lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol

from mappings.codecs import kinds
from mappings.errors import Refused
from mappings.plan import Branch, Document, Inside, Item, Leaf, Plan, Repeat
from mappings.report import Report, Where
from mappings.source import Source

if TYPE_CHECKING:
    from mappings.quick import QuickRead, QuickWrite
    from mappings.stream import RefusedRow, Rows

#: (body or row, body around the row, report, where, envelope values) → a tree as `serialise` takes it.
Write = Callable[[Any, Any, Report, Where, dict[str, str]], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What may stand directly in one place of the tree, by the names `Codec.key` gives."""

    path: str  #: of the place, for people
    steps: tuple[str, ...]  #: of the place, from the root of its document or from the row
    leaves: frozenset[str]  #: places of a text, those whose text is a document included
    branches: frozenset[str]
    repeats: frozenset[str]
    skips: frozenset[str]
    unknown: str  #: `reject`, `ignore` or `keep`
    known: frozenset[str]


class Streams(Protocol):
    """See `Mapping.read` and `Mapping.write`."""

    def read(
        self,
        stream: IO[bytes],
        refused: Callable[[RefusedRow], None] | None,
        elsewhere: dict[str, Any],
        size: int,
    ) -> Rows: ...

    def write(self, stream: IO[bytes], body: Any, rows: Iterable[Any], envelope: dict[str, str]) -> None: ...


class Codec(ABC):
    typed: bool = False  #: leaves may be other things than text

    @abstractmethod
    def parse(self, data: bytes) -> Any:
        """Bytes → tree. Raises `Refused` with what is wrong with them."""

    def parse_text(self, text: str) -> Any:
        """As `parse`, for a document that is a text within another one."""
        return self.parse(text.encode("utf-8", "surrogatepass"))

    def parse_any(self, value: Any) -> Any:
        """As `parse`, for a value out of another codec's tree: bytes or text. Raises `Refused`."""
        if isinstance(value, bytes):
            return self.parse(value)
        if isinstance(value, str):
            return self.parse_text(value)
        raise Refused("type", "应为文本", "must be text")

    @abstractmethod
    def serialise(self, tree: Any) -> bytes: ...

    def serialise_text(self, tree: Any) -> str:
        """As `serialise`, for a document that becomes a text within another one."""
        return self.serialise(tree).decode("utf-8")

    def key(self, step: str) -> str:
        """The name under which `fetch` gives what stands at that step."""
        return step

    def check(self, tree: Any, report: Report, where: Where = None, path: str = "") -> None:
        """What concerns the tree as a whole, before any field is read; `path` is what it is inside of."""
        return

    @abstractmethod
    def fetch(self, node: Any, shape: Shape, report: Report, where: Where) -> dict[str, Any]:
        """One walk over what stands in one place, by key; strangers and doubles go to the report."""

    def rows(self, value: Any, repeat: Repeat, report: Report, where: Where) -> Sequence[Any]:
        """The nodes of rows, from what `fetch` gave for them; too many go to the report."""
        rows: list[Any] = value or []
        if len(rows) > repeat.limit:
            zh, en = f"明细超过 {repeat.limit} 行", f"more than {repeat.limit} rows"
            report.place(repeat.path, where, "limit", zh, en, name=repeat.name)
            return []
        return rows

    def text(self, value: Any, numeric: bool) -> str:
        """The text of a leaf that is no text; `numeric` if its lens reads numbers. Raises `Refused`."""
        raise Refused("type", "应为文本", "must be text")

    @abstractmethod
    def pick(self, tree: Any, steps: Sequence[str]) -> Any:
        """What stands at one leaf, by its steps from the root; None where it is absent."""

    @abstractmethod
    def writer(self, document: Document, name: str) -> Write:
        """The function that writes the document's lines; `name` is the mapping's, for stack traces."""

    def says(self, leaf: Leaf, text: str) -> bool:
        """Whether a text that its lens has written can stand at a leaf."""
        return True

    def streams(self, plan: Plan) -> Streams | None:
        """Reads and writes files row by row, see `stream`; None where the format is no file of rows."""
        return None

    def restore(self, tree: Any, kept: dict[str, Any]) -> Any:
        """The tree with unknown content put back where it stood. Raises `Refused` where it does not fit."""
        raise NotImplementedError  # of kinds that do not keep

    def quick_read(self, plan: Plan) -> QuickRead | None:
        """The quick way in, see `quick`; None where there is none."""
        return None

    def quick_write(self, plan: Plan) -> QuickWrite | None:
        """The quick way out, as `Mapping.encode_raw` gives it."""
        return None


def made(document: Document) -> Codec:
    """The codec of a document."""
    return kinds.find(document.options.kind).make(document)


def shape(codec: Codec, document: Document, path: str, steps: tuple[str, ...], items: list[Item]) -> Shape:
    """The shape of one place."""

    def keys(kind: type[Item] | tuple[type[Item], ...], skip: bool = False) -> frozenset[str]:
        chosen = (i for i in items if isinstance(i, kind))
        return frozenset(
            codec.key(i.step) for i in chosen if not isinstance(i, Leaf) or (i.role == "skip") == skip
        )

    leaves, branches, repeats = keys((Leaf, Inside)), keys(Branch), keys(Repeat)
    skips = keys(Leaf, skip=True)
    known = leaves | branches | repeats | skips
    return Shape(path, steps, leaves, branches, repeats, skips, document.unknown, known)


def needed(items: list[Item]) -> bool:
    """Whether a branch holds something that is always written, so that the branch itself always is.

    Rows are not: there may be none of them.
    """
    return any(
        i.required if isinstance(i, Leaf | Inside) else isinstance(i, Branch) and needed(i.items)
        for i in items
    )


def value_of(leaf: Leaf) -> str:
    """Where a generated writer finds the value of a leaf: an expression of `b`, `parent` and `envelope`."""
    if leaf.role == "envelope":
        return f"envelope.get({leaf.short!r})"
    if leaf.sum is not None and leaf.role == "control":
        return leaf.sum.source(f"b.{leaf.sum.rows}")
    if leaf.role == "sequence":
        return "where[2] + 1"
    return f"{'parent' if leaf.role == 'parent' else 'b'}.{leaf.attr}"


def presence(items: list[Item]) -> str:
    """An expression: whether there is a value for any of these places. Constants alone are nothing.

    A control total is there where its rows are.
    """
    parts: list[str] = []
    for item in items:
        if isinstance(item, Repeat):
            parts.append(f"b.{item.attr}")
        elif isinstance(item, Leaf) and item.role == "control" and item.sum is not None:
            parts.append(f"b.{item.sum.rows}")
        elif not isinstance(item, Leaf):
            parts.append(presence(item.items))
        elif item.role in ("field", "parent", "envelope"):
            parts.append(f"{value_of(item)} is not None")
    return f"({' or '.join(parts) or 'False'})"


def inside_writer(inside: Inside, name: str, *, as_bytes: bool = False) -> Write:
    """The function that writes a document inside, as text or bytes; None where no value of it is there."""
    codec = made(inside.document)
    write = codec.writer(inside.document, name)
    source = Source()
    there = "True" if inside.required else presence(inside.items)
    source(f"def there(b, parent, envelope): return {there}")
    present = source.compile(name)["there"]

    serialise = codec.serialise if as_bytes else codec.serialise_text

    def written(b: Any, parent: Any, report: Report, where: Where, envelope: dict[str, str]) -> Any:
        if not present(b, parent, envelope):
            return None
        before = len(report.faults)
        tree = write(b, parent, report, where, envelope)
        return serialise(tree) if len(report.faults) == before else None

    return written
