"""Lenses for times and dates, all of which are China's."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mappings.errors import Refused
from mappings.lens import Lens

#: Times on the wire carry no zone; they are those of China, which has one and no summer time.
CHINA = dt.timezone(dt.timedelta(hours=8))


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
            return f"{local.date().isoformat()} {local.time().isoformat()}"
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
