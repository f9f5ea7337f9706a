"""Numbers and names of persons: what may be asked about, and when two names are the same. Pure."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from functools import cache
from typing import Final

from gateway.contract import Reject
from mappings import codes

_FORM: Final = re.compile(r"[1-9]\d{16}[\dX]", re.ASCII)
_WEIGHTS: Final = tuple(pow(2, 17 - place, 11) for place in range(17))
_CHECK: Final = "10X98765432"
_EARLIEST: Final = dt.date(1850, 1, 1)
#: Residence permits of people from Hong Kong, Macao and Taiwan are numbered as identity cards are.
_PERMITS: Final = frozenset({"81", "82", "83"})
#: The dots that separate the parts of a name, as different systems write them.
_DOTS: Final = str.maketrans("•．‧・∙⋅", "······")

_RULES: Final = {
    "format": (
        "应为 18 位：17 位数字加一位数字或大写 X",
        "must be 18 characters: 17 digits and a digit or capital X",
    ),
    "birth_date": ("其中的出生日期无效", "the birth date inside is impossible"),
    "check_digit": ("校验位不符（GB 11643）", "the check digit is wrong (GB 11643)"),
}


def broken_rule(number: str, today: dt.date) -> str | None:
    """The rule of GB 11643 that a number breaks: `format`, `birth_date` or `check_digit`; None for a sound one.

    The region is not looked at: people keep the number of a region that is long dissolved.
    """
    if _FORM.fullmatch(number) is None:
        return "format"
    try:
        born = dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return "birth_date"
    if not _EARLIEST <= born <= today:
        return "birth_date"
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    return None if _CHECK[total % 11] == number[17] else "check_digit"


def demand_sound(number: str, today: dt.date, field: str = "document_no") -> None:
    """
    Raises:
        Reject: naming `field` and the rule that is broken; never the number.
    """
    rule = broken_rule(number, today)
    if rule is not None:
        zh, en = _RULES[rule]
        raise Reject(f"身份证号 {field} {zh}", f"{field}: {en}", code="invalid", field=field, rule=rule)


def region_known(number: str) -> bool:
    """Whether its first places name a province of today, or stand for a residence permit. Only worth a warning."""
    return number[:2] in _PERMITS or number[:2] in _provinces()


@cache
def _provinces() -> frozenset[str]:
    return frozenset(code.code[:2] for code in codes.table("region").codes)


def comparable(name: str) -> str:
    """A name as it is compared: NFKC, one kind of middle dot, no blanks. What is sent stays as it was written."""
    return "".join(unicodedata.normalize("NFKC", name.translate(_DOTS)).translate(_DOTS).split()).casefold()


def same_name(one: str, other: str) -> bool:
    """Whether two spellings are one name."""
    return comparable(one) == comparable(other)
