"""Organisations: what a registration authority says about one, as employer enrolment needs it.

An organisation is known by its unified social credit code (统一社会信用代码, GB 32100-2015): eighteen places of
an alphabet of 31, the last of which checks the others.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final

from msgspec import Meta, Struct

from gateway.canonical.identity import Region

#: GB 32100: digits and capitals without I, O, S, V and Z. A character's value is its position.
_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LENGTH: Final = 18

CreditCode = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}$",
        description="unified social credit code, GB 32100; mappings verify its check character",
    ),
]


class RegistrationChanged(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`organisation.registration.changed.v1`: an organisation was registered, changed, or struck off.

    Sent by registration authorities (市场监管、民政、编办); taken by whoever keeps employers (单位参保).
    """

    notice_no: Annotated[str, Meta(min_length=1, max_length=50)]  #: the authority's own number of this notice
    change: str  #: code table org_change
    uscc: CreditCode
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    kind: str  #: code table org_kind
    region: Region
    address: Annotated[str, Meta(max_length=200)] | None = None
    legal_representative: Annotated[str, Meta(max_length=50)] | None = None  #: 法定代表人（负责人）
    industry: Annotated[str, Meta(max_length=5)] | None = None  #: GB/T 4754
    registered_on: dt.date | None = None  #: 成立日期
    effective_on: dt.date  #: from when the change holds
    authority: Annotated[str, Meta(min_length=1, max_length=100)]  #: 登记机关
    extension: str | None = None  #: what else the sender said


def check_character(code: str) -> str:
    """The eighteenth character for the first seventeen (GB 32100-2015, section 5.2: weights 3^i mod 31).

    Raises:
        ValueError: a character is none of the alphabet.
    """
    total = sum(pow(3, i, 31) * _ALPHABET.index(c) for i, c in enumerate(code[: _LENGTH - 1]))
    return _ALPHABET[-total % 31]


def is_credit_code(code: str) -> bool:
    """Whether it has eighteen places of the alphabet and the right check character."""
    if len(code) != _LENGTH or not set(code) <= set(_ALPHABET):
        return False
    return check_character(code) == code[-1]
