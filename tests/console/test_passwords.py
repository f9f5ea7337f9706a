"""What is kept of a password, and which ones are not taken."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.console import passwords
from gateway.console.refusals import Refused


def test_kept_and_compared() -> None:
    kept, again = passwords.hashed("三棵老银杏树 77 Tree"), passwords.hashed("三棵老银杏树 77 Tree")
    assert kept != again, "salted"
    assert passwords.matches(kept, "三棵老银杏树 77 Tree")
    assert passwords.matches(kept, "三棵老银杏树 ７７ Ｔｒｅｅ"), "typed with an input method in full width"
    assert not passwords.matches(kept, "三棵老银杏树 77 tree")
    assert not passwords.matches(kept, "")
    assert not passwords.matches(kept, "\udcff\x00")
    assert not passwords.matches(None, "three old ginkgo trees")


def test_nobody_is_compared_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and with the same parameters, which is what the time is made of."""
    compared: list[str] = []

    class Watched:
        @staticmethod
        def verify_phc_encoded(password: bytes, kept: str) -> None:
            compared.append(kept)
            Argon2id.verify_phc_encoded(password, kept)

    kept = passwords.hashed("three old ginkgo trees")
    monkeypatch.setattr(passwords, "Argon2id", Watched)
    for one in (kept, None):
        assert not passwords.matches(one, "another one altogether")
    of_somebody, of_nobody = (one.split("$")[:4] for one in compared)
    assert of_somebody == of_nobody == ["", "argon2id", "v=19", "m=19456,t=2,p=1"]


def test_one_longer_than_all_is_compared_quickly() -> None:
    kept = passwords.hashed("x" * passwords.LONGEST)
    assert not passwords.matches(kept, "x" * 1_000_000)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "elevenchars",
        "Password1234",
        "P@ssw0rd!2026",
        "ＰＡＳＳＷＯＲＤ１２３４",
        "wang-li-2026!",
        "Wang.Li.Wang.Li",
        "123456789012",
        "20261122-0800",
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "qwertyuiop123",
        "Tongqu@2026!!",
        "1qaz@WSX3edc",
        "y" * 129,
        "ﷺ" * 12,
    ],
)
def test_bad_ones(password: str) -> None:
    with pytest.raises(Refused) as caught:
        passwords.check("wang-li", password)
    assert caught.value.status == 400
    assert password == "" or password not in caught.value.zh + caught.value.en


@pytest.mark.parametrize(
    "password", ["correct horse battery", "三棵老银杏树在卫生院门口 7", "wang-li likes tea", "y8#Kq-Lm2!Zt"]
)
def test_good_ones(password: str) -> None:
    passwords.check("wang-li", password)


@given(st.text())
@examples(max_examples=200)
def test_what_is_taken_is_long_and_comes_in_again(password: str) -> None:
    try:
        passwords.check("wang", password)
    except Refused:
        return
    assert passwords.SHORTEST <= len(password) <= passwords.LONGEST
    assert len(set(password)) > 1
    assert passwords.matches(passwords.hashed(password), password)


def test_one_time_passwords() -> None:
    drawn = {passwords.one_time() for _ in range(1000)}
    assert len(drawn) == 1000
    for one in drawn:
        passwords.check("wang", one)
        assert len(one) == 19
        assert not set(one) & set("0o1il")
