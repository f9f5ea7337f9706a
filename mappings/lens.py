"""What a lens is: an invertible translation between a partner's text and one canonical value.

Every lens reads exactly what it can write back, up to the spelling of numbers (`2` and `2.0000`), which
has one declared form. `read` and `write` raise `Refused`, whose texts never quote the value.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Lens(ABC):
    kinds: ClassVar[frozenset[str]]  #: canonical kinds it can stand before
    numeric: ClassVar[bool] = False  #: JSON may carry it as a number
    safe: ClassVar[bool] = True  #: what it writes needs no escaping anywhere

    @abstractmethod
    def read(self, text: str) -> Any: ...

    @abstractmethod
    def write(self, value: Any) -> str: ...

    def facets(self) -> tuple[str, int | None]:
        """For XML Schema: a pattern (empty for any text) and a maximal length."""
        return "", None
