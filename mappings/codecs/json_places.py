"""The names of places in JSON: `a/b`, and `a[1]/b` in an array that holds exactly one object."""

from __future__ import annotations

from mappings.document import Reader
from mappings.plan import Item, Leaf

#: What the name of such an array ends with; faults of rows are written alike.
ONE = "[1]"


def named(step: str) -> str:
    """The key of a step."""
    return step.removesuffix(ONE)


def wrapped(step: str) -> bool:
    """Whether a step leads into an array of one object."""
    return step.endswith(ONE)


def singles(reader: Reader, items: list[Item]) -> None:
    """Lint: no key is an array of one object by one line and something else by another."""
    seen: dict[str, Item] = {}
    for item in items:
        first = seen.setdefault(named(item.step), item)
        if first is not item:
            zh = f"第 {first.line} 行把“{named(item.step)}”写作 {first.step}"
            en = f"line {first.line} says {first.step}"
            reader.problem(item.line, item.path, zh, en, first.step)
        if not isinstance(item, Leaf):
            singles(reader, item.items)
