"""The x-tif header family: the published recipe, and what a receiver refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.http.tif import TifRefusal, TifVerified, sign, signature, verify

NOW = 1735700400.0
TOKEN = "DEMO-TOKEN-0001"


def _headers(**changes: str) -> dict[str, str]:
    fields = dict(sign("demo-app", TOKEN, now=NOW, random=bytes(range(16)), service_id="svc"))
    return {**fields, **{f"x-tif-{name}": value for name, value in changes.items()}}


def _verify(headers: dict[str, str], now: float = NOW, token: str = TOKEN) -> TifVerified | TifRefusal:
    return verify(headers, paasid="demo-app", token=token, now=now, window=300)


def test_signature_matches_the_published_vector() -> None:
    assert (
        signature(TOKEN, "1735700400", "0123456789abcdef0123456789abcdef")
        == "a43910dcc0c33decc8338009bfc16a0ad5977e4e6c9640ee13c8b10aafdb9104"
    )


def test_signed_headers_are_the_documented_ones() -> None:
    headers = dict(sign("demo-app", TOKEN, now=NOW + 0.9, random=b"\x01" * 16))
    assert list(headers) == ["x-tif-paasid", "x-tif-timestamp", "x-tif-nonce", "x-tif-signature"]
    assert headers["x-tif-timestamp"] == "1735700400"
    assert headers["x-tif-nonce"] == "01" * 16
    assert dict(sign("a", "b", now=0, random=b"r" * 16, service_id="2207"))["x-tif-serviceId"] == "2207"


def test_a_good_signature_names_its_nonce_and_how_long_to_keep_it() -> None:
    assert _verify(_headers(), now=NOW + 100) == TifVerified("demo-app", bytes(range(16)).hex(), 201.0)
    # A timestamp from the future stays acceptable for longer, so its nonce must be remembered for longer.
    early = _verify(_headers(), now=NOW - 299)
    assert isinstance(early, TifVerified)
    assert early.keep_for == 600.0


@pytest.mark.parametrize("offset", [-300.5, 300.5, 86400.0])
def test_outside_the_clock_window(offset: float) -> None:
    assert _verify(_headers(), now=NOW + offset) is TifRefusal.CLOCK


@pytest.mark.parametrize("offset", [-300.0, 0.0, 300.0])
def test_inside_the_clock_window(offset: float) -> None:
    assert isinstance(_verify(_headers(), now=NOW + offset), TifVerified)


@pytest.mark.parametrize("name", ["paasid", "timestamp", "nonce", "signature"])
def test_every_header_is_needed(name: str) -> None:
    assert _verify(_headers(**{name: ""})) is TifRefusal.MISSING


@pytest.mark.parametrize(
    ("name", "value", "refusal"),
    [
        ("paasid", "other-app", TifRefusal.UNKNOWN_CALLER),
        ("timestamp", "1735700401", TifRefusal.SIGNATURE),
        ("timestamp", "now", TifRefusal.MISSING),
        ("timestamp", "1" * 21, TifRefusal.MISSING),
        ("timestamp", "١٢٣", TifRefusal.MISSING),
        ("nonce", "ff" * 16, TifRefusal.SIGNATURE),
        ("nonce", "f" * 33, TifRefusal.MISSING),
        ("signature", "0" * 64, TifRefusal.SIGNATURE),
        ("signature", "密", TifRefusal.SIGNATURE),
    ],
)
def test_altered_headers_are_refused(name: str, value: str, refusal: TifRefusal) -> None:
    assert _verify(_headers(**{name: value})) is refusal


def test_another_token_is_refused() -> None:
    assert _verify(_headers(), token="DEMO-TOKEN-0002") is TifRefusal.SIGNATURE


def test_an_uppercase_signature_is_the_same_signature() -> None:
    headers = _headers()
    assert isinstance(
        _verify({**headers, "x-tif-signature": headers["x-tif-signature"].upper()}), TifVerified
    )


@given(token=st.text(min_size=1), random=st.binary(min_size=16, max_size=16), now=st.integers(0, 2**40))
def test_what_is_signed_verifies(token: str, random: bytes, now: int) -> None:
    headers = dict(sign("app", token, now=now, random=random))
    assert isinstance(verify(headers, paasid="app", token=token, now=now, window=0), TifVerified)
