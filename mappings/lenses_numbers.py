"""Lenses for amounts and numbers. Exact: nothing here ever rounds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, ClassVar

from gateway.canonical.money import fen_to_yuan
from mappings.errors import Refused
from mappings.lens import Lens


@dataclass(frozen=True)
class MoneyLens(Lens):
    """`money(yuan)`: `25.60` ↔ 2560 fen; `money(fen)`: `2560` ↔ 2560."""

    kinds: ClassVar = frozenset({"money"})
    numeric: ClassVar = True
    decimals: int  #: 2 for yuan, 0 for fen

    _YUAN: ClassVar = re.compile(r"(-?\d{1,14})(?:\.(\d{1,2}))?", re.ASCII)
    _FEN: ClassVar = re.compile(r"-?\d{1,16}", re.ASCII)

    def read(self, text: str) -> int:
        if self.decimals == 0:
            if self._FEN.fullmatch(text) is None:
                raise Refused("money", "应为以分为单位的整数金额", "must be a whole amount in fen")
            return int(text)
        match = self._YUAN.fullmatch(text)
        if match is None:
            raise Refused(
                "money", "应为以元为单位、最多两位小数的金额", "must be yuan with at most two decimals"
            )
        yuan, cents = match.groups()
        return int(yuan + (cents or "").ljust(2, "0"))

    def write(self, value: Any) -> str:
        if type(value) is not int or not -(10**16) < value < 10**16:
            raise Refused("money", "应为不超过 16 位的整数分", "must be whole fen of at most 16 digits")
        return fen_to_yuan(value) if self.decimals else str(value)

    def facets(self) -> tuple[str, int | None]:
        return (r"-?[0-9]{1,14}(\.[0-9]{1,2})?" if self.decimals else r"-?[0-9]{1,16}"), None


@dataclass(frozen=True)
class DecimalLens(Lens):
    """`decimal(16.4)`: numeric of 16 digits, 4 of them decimals; written with all its decimals."""

    kinds: ClassVar = frozenset({"decimal"})
    numeric: ClassVar = True
    digits: int
    decimals: int
    pattern: re.Pattern[str] = field(init=False)
    step: Decimal = field(init=False)
    context: Context = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(self.facets()[0]))
        object.__setattr__(self, "step", Decimal(1).scaleb(-self.decimals))
        # Rounding would be a silent loss: a context that traps it refuses what does not fit.
        object.__setattr__(self, "context", Context(prec=self.digits, traps=[Inexact, InvalidOperation]))

    def read(self, text: str) -> Decimal:
        if self.pattern.fullmatch(text) is None:
            raise self._refused()
        return Decimal(text)

    def write(self, value: Any) -> str:
        if not isinstance(value, Decimal) or not value.is_finite():
            raise self._refused()
        try:
            exact = value.quantize(self.step, context=self.context)
        except (Inexact, InvalidOperation):
            raise self._refused() from None
        text = str(exact) if self.decimals <= 6 else f"{exact:f}"
        return text if value else text.removeprefix("-")

    def _refused(self) -> Refused:
        whole, part = self.digits - self.decimals, self.decimals
        zh = f"应为整数不超过 {whole} 位、小数不超过 {part} 位的数值"
        return Refused("decimal", zh, f"must be a number of at most {whole} digits and {part} decimals")

    def facets(self) -> tuple[str, int | None]:
        part = rf"(\.[0-9]{{1,{self.decimals}}})?" if self.decimals else ""
        return rf"-?[0-9]{{1,{self.digits - self.decimals}}}{part}", None


@dataclass(frozen=True)
class NumberLens(DecimalLens):
    """`number(4.1)`: a number the canonical body keeps as text, always with all its decimals."""

    kinds: ClassVar = frozenset({"text"})

    def read(self, text: str) -> Any:
        return super().write(super().read(text))

    def write(self, value: Any) -> str:
        if not isinstance(value, str) or self.read(value) != value:
            raise self._refused()
        return value


@dataclass(frozen=True)
class IntLens(Lens):
    """`int`: a whole number without leading zeros."""

    kinds: ClassVar = frozenset({"int"})
    numeric: ClassVar = True
    _PATTERN: ClassVar = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)

    def read(self, text: str) -> int:
        if self._PATTERN.fullmatch(text) is None:
            raise Refused("int", "应为整数", "must be a whole number")
        return int(text)

    def write(self, value: Any) -> str:
        if type(value) is not int or abs(value) >= 10**18:
            raise Refused("int", "应为整数", "must be a whole number")
        return str(value)

    def facets(self) -> tuple[str, int | None]:
        return r"0|-?[1-9][0-9]{0,17}", None


@dataclass(frozen=True)
class SequenceLens(Lens):
    """`sequence(8)`: the number of a row, counted from 1, of eight digits; `sequence`: without leading zeros."""

    kinds: ClassVar = frozenset({"int", "text"})
    numeric: ClassVar = True
    digits: int  #: 0 for as many as it takes
    as_text: bool = False  #: the canonical field is text

    def read(self, text: str) -> Any:
        if not text.isdecimal() or not text.isascii() or self.text(int(text[:18])) != text:
            raise self._refused()
        return text if self.as_text else int(text)

    def write(self, value: Any) -> str:
        if self.as_text:
            return str(self.read(value)) if isinstance(value, str) else self.text(-1)
        if type(value) is not int:
            raise self._refused()
        return self.text(value)

    def text(self, number: int) -> str:
        text = f"{number:0{self.digits}d}"
        if not 0 < number < 10**18 or (self.digits and len(text) > self.digits):
            raise self._refused()
        return text

    def _refused(self) -> Refused:
        of = f" {self.digits} 位" if self.digits else ""
        wide = f" of {self.digits} digits" if self.digits else ""
        return Refused("sequence", f"应为{of}序号", f"must be a row number{wide}")

    def facets(self) -> tuple[str, int | None]:
        return (f"[0-9]{{{self.digits}}}" if self.digits else "[1-9][0-9]{0,17}"), None
