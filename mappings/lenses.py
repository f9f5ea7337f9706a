"""Lenses: invertible translations between a partner's text and one canonical value.

Every lens reads exactly what it can write back, up to the spelling of numbers (`2` and `2.0000`), which
has one declared form. `read` and `write` raise `Refused`, whose texts never quote the value.
"""

from __future__ import annotations

import datetime as dt
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, ClassVar

from gateway.canonical.money import fen_to_yuan
from mappings.codes import CodeTable
from mappings.converters import Converter
from mappings.errors import Refused
from mappings.shape import Field

#: Times on the wire carry no zone; they are those of China, which has one and no summer time.
CHINA = dt.timezone(dt.timedelta(hours=8))

#: What XML 1.0 cannot carry has no place in a canonical text, or a body from JSON could not go on as XML.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


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


@dataclass(frozen=True)
class TextLens(Lens):
    """`text(30)`: any text of at most so many characters."""

    kinds: ClassVar = frozenset({"text"})
    safe: ClassVar = False
    limit: int
    target: Field | None = None
    #: The limits of both sides, worked out once: this runs for every field of every message.
    cap: int = field(init=False)
    strict: bool = field(init=False)

    def __post_init__(self) -> None:
        target = self.target
        canonical = target.max_length if target is not None and target.max_length is not None else self.limit
        object.__setattr__(self, "cap", min(self.limit, canonical))
        strict = target is not None and (target.pattern is not None or target.min_length > 1)
        object.__setattr__(self, "strict", strict)

    def read(self, text: str) -> str:
        if len(text) > self.cap:
            raise Refused("length", f"长度不得超过 {self.cap} 个字符", f"at most {self.cap} characters")
        if not text.isprintable() and _FORBIDDEN.search(text):
            raise Refused("control", "含有控制字符", "contains control characters")
        if self.strict and self.target is not None:
            self.target.check_text(text)
        return text

    def write(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Refused("type", "应为文本", "must be text")
        if not value:
            raise Refused("empty", "空文本与缺失无法区分", "empty text cannot be told from absence")
        return self.read(value)

    def facets(self) -> tuple[str, int | None]:
        pattern = self.target.bare_pattern if self.target is not None else ""
        return pattern.replace(r"\d", "[0-9]"), self.cap


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
class TimeLens(Lens):
    """`datetime(yyyy-MM-dd HH:mm:ss)` and `date(yyyyMMdd)`; a datetime without a zone is China's."""

    kinds: ClassVar = frozenset({"datetime"})
    form: str
    pattern: re.Pattern[str] = field(init=False)
    template: str = field(init=False)

    _PARTS: ClassVar = {
        "yyyy": (r"\d{4}", "{0.year:04d}", "Y"), "MM": (r"\d\d", "{0.month:02d}", "m"),
        "dd": (r"\d\d", "{0.day:02d}", "d"), "HH": (r"\d\d", "{0.hour:02d}", "H"),
        "mm": (r"\d\d", "{0.minute:02d}", "M"), "ss": (r"\d\d", "{0.second:02d}", "S"),
        "SSS": (r"\d{3}", "{1:03d}", "f"),
    }  # fmt: skip
    _TOKEN: ClassVar = re.compile("yyyy|MM|dd|HH|mm|SSS|ss")
    NAMES: ClassVar = ("Y", "m", "d", "H", "M", "S", "f")
    #: The national form, which nearly every time on the wire has, goes through C alone.
    _ISO: ClassVar = "yyyy-MM-dd HH:mm:ss"

    def __post_init__(self) -> None:
        pattern = template = ""
        for token in re.split(f"({self._TOKEN.pattern})", self.form):
            digits, written, name = self._PARTS.get(token, (re.escape(token), token, ""))
            pattern += f"(?P<{name}>{digits})" if name else digits
            template += written
        object.__setattr__(self, "pattern", re.compile(pattern, re.ASCII))
        object.__setattr__(self, "template", template)

    def read(self, text: str) -> dt.datetime | dt.date:
        if self.form == self._ISO:
            return self._iso(text)
        match = self.pattern.fullmatch(text)
        if match is None:
            raise self._refused()
        part = match.groupdict("0")
        try:
            return self._make(*[int(part.get(n, 0)) for n in self.NAMES])
        except ValueError:
            raise self._refused() from None

    def _iso(self, text: str) -> dt.datetime | dt.date:
        try:
            value = dt.datetime.fromisoformat(text)
        except ValueError:
            raise self._refused() from None
        # `fromisoformat` takes other spellings, zones and fractions too; only the plain one is ours.
        if len(text) != 19 or value.isoformat(" ") != text:
            raise self._refused()
        return value.replace(tzinfo=CHINA)

    def _make(self, y: int, mo: int, d: int, h: int, mi: int, s: int, ms: int) -> dt.datetime | dt.date:
        return dt.datetime(y, mo, d, h, mi, s, ms * 1000, CHINA)

    def write(self, value: Any) -> str:
        if not isinstance(value, dt.datetime) or value.tzinfo is None:
            raise Refused("datetime", "应为带时区的时间", "must be a time with its zone")
        try:
            local = value if value.tzinfo is CHINA else value.astimezone(CHINA)
        except OverflowError:
            raise self._refused() from None
        if self.form == self._ISO and not local.microsecond:
            return local.isoformat(" ")[:19]
        text = self.template.format(local, local.microsecond // 1000)
        if self.read(text) != value:
            raise Refused("precision", f"时间精度超出格式 {self.form}", f"finer than the format {self.form}")
        return text

    def _refused(self) -> Refused:
        return Refused("datetime", f"应为格式 {self.form} 的有效时间", f"must be a valid time as {self.form}")

    def facets(self) -> tuple[str, int | None]:
        plain = re.sub(r"\(\?P<.>([^()]*)\)", r"\1", self.pattern.pattern)
        # XML Schema knows no `\d` of ASCII only, and escapes neither blank nor hyphen.
        return plain.replace(r"\d", "[0-9]").replace("\\ ", " ").replace(r"\-", "-"), None


@dataclass(frozen=True)
class DateLens(TimeLens):
    """`date(yyyy-MM-dd)`: a day."""

    kinds: ClassVar = frozenset({"date"})
    _ISO: ClassVar = "yyyy-MM-dd"

    def _iso(self, text: str) -> dt.date:
        try:
            value = dt.date.fromisoformat(text)
        except ValueError:
            raise self._refused() from None
        if value.isoformat() != text:
            raise self._refused()
        return value

    def _make(self, y: int, mo: int, d: int, h: int, mi: int, s: int, ms: int) -> dt.date:
        return dt.date(y, mo, d)

    def write(self, value: Any) -> str:
        if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
            raise Refused("date", "应为日期", "must be a date")
        return self.template.format(value, 0)

    def _refused(self) -> Refused:
        return Refused("date", f"应为格式 {self.form} 的有效日期", f"must be a valid date as {self.form}")


@dataclass(frozen=True)
class FlagLens(Lens):
    """`flag(1/0)`: one text for yes, one for no."""

    kinds: ClassVar = frozenset({"bool"})
    safe: ClassVar = False
    yes: str
    no: str

    def read(self, text: str) -> bool:
        if text == self.yes:
            return True
        if text == self.no:
            return False
        raise Refused(
            "flag", f"应为 {self.yes}(是)或 {self.no}(否)", f"must be {self.yes} (yes) or {self.no} (no)"
        )

    def write(self, value: Any) -> str:
        if not isinstance(value, bool):
            raise Refused("flag", "应为是或否", "must be true or false")
        return self.yes if value else self.no

    def facets(self) -> tuple[str, int | None]:
        return f"{re.escape(self.yes)}|{re.escape(self.no)}", None


@dataclass(frozen=True)
class CodeLens(Lens):
    """`code(insutype)`: a code of a table; with `open`, whatever looks like a code passes through as it is."""

    kinds: ClassVar = frozenset({"text"})
    safe: ClassVar = False
    table: CodeTable
    open: bool
    to_canonical: dict[str, str]
    to_partner: dict[str, str]

    _LOCAL: ClassVar = re.compile(r"[A-Za-z0-9_.-]{1,30}")

    def read(self, text: str) -> str:
        known = self.to_canonical.get(text)
        return known if known is not None else self._other(text, self.to_partner)

    def write(self, value: Any) -> str:
        known = self.to_partner.get(value) if isinstance(value, str) else None
        return known if known is not None else self._other(value, self.to_canonical)

    def _other(self, text: Any, taken: dict[str, str]) -> str:
        # A local code that is taken on the other side would come back as something else.
        local = isinstance(text, str) and self._LOCAL.fullmatch(text) is not None
        if not self.open or not local or text in taken:
            name = self.table.name
            raise Refused("code", f"不是代码表 {name} 中的代码", f"is not a code of table {name}")
        return str(text)

    def facets(self) -> tuple[str, int | None]:
        return (
            (self._LOCAL.pattern, None) if self.open else ("|".join(map(re.escape, self.to_canonical)), None)
        )


@dataclass(frozen=True)
class ConstLens(Lens):
    """`const(01)`: always the same text, checked on the way in."""

    kinds: ClassVar = frozenset[str]()
    safe: ClassVar = False
    text: str

    def read(self, text: str) -> None:
        if text != self.text:
            raise Refused("const", f"应为固定值 {self.text}", f"must be {self.text}")

    def write(self, value: Any) -> str:
        return self.text

    def facets(self) -> tuple[str, int | None]:
        return re.escape(self.text), None


@dataclass(frozen=True)
class IdentityLens(Lens):
    """`cn_id`: a citizen's number of GB 11643 with its check digit and a possible birth date."""

    kinds: ClassVar = frozenset({"text"})
    _PATTERN: ClassVar = re.compile(r"[1-9]\d{5}((?:18|19|20)\d{6})\d{3}[\dX]", re.ASCII)
    _DIGITS: ClassVar = "10X98765432"

    def read(self, text: str) -> str:
        match = self._PATTERN.fullmatch(text)
        weights = (pow(2, 17 - i, 11) * int(c) for i, c in enumerate(text[:17])) if match else ()
        if match is None or self._DIGITS[sum(weights) % 11] != text[17]:
            raise Refused("cn_id", "不是有效的居民身份证号", "is not a valid identity number")
        try:
            dt.datetime.strptime(match[1], "%Y%m%d")
        except ValueError:
            raise Refused(
                "cn_id", "身份证号中的出生日期无效", "the birth date inside is impossible"
            ) from None
        return text

    def write(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Refused("type", "应为文本", "must be text")
        return self.read(value)

    def facets(self) -> tuple[str, int | None]:
        return "[1-9][0-9]{16}[0-9X]", None


@dataclass(frozen=True)
class ConvertLens(Lens):
    """`convert(name)`: a registered pair of Python functions."""

    kinds: ClassVar = frozenset[str]()
    safe: ClassVar = False
    converter: Converter
    target: Field | None = None

    def read(self, text: str) -> Any:
        value = self.converter.decode(text)
        if self.target is not None:
            self.target.check(value)
        return value

    def write(self, value: Any) -> str:
        return self.converter.encode(value)
