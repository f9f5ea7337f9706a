"""What a canonical struct looks like to a mapping: field names, kinds, limits."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, inspect

from gateway.canonical.money import MAX_FEN
from gateway.contract.privacy import is_personal
from mappings.errors import Refused

#: Canonical fields that say who someone is. Their values never appear in an error's text.
_PERSONAL = re.compile(
    r"(^|_)(name|no|id|sn|number|address)$"
    r"|^(extension|extra|birth_date|employer|memo|age|raw_text|payer|legal_representative)$"
)


def personal(name: str) -> bool:
    """Whether a canonical field of this name says who someone is."""
    return _PERSONAL.search(name) is not None or is_personal(name)


KIND_ZH = {
    "text": "文本", "money": "金额", "int": "整数", "bool": "标志",
    "decimal": "小数", "date": "日期", "datetime": "日期时间", "rows": "明细",
    "struct": "成组字段",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a canonical struct."""

    name: str
    kind: str  #: a key of `KIND_ZH`
    required: bool
    nullable: bool
    default: Any = None
    min_length: int = 0
    max_length: int | None = None
    pattern: str | None = None
    struct: type[Struct] | None = None  #: of the rows, or of the one group of fields, which no lens takes
    decimals: int = 0  #: at most so many, where the canonical schema says it

    @property
    def personal(self) -> bool:
        return personal(self.name)

    @property
    def bare_pattern(self) -> str:
        """The pattern of the whole text, without anchors; empty where there is none."""
        return (self.pattern or "").removeprefix("^").removesuffix("$")

    def check(self, value: Any) -> None:
        """Refuses a value that the canonical schema would not take.

        Raises:
            Refused: wrong type or outside the limits.
        """
        if value is None and self.nullable:
            return
        if not isinstance(value, _TYPES[self.kind]) or (isinstance(value, bool) and self.kind != "bool"):
            raise Refused("type", f"应为{KIND_ZH[self.kind]}", f"must be {self.kind}")
        if isinstance(value, str):
            self.check_text(value)
        elif isinstance(value, int) and self.kind == "money" and abs(value) > MAX_FEN:
            raise Refused("range", "金额超出范围", "amount out of range")

    def check_text(self, value: str) -> None:
        """The limits of a text field: length and pattern."""
        if len(value) < self.min_length:
            raise Refused(
                "length", f"至少 {self.min_length} 个字符", f"at least {self.min_length} characters"
            )
        if self.max_length is not None and len(value) > self.max_length:
            raise Refused(
                "length", f"长度不得超过 {self.max_length} 个字符", f"at most {self.max_length} characters"
            )
        # `$` alone would let a line feed through, and `\d` the digits of every script.
        if self.pattern is not None and re.fullmatch(self.bare_pattern, value, re.ASCII) is None:
            raise Refused("pattern", "格式不符合标准字段的要求", f"does not match {self.pattern}")


_TYPES: dict[str, type | tuple[type, ...]] = {
    "text": str, "money": int, "int": int, "bool": bool, "decimal": Decimal,
    "date": dt.date, "datetime": dt.datetime, "rows": tuple,
    "struct": Struct,
}  # fmt: skip

_KINDS: dict[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.BoolType: "bool",
    inspect.DecimalType: "decimal",
    inspect.DateType: "date",
    inspect.DateTimeType: "datetime",
    inspect.VarTupleType: "rows",
}


@cache
def fields_of(struct: type[Struct]) -> Mapping[str, Field]:
    """The fields of a canonical struct by name, in their order."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return {f.name: _field(f) for f in info.fields}


def _field(f: inspect.Field) -> Field:
    kind, nullable = _bare(f.type)
    decimals = (f.type.extra or {}).get("decimals", 0) if isinstance(f.type, inspect.Metadata) else 0
    default = None if f.default is msgspec.NODEFAULT else f.default
    if isinstance(kind, inspect.StrType):
        pattern = kind.pattern
        return Field(
            f.name, "text", f.required, nullable, default, kind.min_length or 0, kind.max_length, pattern
        )
    if isinstance(kind, inspect.IntType):
        # Money is the only integer with these bounds; the distinction keeps yuan and fen apart.
        name = "money" if kind.ge == -MAX_FEN else "int"
        return Field(f.name, name, f.required, nullable, default)
    if isinstance(kind, inspect.VarTupleType):
        assert isinstance(kind.item_type, inspect.StructType)
        return Field(f.name, "rows", f.required, nullable, (), struct=kind.item_type.cls)
    if isinstance(kind, inspect.StructType):
        return Field(f.name, "struct", f.required, nullable, default, struct=kind.cls)
    return Field(f.name, _KINDS[type(kind)], f.required, nullable, default, decimals=decimals)


def _bare(kind: inspect.Type) -> tuple[inspect.Type, bool]:
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        parts = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
        assert len(parts) == 1, "a canonical field has one type, or one type or None"
        return _bare(parts[0])[0], True
    return kind, False
