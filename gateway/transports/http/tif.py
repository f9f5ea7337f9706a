"""The `x-tif-*` request headers of the platforms' service gateways: signing, and checking a signature.

    x-tif-paasid      application id assigned by the platform
    x-tif-timestamp   Unix seconds
    x-tif-nonce       random, at most 32 characters
    x-tif-signature   lowercase hex SHA-256 of UTF-8 (timestamp + token + nonce + timestamp)
    x-tif-serviceId   optional

The signature covers neither body nor URL: it shows who knocks, not what is asked. How old a timestamp may
be and how long nonces are remembered is the receiver's decision, so both come in from outside.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from hashlib import sha256
from typing import Final, Protocol

from msgspec import Struct

PAASID: Final = "x-tif-paasid"
TIMESTAMP: Final = "x-tif-timestamp"
NONCE: Final = "x-tif-nonce"
SIGNATURE: Final = "x-tif-signature"
SERVICE_ID: Final = "x-tif-serviceId"

_NONCE_LENGTH: Final = 32
_TIMESTAMP_LENGTH: Final = 20


class Fields(Protocol):
    """Header fields whose names are matched without regard to case."""

    def get(self, name: str, default: str = "") -> str: ...


class TifRefusal(StrEnum):
    """Why a request was not let in. The values are stable and may be logged."""

    MISSING = "missing"  #: one of the four headers is absent or unusable
    UNKNOWN_CALLER = "unknown-caller"  #: not the paasid this token belongs to
    CLOCK = "clock"  #: the timestamp is outside the window: set the clocks
    SIGNATURE = "signature"  #: the token differs, or the headers were altered


class TifVerified(Struct, frozen=True):
    """A good signature. The caller must still see that `nonce` is used for the first time.

    It must be remembered until the timestamp leaves the clock window, and no longer.
    """

    paasid: str
    nonce: str
    keep_for: float  #: seconds for which the nonce must be remembered


def signature(token: str, timestamp: str, nonce: str) -> str:
    """The value of `x-tif-signature`."""
    return sha256(f"{timestamp}{token}{nonce}{timestamp}".encode()).hexdigest()


def sign(
    paasid: str, token: str, *, now: float, random: bytes, service_id: str = ""
) -> tuple[tuple[str, str], ...]:
    """The headers of one request; every attempt needs fresh ones.

    Args:
        now: Unix seconds.
        random: 16 bytes, of which the nonce is made.
        service_id: leaves `x-tif-serviceId` out where empty.
    """
    timestamp, nonce = str(int(now)), random.hex()[:_NONCE_LENGTH]
    fields = (
        (PAASID, paasid),
        (TIMESTAMP, timestamp),
        (NONCE, nonce),
        (SIGNATURE, signature(token, timestamp, nonce)),
    )
    return (*fields, (SERVICE_ID, service_id)) if service_id else fields


def verify(
    headers: Fields, *, paasid: str, token: str, now: float, window: float
) -> TifVerified | TifRefusal:
    """Checks the headers of a request against one caller's token.

    Args:
        headers: of the request.
        paasid: the caller this token was given to.
        now: Unix seconds.
        window: how many seconds the timestamp may lie before or after `now`.
    """
    claimed, timestamp = headers.get(PAASID), headers.get(TIMESTAMP)
    nonce, given = headers.get(NONCE), headers.get(SIGNATURE)
    if not claimed or not given or not _usable(timestamp, nonce):
        return TifRefusal.MISSING
    if not _same(claimed, paasid):
        return TifRefusal.UNKNOWN_CALLER
    if not _same(given.lower(), signature(token, timestamp, nonce)):
        return TifRefusal.SIGNATURE
    # Only after the signature: a stranger learns nothing about our clock.
    age = now - int(timestamp)
    if abs(age) > window:
        return TifRefusal.CLOCK
    return TifVerified(claimed, nonce, keep_for=window - age + 1.0)


def _usable(timestamp: str, nonce: str) -> bool:
    return (
        0 < len(timestamp) <= _TIMESTAMP_LENGTH
        and timestamp.isascii()
        and timestamp.isdigit()
        and 0 < len(nonce) <= _NONCE_LENGTH
    )


def _same(one: str, other: str) -> bool:
    """Takes equally long wherever they differ, so that timing does not give a signature away."""
    return hmac.compare_digest(one.encode(), other.encode())
