"""Python source as it grows, with the objects it names. Compiled once per mapping."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Source:
    def __init__(self, **names: Any) -> None:
        self.names: dict[str, Any] = names
        self.lines: list[str] = []
        self._depth = 0
        self._count = 0

    def __call__(self, line: str) -> None:
        self.lines.append("    " * self._depth + line)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self(head)
        self._depth += 1
        yield
        self._depth -= 1

    def new(self, stem: str, value: Any = None) -> str:
        """A fresh name; with a value, one that the source may use for it."""
        self._count += 1
        name = f"{stem}{self._count}"
        if value is not None:
            self.names[name] = value
        return name

    def compile(self, label: str) -> dict[str, Any]:
        """Runs the source and returns its names.

        Only `repr` of checked names and paths is ever spliced into it; values stay objects in `names`.
        """
        code = compile("\n".join(self.lines), f"<mapping {label}>", "exec")
        exec(code, self.names)  # noqa: S102 - the text is generated here, from names lint has checked
        return self.names
