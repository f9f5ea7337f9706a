"""Passwords: what is a good one, how it is kept, and one-time passwords.

Kept as Argon2id in its PHC text (RFC 9106), with the parameters that OWASP's Password Storage Cheat Sheet gives as least:
19 MiB, two passes, one lane; about 30 ms. A text carries its own parameters, so that they can be raised later.
"""

from __future__ import annotations

import os
import secrets
import threading
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from gateway.console.refusals import Refused

SHORTEST: Final = 12
LONGEST: Final = 128
_LEAST_DIFFERENT: Final = 5
#: What is left of the passwords people fall back on when digits and marks are taken away.
_BAD: Final = frozenset(
    {
        "",
        "abc",
        "abcd",
        "abcdef",
        "admin",
        "administrator",
        "asdfgh",
        "changeme",
        "gateway",
        "iloveyou",
        "letmein",
    }
    | {"passwd", "password", "passwordpassword", "pssword", "psswrd", "qazwsx", "qazwsxedc", "qwe", "qweasd"}
    | {"qweasdzxc", "qwer", "qwert", "qwerty", "qwertyuiop", "qwertyuiopasdfghjkl", "root", "system", "test"}
    | {"tongqu", "tongqugateway", "welcome", "woaini", "yibao", "zaqwsxcde", "zxcvbn", "zxcvbnm"}
)
_ITERATIONS, _LANES, _MEMORY_KIB, _SALT, _LENGTH = 2, 1, 19_456, 16, 32
#: Each takes 19 MiB while it is at work: a flood of sign-ins waits in line instead of using up the memory.
_AT_WORK: Final = threading.BoundedSemaphore(4)
#: Letters and digits that nobody takes for each other.
_LEGIBLE: Final = "abcdefghjkmnpqrstuvwxyz23456789"


def _bytes(password: str) -> bytes:
    """The same for full-width and half-width letters, however they were typed."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def hashed(password: str) -> str:
    """What is kept of a password."""
    kdf = Argon2id(
        salt=os.urandom(_SALT), length=_LENGTH, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    with _AT_WORK:
        return kdf.derive_phc_encoded(_bytes(password))


#: Nobody's: compared with where there is no account, so that it takes as long.
_NOBODYS: Final = hashed(secrets.token_hex())


def matches(kept: str | None, password: str) -> bool:
    """Whether it is that password. None (no such account) takes the same time and is never matched."""
    given = _bytes(password[:LONGEST])
    with _AT_WORK:
        try:
            Argon2id.verify_phc_encoded(given, _NOBODYS if kept is None else kept)
        except InvalidKey:
            return False
    return kept is not None and len(password) <= LONGEST


def one_time() -> str:
    """A password to be read out or copied once: 79 bits in groups of four."""
    drawn = "".join(secrets.choice(_LEGIBLE) for _ in range(16))
    return "-".join(drawn[at : at + 4] for at in range(0, 16, 4))


def check(name: str, password: str) -> None:
    """
    Raises:
        Refused: this password must not be chosen by the account `name`.
    """
    plain = unicodedata.normalize("NFKC", password).casefold()
    shorter, longer = sorted((len(password), len(plain)))
    if shorter < SHORTEST or longer > LONGEST:
        raise Refused(
            f"口令须为 {SHORTEST} 至 {LONGEST} 个字符",
            f"a password has {SHORTEST} to {LONGEST} characters",
            400,
        )
    letters = _letters(plain)
    without_name = letters.replace(_letters(name.casefold()), "")
    if letters in _BAD or without_name in _BAD or len(set(plain)) < _LEAST_DIFFERENT:
        raise Refused(
            "口令太容易猜到：不得只由用户名、常见口令、数字或重复的字符组成",
            "too easy to guess: more is needed than the name, a common password, digits, or repeated characters",
            400,
        )


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))
