"""Invented insured persons of region 990101. The same certificate always belongs to the same person."""

from __future__ import annotations

import datetime as dt
from hashlib import sha256
from typing import Final

from msgspec import Struct

REGION: Final = "990101"
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK: Final = "10X98765432"
_FAMILY: Final = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
_GIVEN: Final = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳"
_IDENTITY: Final = 18


class Person(Struct):
    """One row of the tables psn and insu."""

    psn_no: str
    certno: str
    name: str
    gend: str
    birth: str
    age: str
    balance: int  #: of the personal account, fen
    insutype: str = "310"
    psn_type: str = "1101"


def check_digit(body: str) -> str:
    """The last character of an identity number (GB 11643) after its first seventeen."""
    return _CHECK[sum(w * int(d) for w, d in zip(_WEIGHTS, body, strict=True)) % 11]


def well_formed(certno: str) -> bool:
    """Whether it could be an identity number."""
    body = certno[:-1]
    return len(certno) == _IDENTITY and body.isascii() and body.isdigit() and certno[-1] == check_digit(body)


def findable(kind: str, number: str) -> bool:
    """Whether a certificate of that kind (code table mdtrt_cert_type) could be someone's."""
    return well_formed(number) if kind == "02" else bool(number.strip())


def invent(seed: str, today: dt.date, *, certno: str = "", psn_no: str = "") -> Person:
    """The person of a certificate or of a person number."""
    number = int.from_bytes(sha256(seed.encode()).digest()[:12], "big")
    if not certno:
        birth = dt.date(1940, 1, 1) + dt.timedelta(days=number % 25000)
        body = f"{REGION}{birth:%Y%m%d}{number % 997:03d}"
        certno = body + check_digit(body)
    birth_text = f"{certno[6:10]}-{certno[10:12]}-{certno[12:14]}"
    return Person(
        psn_no=psn_no or f"{REGION}{number % 10**13:013d}",
        certno=certno,
        name=_FAMILY[number % 16] + _GIVEN[number // 16 % 16] + _GIVEN[number // 256 % 16],
        gend="1" if int(certno[16]) % 2 else "2",
        birth=birth_text,
        age=f"{max(0, today.year - int(certno[6:10]))}.0",
        balance=50_000 + number % 500_000,
    )
