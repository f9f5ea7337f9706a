"""The forms and texts of signatures."""

from __future__ import annotations

import base64
import contextlib
from typing import get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.errors import BadSignature
from gateway.crypto.forms import LONGEST, Text, signature_from, signature_to, text_from, text_to

_NUMBERS = st.one_of(st.integers(1, 1 << 16), st.integers(1, (1 << 256) - 1))
_TEXTS: tuple[Text, ...] = get_args(Text)


@given(_NUMBERS, _NUMBERS)
def test_raw_and_der_say_the_same(r: int, s: int) -> None:
    der = encode_dss_signature(r, s)
    raw = signature_to("raw", der)
    assert raw == r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert signature_from("raw", raw) == der
    assert signature_from("der", signature_to("der", der)) == der


@given(st.binary(max_size=200).filter(lambda content: len(content) != 64))
def test_raw_has_64_bytes(content: bytes) -> None:
    with pytest.raises(BadSignature, match="64 bytes") as refused:
        signature_from("raw", content)
    assert refused.value.kind == "malformed"


@given(st.sampled_from(_TEXTS), st.binary(max_size=300))
def test_texts_come_back(text: Text, content: bytes) -> None:
    assert text_from(text, text_to(text, content)) == content


def test_texts_are_written_as_agreed() -> None:
    assert [text_to(text, b"\xab\x01") for text in _TEXTS] == [b"qwE=", b"ab01", b"AB01", b"\xab\x01"]


def test_white_space_is_overlooked_in_texts_only() -> None:
    content = bytes(range(100))
    wrapped = base64.encodebytes(content)
    assert wrapped.count(b"\n") == 2
    assert text_from("base64", wrapped) == content
    assert text_from("HEX", b" AB\r\ncd\n") == text_from("hex", b"abCD") == b"\xab\xcd"
    assert text_from("bytes", b" a\n") == b" a\n"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("base64", b"qwE"),
        ("base64", b"q*E="),
        ("base64", "签名".encode()),
        ("hex", b"abc"),
        ("HEX", b"0x01"),
        ("hex", "签名".encode()),
        ("bytes", bytes(LONGEST + 1)),
        ("base64", b"\n" * (LONGEST + 1)),
    ],
)
def test_other_texts_are_refused(text: Text, content: bytes) -> None:
    with pytest.raises(BadSignature) as refused:
        text_from(text, content)
    assert refused.value.kind == "malformed"
    assert "应为" in refused.value.zh


@given(st.sampled_from(_TEXTS), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(text: Text, content: bytes) -> None:
    with contextlib.suppress(BadSignature):
        text_from(text, content)
