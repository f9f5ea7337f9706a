"""The digest of the hot path is HMAC-SHA-256 to the letter."""

from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.entry import salted_digest


@given(st.binary(min_size=16, max_size=64), st.binary(max_size=9000))
def test_it_is_hmac_sha256(salt: bytes, payload: bytes) -> None:
    assert salted_digest(salt, payload) == "hmac-sha256:" + hmac.digest(salt, payload, "sha256").hex()
