"""Invented persons and their bills: valid in every check digit and sum, and nobody's.

Everything follows from a number, so that a run can be repeated and two hospitals can be told apart.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from xml.sax.saxutils import escape

NAMESPACE = "urn:tongqu:hospital:v1"
INSTITUTION = "H99010100001"
REGION = "990101"  #: belongs to no place: GB/T 2260 has no 99
PERSONS = 97  #: prime, so that persons and kinds of bills combine freely

Fields = list[tuple[str, str]]

_ENVELOPES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
_GIVEN = "甲乙丙丁戊己庚辛壬癸"
#: catalogue code, the institution's code, unit price in fen
_ITEMS = (
    ("XA01ABD075A002010100483", "D00001", 1280),
    ("XJ01CAA040E001010100027", "D00002", 2365),
    ("001101000010000-110100001", "S00001", 1500),
    ("XN02BEA186A001010200011", "D00003", 907),
    ("002503040010000-250304001", "L00001", 4350),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist."""

    name: str
    identity: str  #: 18 characters of GB 11643, with its check digit
    number: str  #: psn_no


def check_digit(first17: str) -> str:
    """The last character of a citizen's number (GB 11643, ISO 7064 MOD 11-2)."""
    return "10X98765432"[sum(pow(2, 17 - i, 11) * int(c) for i, c in enumerate(first17)) % 11]


@cache
def person(n: int) -> Person:
    """The person of number `n`; they repeat after `PERSONS`."""
    n %= PERSONS
    born = dt.date(1950, 1, 1) + dt.timedelta(days=n * 211)
    first17 = f"{REGION}{born:%Y%m%d}{n + 1:03d}"
    name = f"{_SURNAMES[n % 16]}{_GIVEN[n % 10]}{_GIVEN[n // 10]}"
    return Person(name, first17 + check_digit(first17), f"9901{n + 1:015d}")


@lru_cache(maxsize=64)
def _second(start: dt.datetime, seconds: int) -> str:
    return f"{start + dt.timedelta(seconds=seconds):%Y%m%d%H%M%S}"


def msgid(n: int, start: dt.datetime, institution: str = INSTITUTION) -> str:
    """The n-th message id since `start`: code (12), yyyyMMddHHmmss (14), serial (4)."""
    return f"{institution}{_second(start, n // 10_000)}{n % 10_000:04d}"


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def header(identifier: str, institution: str = INSTITUTION) -> Fields:
    """What every request begins with."""
    return [
        ("msgid", identifier),
        ("fixmedins_code", institution),
        ("fixmedins_name", "示例市第一人民医院"),
        ("mdtrtarea_admvs", REGION),
        ("insuplc_admdvs", REGION),
        ("opter", "op01"),
        ("opter_name", "示例员"),
    ]


def fee_lines(n: int) -> list[Fields]:
    """Two or three charged items; each amount is quantity times price."""
    return [_fee_line(n, i) for i in range(2 + n % 2)]


def _fee_line(n: int, i: int) -> Fields:
    catalogue, own, price = _ITEMS[(n + i) % len(_ITEMS)]
    quantity = 1 + (n + i) % 4
    return [
        ("feedetl_sn", f"F{i + 1:04d}"),
        ("rxno", f"RX{n % PERSONS:06d}"),
        ("rx_circ_flag", "0"),
        ("fee_ocur_time", f"2025-01-{1 + n % 28:02d} 09:{n % 60:02d}:00"),
        ("med_list_codg", catalogue),
        ("medins_list_codg", own),
        ("det_item_fee_sumamt", yuan(price * quantity)),
        ("cnt", f"{quantity}.0000"),
        ("pric", f"{yuan(price)}0000"),
        ("bilg_dept_codg", "0301"),
        ("bilg_dept_name", "内科"),
        ("bilg_dr_codg", "D990101000001"),
        ("bilg_dr_name", "示例医"),
        ("hosp_appr_flag", "1"),
    ]


def claim(n: int, identifier: str, institution: str = INSTITUTION) -> Fields:
    """The fields of an outpatient settlement in national order; its parts add up to the fee lines."""
    who = person(n)
    total = sum(_fen(dict(line)["det_item_fee_sumamt"]) for line in fee_lines(n))
    own, advance = total // 20, total // 10
    return [
        *header(identifier, institution),
        ("psn_no", who.number),
        ("mdtrt_cert_type", "02"),
        ("mdtrt_cert_no", who.identity),
        ("med_type", "11"),
        ("medfee_sumamt", yuan(total)),
        ("psn_setlway", "01"),
        ("mdtrt_id", f"{REGION}S{n:012d}"),
        ("chrg_bchno", f"B{n:012d}"),
        ("insutype", "310"),
        ("acct_used_flag", "1"),
        ("invono", f"INV{n:012d}"),
        ("fulamt_ownpay_amt", yuan(own)),
        ("overlmt_selfpay", "0.00"),
        ("preselfpay_amt", yuan(advance)),
        ("inscp_scp_amt", yuan(total - own - advance)),
    ]


def _fen(text: str) -> int:
    return int(text.replace(".", ""))


def query(n: int, identifier: str, institution: str = INSTITUTION) -> Fields:
    """The fields of a person query by identity number."""
    who = person(n)
    return [
        *header(identifier, institution),
        ("mdtrt_cert_type", "02"),
        ("mdtrt_cert_no", who.identity),
        ("psn_cert_type", "01"),
        ("certno", who.identity),
        ("psn_name", who.name),
    ]


def element(name: str, fields: Fields, lines: Iterable[Fields] = (), namespace: str = NAMESPACE) -> str:
    """A request as XML text."""
    rows = "".join(f"<hos:feedetail>{_leaves(line)}</hos:feedetail>" for line in lines)
    return f'<hos:{name} xmlns:hos="{namespace}">{_leaves(fields)}{rows}</hos:{name}>'


def _leaves(fields: Sequence[tuple[str, str]]) -> str:
    return "".join(f"<hos:{name}>{escape(value)}</hos:{name}>" for name, value in fields)


def envelope(content: str, soap: str = "1.1") -> str:
    """SOAP around a request, as a hospital's system writes it."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soap:Envelope xmlns:soap="{_ENVELOPES[soap]}"><soap:Body>{content}</soap:Body></soap:Envelope>'
    )


class Builder:
    """Makes outpatient settlements by the thousand: a few ready texts, into which only the numbers go.

    Args:
        start: when message ids begin; two builders of one institution need different ones.
        element: `OutpatientSettlement`, or `OutpatientSettlementUpload` for the one-way operation.
    """

    def __init__(
        self,
        start: dt.datetime,
        institution: str = INSTITUTION,
        soap: str = "1.1",
        element: str = "OutpatientSettlement",
    ) -> None:
        self._start = start
        self._institution = institution
        self._texts = [self._template(n, soap, element) for n in range(PERSONS)]

    def __call__(self, n: int) -> bytes:
        """The n-th settlement as SOAP, about 3 KiB."""
        number = b"%012d" % n
        identifier = msgid(n, self._start, self._institution).encode()
        return self._texts[n % PERSONS] % (identifier, number, number, number)

    def _template(self, n: int, soap: str, name: str) -> bytes:
        # The numbered fields come in the order of the four arguments above.
        slots = {"msgid": "\0", "mdtrt_id": f"{REGION}S\0", "chrg_bchno": "B\0", "invono": "INV\0"}
        fields = [(key, slots.get(key, value)) for key, value in claim(n, "", self._institution)]
        text = envelope(element(name, fields, fee_lines(n)), soap)
        return text.encode().replace(b"%", b"%%").replace(b"\0", b"%b")
