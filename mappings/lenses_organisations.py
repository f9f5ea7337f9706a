"""The lens for numbers of organisations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.canonical.organisation import is_credit_code
from mappings.errors import Refused
from mappings.lens import Lens


@dataclass(frozen=True)
class CreditCodeLens(Lens):
    """`uscc`: a unified social credit code (统一社会信用代码) of GB 32100 with its check character."""

    kinds: ClassVar = frozenset({"text"})
    _PATTERN: ClassVar = "[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}"

    def read(self, text: str) -> str:
        if re.fullmatch(self._PATTERN, text, re.ASCII) is None or not is_credit_code(text):
            raise Refused("uscc", "不是有效的统一社会信用代码", "is not a valid unified social credit code")
        return text

    def write(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Refused("type", "应为文本", "must be text")
        return self.read(value)

    def facets(self) -> tuple[str, int | None]:
        return self._PATTERN, None
