"""No identity number leaves through the log, in whatever field, shape or company it comes."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from gateway.contract.privacy import is_personal, mask_id, mask_name, mask_text
from gateway.engine.observe.redact import redact, render

PERSON = "110101199001010015"
IDS = st.from_regex(r"[1-8]\d{5}(19|20)\d{9}[\dX]", fullmatch=True)
FIELDS = st.sampled_from(["event", "reason", "partner", "certno", "name", "details", "message", "x", "token"])


class Body(Struct):
    document_no: str


class Stubborn:
    def __str__(self) -> str:
        raise RuntimeError(PERSON)


def _wrapped(number: str) -> st.SearchStrategy[Any]:
    """The number in every shape a careless call could give it."""
    around = st.text(st.characters(exclude_categories=["Nd", "Cs"]), max_size=6)
    text = st.tuples(around, around).map(lambda ends: f"{ends[0]}{number}{ends[1]}")
    whole = [st.just(int(number))] if number.isdigit() else []
    single = st.one_of(
        text, *whole, st.just(number.encode()), st.just(Body(number)), st.just(ValueError(number))
    )
    return st.recursive(
        single,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=4,
    )


@st.composite
def events(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    number = draw(IDS)
    names = draw(st.lists(FIELDS, min_size=1, max_size=4, unique=True))
    return number, {name: draw(_wrapped(number)) for name in names}


@settings(max_examples=300, deadline=None)
@given(events())
def test_no_identity_number_survives(case: tuple[str, dict[str, Any]]) -> None:
    number, event = case
    line = render(None, "info", dict(event)).decode()
    assert number not in line
    assert number[:17] not in line
    assert not re.search(r"\d{15}", line)
    json.loads(line)
    assert number not in str(redact(event))


@given(
    st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.floats() | st.binary() | st.none())
)
def test_every_event_becomes_one_line_of_json(event: dict[str, Any]) -> None:
    line = render(None, "info", event)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    json.loads(line)


def test_full_width_digits_are_digits_too() -> None:
    wide = PERSON.translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    assert wide not in render(None, "info", {"event": wide}).decode()


def test_what_is_cut_is_masked_first() -> None:
    line = render(None, "info", {"event": "中" + "x" * 8180 + PERSON}).decode()
    assert "11010119" not in line


def test_an_object_that_cannot_be_shown_costs_no_line() -> None:
    assert json.loads(render(None, "info", {"event": "x", "it": Stubborn()})) == {
        "event": "x",
        "it": "<Stubborn>",
    }


def test_ordinary_facts_stay_as_they_are() -> None:
    facts = {
        "event": "message.accepted",
        "message": "01979b2e-7c1a-7b3e-8a2e-1c2d3e4f5a6b",
        "attempts": 3,
        "up": True,
    }
    assert json.loads(render(None, "info", dict(facts))) == facts


def test_masks() -> None:
    assert mask_id(PERSON) == "1101**********0015"
    assert mask_id("12345") == "*****"
    assert mask_name("张三丰") == "张**"
    assert mask_name("王") == "*"
    assert mask_text(f"身份证{PERSON}，电话13912345678。") == "身份证1101**********0015，电话13*******78。"
    assert mask_text("2026-01-05 20260105080000 1767600000000") == "2026-01-05 20260105080000 1767600000000"
    assert mask_text("[input_value='张三', input_type=str]") == "[input_value=***, input_type=str]"


def test_names() -> None:
    assert all(map(is_personal, ["psn_name", "certno", "X-Tif-Signature", "Authorization", "new_password"]))
    assert not any(map(is_personal, ["message", "partner", "ordering_key", "event"]))
