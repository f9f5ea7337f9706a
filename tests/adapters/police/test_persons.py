"""Numbers of GB 11643, and names."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from adapters.police.persons import broken_rule, comparable, region_known, same_name
from mappings.values import with_check_digit

TODAY = dt.date(2026, 11, 22)
REGIONS = st.sampled_from(["110105", "810000", "820000", "830000", "440524", "990101"])
BORN = st.dates(dt.date(1850, 1, 1), TODAY)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    sequence = draw(st.integers(0, 999))
    return with_check_digit(f"{draw(REGIONS)}{draw(BORN):%Y%m%d}{sequence:03d}0".zfill(18))


@given(numbers())
def test_sound_numbers_are_sound(number: str) -> None:
    assert broken_rule(number, TODAY) is None


@given(numbers(), st.integers(0, 17), st.sampled_from("0123456789X"))
def test_one_wrong_character_is_found(number: str, place: int, character: str) -> None:
    changed = number[:place] + character + number[place + 1 :]
    assert (broken_rule(changed, TODAY) is None) == (changed == number)


@given(numbers(), st.integers(0, 16))
def test_two_neighbours_changed_over_are_found(number: str, place: int) -> None:
    changed = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert (broken_rule(changed, TODAY) is None) == (changed == number)


@given(st.text(max_size=20))
def test_anything_else_is_refused_without_a_crash(text: str) -> None:
    rule = broken_rule(text, TODAY)
    assert rule in ("format", "birth_date", "check_digit") or len(text) == 18


def test_published_number_permits_and_the_unborn() -> None:
    assert broken_rule("11010519491231002X", TODAY) is None
    assert broken_rule(with_check_digit("810000199408230020"), TODAY) is None
    assert broken_rule(with_check_digit("110105202611230020"), TODAY) == "birth_date"
    assert region_known("810000199408230021")
    assert not region_known("190105194912310021")


@given(st.text(max_size=12))
def test_a_name_is_itself_however_often_it_is_normalised(name: str) -> None:
    assert same_name(name, name)
    assert same_name(name, f" {name} ")


def test_spellings_of_one_name() -> None:
    spellings = ["古丽·古丽", "古丽•古丽", "古丽．古丽", "古丽‧古丽", "古丽 · 古丽"]
    assert len({comparable(spelling) for spelling in spellings}) == 1
    assert same_name("Ａｎｎａ", "Anna")
    assert not same_name("张三", "张四")
