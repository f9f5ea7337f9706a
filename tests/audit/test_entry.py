"""Audit entries: one encoding each, and digests that can be forgotten."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.entry import Entry, decode, encode, salted_digest

TIME = dt.datetime(2026, 1, 5, 8, 0, tzinfo=dt.UTC)
ENTRY = Entry(
    id="0199-a", time=TIME, node="gw-1", event="message.accepted", partner="甲医院", detail={"b": 2, "a": "x"}
)
BYTES = (
    '{"detail":{"a":"x","b":2},"event":"message.accepted","id":"0199-a","node":"gw-1",'
    '"partner":"甲医院","time":"2026-01-05T08:00:00Z","v":1}'
).encode()


def test_canonical_bytes() -> None:
    assert encode(ENTRY) == BYTES
    assert decode(BYTES) == ENTRY


@pytest.mark.parametrize(
    "data",
    [
        BYTES.replace(b":1}", b":2}"),
        BYTES.replace(b'"v":1', b'"v": 1'),
        BYTES.replace(b',"v":1', b""),
        BYTES.replace(b"00Z", b"00+00:00"),
        BYTES.replace(b'"node"', b'"extra":1,"node"'),
        BYTES.replace(b'"v":1', b'"type":null,"v":1'),
        b'{"v":1}',
    ],
)
def test_other_encodings_are_refused(data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(data)


def test_time_is_utc() -> None:
    with pytest.raises(ValueError, match="UTC"):
        Entry(id="1", time=dt.datetime(2026, 1, 5), node="n", event="e")
    with pytest.raises(msgspec.ValidationError):
        decode(BYTES.replace(b"00Z", b"00+08:00"))


def test_too_large() -> None:
    with pytest.raises(ValueError, match="detail"):
        encode(Entry(id="1", time=TIME, node="n", event="e", detail={"a": "x" * 65536}))


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.datetimes(timezones=st.just(dt.UTC)),
    st.none() | st.dictionaries(st.text("abcxyz_"), st.integers(-(2**63), 2**63) | st.text('甲a\n"')),
)
def test_any_entry_is_sorted_json(text: str, time: dt.datetime, detail: dict[str, str | int] | None) -> None:
    entry = Entry(id="1", time=time, node=text, event="e", detail=detail)
    data = encode(entry)
    assert decode(data) == entry
    parsed = json.loads(data)
    assert list(parsed) == sorted(parsed)
    assert None not in parsed.values()


def test_salted_digest() -> None:
    salt, payload = bytes(range(32)), "参保人".encode()
    expected = hmac.new(salt, payload, hashlib.sha256).hexdigest()
    assert salted_digest(salt, payload) == f"hmac-sha256:{expected}"
    assert salted_digest(bytes(32), payload) != salted_digest(salt, payload)


@pytest.mark.parametrize("size", [0, 15, 65])
def test_salts_have_a_proper_size(size: int) -> None:
    with pytest.raises(ValueError, match="salt"):
        salted_digest(bytes(size), b"")
