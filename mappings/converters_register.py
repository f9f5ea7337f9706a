"""Forms of the population register's services that no lens can say."""

from __future__ import annotations

import re

from mappings.converters import Converter, register
from mappings.errors import Refused
from mappings.lenses import IdentityLens

_CONDITION = re.compile(r"SFZH='([^']*)'", re.ASCII)
_SEX = re.compile(r"0?([0129])", re.ASCII)
_identity = IdentityLens()


def _condition(text: str) -> str:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise Refused("condition", "应为 SFZH='号码'", "must be SFZH='number'")
    return _identity.read(match[1])


def _sex(text: str) -> str:
    match = _SEX.fullmatch(text)
    if match is None:
        raise Refused("code", "不是性别代码", "is no code of sex")
    return match[1]


#: The condition goes to a database as it is: nothing but a valid identity number may stand in it.
register(
    Converter(
        "register_condition",
        "text",
        _condition,
        lambda number: f"SFZH='{_identity.write(number)}'",
        (("SFZH='990101199001010019'", "990101199001010019"),),
    )
)

#: Some provinces write GB/T 2261.1 with two digits.
register(Converter("register_sex", "text", _sex, _sex, (("1", "1"), ("2", "2"))))
