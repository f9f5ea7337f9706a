"""Each lens: what it reads, what it writes, what it refuses."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical.settlement import ClaimSubmitted, ReversalRequested
from mappings import Refused, converters
from mappings.converters import Converter
from mappings.lenses_times import CHINA
from mappings.shape import fields_of
from mappings.syntax import BadLens, lens
from mappings.values import with_check_digit

NOON = dt.datetime(2025, 1, 1, 12, 0, 0, tzinfo=CHINA)
IDENTITY = with_check_digit("99010119900101001")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("money(yuan)", "25.60", 2560),
        ("money(yuan)", "-0.05", -5),
        ("money(yuan)", "99999999999999.99", 10**16 - 1),
        ("money(fen)", "2560", 2560),
        ("int", "-7", -7),
        ("decimal(16.4)", "2.5000", Decimal("2.5")),
        ("decimal(16,6)", "0.000001", Decimal("0.000001")),
        ("decimal(12.8)", "0.00000000", Decimal(0)),
        ("number(4.1)", "35.0", "35.0"),
        ("datetime", "2025-01-01 12:00:00", NOON),
        ("datetime(yyyyMMddHHmmss)", "20250101120000", NOON),
        ("datetime(yyyyMMddHHmmssSSS)", "20250101120000123", NOON.replace(microsecond=123000)),
        ("date", "1990-01-01", dt.date(1990, 1, 1)),
        ("date(yyyyMMdd)", "19900101", dt.date(1990, 1, 1)),
        ("flag", "1", True),
        ("flag(Y/N)", "N", False),
        ("code(insutype)", "310", "310"),
        ("const('01')", "01", None),
        ("cn_id", IDENTITY, IDENTITY),
        ("text(3)", "中文𠮷", "中文𠮷"),
    ],
)
def test_both_ways(name: str, text: str, value: Any) -> None:
    chosen = lens(name, None)
    assert chosen.read(text) == value
    assert chosen.write(value) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("money(yuan)", t) for t in ("1.234", "1e2", "+1", ".5", "1.", "1,000", " 1", "1\n", "٣", "NaN", "123456789012345")],
        *[("money(fen)", t) for t in ("1.0", "-", "12345678901234567")],
        *[("decimal(5.4)", t) for t in ("12", "0.12345", "1E1", "Infinity", "0.1 ")],
        *[("int", t) for t in ("01", "1.0", "-0", "")],
        *[("datetime", t) for t in ("2025-02-30 00:00:00", "2025-01-01T12:00:00", "2025-01-01 24:00:00")],
        *[("datetime", t) for t in ("2025-W01-3 09:10:00", "2025-01-01", "2025-01-01 12:00:00+08:00", "2025-01-01 12:00:00.000001")],
        *[("date", t) for t in ("20250101", "2025-13-01", "2025-W01-3", "0000-01-01")],
        *[("date(yyyyMMdd)", t) for t in ("20250230", "2025-01-01")],
        ("flag", "Y"),
        ("flag", "true"),
        ("code(insutype)", "999"),
        ("const(01)", "02"),
        ("text(2)", "abc"),
        ("text(9)", "a\x00b"),
        ("text(9)", "a\x1bb"),
        ("cn_id", "99010119900101001" + ("0" if IDENTITY[-1] != "0" else "1")),
        ("cn_id", with_check_digit("99010119900230001")),
        ("cn_id", "9901011990010100"),
    ],
)  # fmt: skip
def test_refused_on_the_way_in(name: str, text: str) -> None:
    with pytest.raises(Refused) as refused:
        lens(name, None).read(text)
    assert text.strip() == "" or len(text) < 3 or text not in refused.value.zh + refused.value.en


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("money(yuan)", 10**16),
        ("money(yuan)", True),
        ("money(yuan)", 1.5),
        ("decimal(5.4)", Decimal("0.12345")),
        ("decimal(5.4)", Decimal(12)),
        ("decimal(5.4)", Decimal("NaN")),
        ("decimal(5.4)", 0.5),
        ("number(4.1)", "35"),
        ("int", 10**18),
        ("datetime", dt.datetime(2025, 1, 1)),
        ("datetime", NOON.replace(microsecond=1)),
        ("datetime(yyyy-MM-dd HH:mm)", NOON.replace(second=1)),
        ("datetime", dt.datetime.max.replace(tzinfo=dt.UTC)),
        ("date", NOON),
        ("flag", 1),
        ("code(insutype)", None),
        ("text(9)", ""),
        ("text(9)", 5),
        ("text(9)", "\ud800"),
        ("cn_id", 5),
    ],
)
def test_refused_on_the_way_out(name: str, value: Any) -> None:
    with pytest.raises(Refused):
        lens(name, None).write(value)


def test_times_are_those_of_china_whatever_their_zone() -> None:
    assert lens("datetime", None).write(dt.datetime(2025, 1, 1, 4, tzinfo=dt.UTC)) == "2025-01-01 12:00:00"


@given(st.decimals(-(10**11), 10**11, places=4))
def test_decimals_keep_their_value(value: Decimal) -> None:
    chosen = lens("decimal(16.4)", None)
    assert chosen.read(chosen.write(value)) == value
    assert "E" not in chosen.write(value)


def test_the_canonical_limits_hold_as_well() -> None:
    region = lens("text(20)", fields_of(ClaimSubmitted)["insured_region"])
    assert region.read("990101") == "990101"
    for text in ("99010", "99010A", "990101\n", "９９０１０１"):
        with pytest.raises(Refused):
            region.read(text)
    with pytest.raises(Refused):
        lens("text(40)", fields_of(ClaimSubmitted)["person_no"]).read("1" * 31)
    with pytest.raises(Refused, match="at least 4"):
        lens("text(6)", fields_of(ReversalRequested)["original_transaction"]).read("22")


@pytest.mark.parametrize(
    "text",
    ["", "txt(3)", "text", "text(0)", "money", "money(jiao)", "decimal(2.4)", "datetime(yyyy)", "date(yy-MM-dd)",
     "datetime(yyyy-MM-dd HH:mm:ss q)", "flag(1/1)", "flag(1)", "code(insutyp)", "code(../x)", "const()",
     "convert(nothing)", "text(3) "],
)  # fmt: skip
def test_no_lens(text: str) -> None:
    with pytest.raises(BadLens):
        lens(text, None)


def test_a_converter_must_prove_that_it_pairs_up() -> None:
    def pair(name: str, *examples: tuple[str, Any]) -> Converter:
        return Converter(name, "text", str.upper, str.lower, examples)

    with pytest.raises(ValueError, match="no examples"):
        converters.register(pair("test_upper"))
    with pytest.raises(ValueError, match="both ways"):
        converters.register(pair("test_upper", ("Abc", "ABC")))
    converters.register(pair("test_upper", ("abc", "ABC")))
    with pytest.raises(ValueError, match="already"):
        converters.register(pair("test_upper", ("abd", "ABD")))
    assert lens("convert(test_upper)", fields_of(ClaimSubmitted)["person_no"]).read("abc") == "ABC"
