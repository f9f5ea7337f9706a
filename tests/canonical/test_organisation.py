"""Unified social credit codes: the check character of GB 32100 finds every single wrong character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical.organisation import check_character, is_credit_code
from mappings.errors import Refused
from mappings.lenses_organisations import CreditCodeLens

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CODE = "91990101MA0000001" + check_character("91990101MA0000001")


@given(st.text(ALPHABET, min_size=17, max_size=17), st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_found(body: str, place: int, other: str) -> None:
    code = body + check_character(body)
    assert is_credit_code(code)
    damaged = code[:place] + other + code[place + 1 :]
    assert is_credit_code(damaged) is (damaged == code)


@pytest.mark.parametrize(
    "text", [CODE.lower(), CODE[:-1], f"{CODE}\n", CODE.replace("M", "O"), f" {CODE[1:]}", ""]
)
def test_what_is_no_code_is_refused_without_being_quoted(text: str) -> None:
    lens = CreditCodeLens()
    with pytest.raises(Refused) as caught:
        lens.read(text)
    assert caught.value.rule == "uscc"
    assert not text or text not in f"{caught.value.zh}{caught.value.en}"
    assert lens.write(lens.read(CODE)) == CODE
