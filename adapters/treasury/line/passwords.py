"""Which password a log-in carries, over a change of it.

    password ──`new_password` is set──► password and NewPassword ──accepted──► new_password, from now on
                                          │  ▲
                                  refused ▼  │ refused
                                       new_password alone: it was accepted before, and the answer was lost

The ledger remembers, by a slow digest, that the new one was accepted, until an operator moves it to `password`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from adapters.treasury.line.ledger import Ledger
from adapters.treasury.settings import SessionSettings
from gateway.canonical.levy_network import NodeLogInAsked

_FACT: Final = "password"
_SALT: Final = 16


class Passwords:
    """The passwords of one node."""

    def __init__(self, settings: SessionSettings, ledger: Ledger, random: Callable[[int], bytes]) -> None:
        self._old = _text(settings.password)
        self._new = _text(settings.new_password)
        self._ledger, self._random = ledger, random
        self._new_alone = False

    async def current(self) -> str:
        """What the network knows, as far as we can tell. Empty where we never log in."""
        return self._new if self._new and await self._accepted_before() else self._old

    async def offer(self) -> NodeLogInAsked:
        """What the next log-in says."""
        if not self._new or await self._accepted_before():
            return NodeLogInAsked(password=await self.current())
        if self._new_alone:
            return NodeLogInAsked(password=self._new)
        return NodeLogInAsked(password=self._old, new_password=self._new)

    async def accepted(self, offer: NodeLogInAsked) -> None:
        """The network let us in by this."""
        if self._new and self._new in (offer.password, offer.new_password):
            salt = self._random(_SALT)
            await self._ledger.note(**{_FACT: f"{salt.hex()}:{_digest(salt, self._new).hex()}"})

    def refused(self) -> None:
        """The network did not."""
        self._new_alone = not self._new_alone

    async def _accepted_before(self) -> bool:
        salt, _, digest = (await self._ledger.fact(_FACT) or "").partition(":")
        return bool(digest) and hmac.compare_digest(_digest(bytes.fromhex(salt), self._new).hex(), digest)


def _text(secret: object) -> str:
    get = getattr(secret, "get_secret_value", None)
    return get() if get is not None else ""


def _digest(salt: bytes, password: str) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << 12, r=8, p=1)
