"""The names of elements and attributes: as a mapping says them, and as lxml does."""

from __future__ import annotations

from dataclasses import dataclass

#: Attributes of this namespace say things about the schema, not about the person.
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a document's elements: the default namespace and the prefixes."""

    namespace: str
    prefixes: dict[str, str]

    def key(self, step: str) -> str:
        """`p:name` → `{uri}name`, `@p:name` → `@{uri}name`. An attribute without a prefix is in no namespace."""
        mark = "@" if step.startswith("@") else ""
        prefix, _, name = step.removeprefix("@").rpartition(":")
        uri = self.prefixes[prefix] if prefix else "" if mark or step == "." else self.namespace
        return f"{mark}{{{uri}}}{name}" if uri else mark + name

    def step(self, tag: str) -> str:
        """`{uri}name` → `p:name`; names of other namespaces stay as they are."""
        uri, name = split(tag)
        if uri == self.namespace:
            return name
        return next((f"{p}:{name}" for p, u in self.prefixes.items() if u == uri), tag)


def split(tag: str) -> tuple[str, str]:
    """`{uri}name` → uri and name."""
    uri, _, name = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    return uri, name
