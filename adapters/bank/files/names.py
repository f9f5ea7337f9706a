"""File names as templates: filled on the way out, read back on the way in.

    YBDF_{party}_{date}_{sequence:4}.txt   ↔   party 990101, date 20261120, sequence 1

| slot | stands for |
|---|---|
| `{party}` | the number by which the bank knows us |
| `{batch}` | the batch number: letters, digits, hyphens |
| `{date}`, `{date:6}` | China's day, `yyyyMMdd` or `yyMMdd` |
| `{sequence:4}` | number of the file on its day, of exactly so many digits |
| `{any}` | whatever the bank puts there; only in names of files that come |
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

_SLOT: Final = re.compile(r"\{(party|batch|date|sequence|any)(?::(\d))?\}")
#: Slots of no fixed width, of which nobody could tell where the one ends.
_RUN_ON: Final = re.compile(r"\{(?:party|batch|any)\}\{(?:party|batch|any)\}")
_PATTERNS: Final = {
    "party": r"[A-Za-z0-9-]+",
    "batch": r"[A-Za-z0-9-]{1,35}",
    "any": r"[A-Za-z0-9._-]*",
}
_DATES: Final = {8: "%Y%m%d", 6: "%y%m%d"}
#: What may stand in a name between its slots.
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]*")


class Unnameable(ValueError):
    """A value that cannot stand in the name. `slot` says which."""

    def __init__(self, slot: str) -> None:
        super().__init__(slot)
        self.slot = slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a name is made of, as far as its template has it."""

    party: str | None = None
    batch: str | None = None
    date: dt.date | None = None
    sequence: int | None = None


@dataclass(frozen=True)
class Name:
    """A template, parsed.

    Raises:
        ValueError: it holds something that is no slot, or stands in no file name.
    """

    template: str

    def __post_init__(self) -> None:
        if not _PLAIN.fullmatch(_SLOT.sub("", self.template)) or self.template.startswith("."):
            raise ValueError(
                "文件名由字母、数字、._- 和 {party} {batch} {date} {sequence:4} {any} 组成"
                " / a name is letters, digits, ._- and these slots"
            )
        names = self.slots
        if len(set(names)) != len(names):
            raise ValueError("每个占位符只能出现一次 / each slot once")
        if _RUN_ON.search(self.template):
            raise ValueError(
                "{party} {batch} {any} 之间须有分隔，否则读不回来 / something must stand between party, batch and any"
            )
        for slot in _SLOT.finditer(self.template):
            width = int(slot[2]) if slot[2] else None
            if slot[1] == "sequence" and not width:
                raise ValueError("须写明位数，如 {sequence:4} / a sequence needs its digits")
            if slot[1] == "date" and width not in (None, *_DATES):
                raise ValueError("{date} 或 {date:6} / a date has 8 or 6 digits")

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(match[1] for match in _SLOT.finditer(self.template))

    def fill(self, parts: Parts) -> str:
        """The name.

        Raises:
            Unnameable: a part is missing, or does not fit its slot.
        """

        def put(slot: re.Match[str]) -> str:
            value = getattr(parts, slot[1], None)
            text = _written(value, int(slot[2] or 0))
            if not re.fullmatch(_pattern(slot), text):
                raise Unnameable(slot[1])
            return text

        return _SLOT.sub(put, self.template)

    def match(self, name: str) -> Parts | None:
        """What a name is made of; None where it is no such name."""
        found = self._expression.fullmatch(name)
        if found is None:
            return None
        texts = found.groupdict()
        try:
            day = texts.get("date")
            date = dt.datetime.strptime(day, _DATES[len(day)]).date() if day else None
        except ValueError:
            return None
        number = texts.get("sequence")
        return Parts(
            party=texts.get("party"),
            batch=texts.get("batch"),
            date=date,
            sequence=int(number) if number else None,
        )

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        pieces, end = [], 0
        for slot in _SLOT.finditer(self.template):
            pieces += [re.escape(self.template[end : slot.start()]), f"(?P<{slot[1]}>{_pattern(slot)})"]
            end = slot.end()
        return re.compile("".join((*pieces, re.escape(self.template[end:]))))


def _pattern(slot: re.Match[str]) -> str:
    if slot[1] in _PATTERNS:
        return _PATTERNS[slot[1]]
    return rf"[0-9]{{{slot[2] or 8}}}"


def _written(value: object, width: int) -> str:
    if isinstance(value, dt.date):
        return value.strftime(_DATES[width or 8])
    if isinstance(value, int):
        return str(value).zfill(width)
    return "" if value is None else str(value)


def _checked(template: str) -> str:
    Name(template)
    return template


#: A template in settings.
Template = Annotated[
    str,
    StringConstraints(min_length=1, max_length=120),
    AfterValidator(_checked),
    Field(examples=["YBDF_{party}_{date}_{sequence:4}.txt"]),
]
