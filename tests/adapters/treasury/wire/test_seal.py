"""Seals of every kind: what is sealed opens, and nothing else does."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from adapters.treasury.wire import (
    BadSeal,
    KeyedSm3Seal,
    NoSeal,
    Pkcs7Seal,
    Seal,
    SealSettings,
    Sm2Seal,
    Unreadable,
    make_seal,
)
from gateway.contract import ConfigError
from gateway.crypto import keyfiles, sm2
from tests.adapters.treasury.wire.support import KEY, Party, document
from tests.crypto.support import KEY as STANDARD
from tests.crypto.support import holds, key_file, openssl, pem, sm2_options

KINDS = ("pkcs7", "keyed-sm3", "sm2")
Made = Callable[[str], Seal]
ANYTHING = st.text(st.characters(codec="gb18030", exclude_characters="<>&"))


def keyed(*keys: str) -> KeyedSm3Seal:
    first, *others = keys
    return TypeAdapter(KeyedSm3Seal).validate_python(
        {"kind": "keyed-sm3", "key": first, "other_keys": others}
    )


@pytest.fixture(scope="session")
def made(node: Party, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A seal of each kind that believes its own."""
    key, public = tmp_path_factory.mktemp("sm2") / "key.pem", tmp_path_factory.mktemp("sm2") / "key.pub"
    keyfiles.write_private(key, sm2.generate())
    public.write_bytes(pem("PUBLIC KEY", keyfiles.sm2_private(key.read_bytes()).public.spki))
    agreed: dict[str, SealSettings] = {
        "pkcs7": Pkcs7Seal(
            kind="pkcs7",
            certificate=node.certificate,
            key_file=node.key,
            partner_certificates=(node.certificate,),
        ),
        "keyed-sm3": keyed(KEY),
        "sm2": Sm2Seal(kind="sm2", key_file=key, partner_keys=(public,), form="raw"),
        "none": NoSeal(kind="none", test_network=True),
    }
    seals = {kind: make_seal(settings) for kind, settings in agreed.items()}
    return seals.__getitem__


@pytest.mark.parametrize("kind", [*KINDS, "none"])
@given(text=ANYTHING, before=st.text(" \t\r\n"), after=st.text(" \t\r\n"))
@settings(max_examples=50)
def test_what_is_sealed_opens_as_it_was(made: Made, kind: str, text: str, before: str, after: str) -> None:
    seal, sent = made(kind), document(f"<A>{text}</A>")
    raw = seal.seal(sent)
    assert raw.startswith(sent)
    assert seal.open(before.encode() + raw + after.encode()) == sent
    assert seal.open(b"\xef\xbb\xbf" + raw) == sent


@pytest.mark.parametrize("kind", KINDS)
@given(place=st.integers(0), flip=st.integers(1, 255))
def test_no_byte_may_change(made: Made, kind: str, place: int, flip: int) -> None:
    """A byte of the document is refused always, one of the seal unless it is written otherwise, such as in small letters."""
    seal, sent = made(kind), document("<A>张测试</A>")
    raw = bytearray(seal.seal(sent))
    place %= len(raw)
    raw[place] ^= flip
    with contextlib.suppress(BadSeal, Unreadable):
        assert seal.open(bytes(raw)) == sent
        assert place >= len(sent)


@pytest.mark.parametrize("kind", KINDS)
@given(raw=st.binary(), inside=st.binary(), comment=st.binary())
def test_bytes_of_anybody_are_refused_in_words(
    made: Made, kind: str, raw: bytes, inside: bytes, comment: bytes
) -> None:
    for wrong in (raw, b"<CFX>%b</CFX><!--%b-->" % (inside, comment)):
        with pytest.raises((BadSeal, Unreadable)):
            made(kind).open(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_no_seal_at_all(made: Made, kind: str) -> None:
    for raw in (document(), document() + b"\r\n", document() + b"<!-- -->"):
        with pytest.raises(BadSeal) as error:
            made(kind).open(raw)
        assert error.value.rule == "missing"


def test_keyed_sm3_is_the_digest_of_document_then_key_in_capitals() -> None:
    sent = document("<A>1</A>")
    expected = hashlib.new("sm3", sent + KEY.encode()).hexdigest().upper().encode()
    assert openssl("dgst", "-sm3", "-r", given=sent + KEY.encode()).split()[0].upper() == expected
    assert make_seal(keyed(KEY)).seal(sent) == sent + b"<!--" + expected + b"-->"


def test_keyed_sm3_with_the_key_of_tomorrow_and_of_a_stranger() -> None:
    raw = make_seal(keyed("DEMO-SM3-KEY-TOMORROW")).seal(document())
    assert make_seal(keyed(KEY, "DEMO-SM3-KEY-TOMORROW")).open(raw) == document()
    with pytest.raises(BadSeal) as error:
        make_seal(keyed(KEY)).open(raw)
    assert error.value.rule == "mismatch"
    assert "DEMO" not in str(error.value)


@pytest.mark.parametrize("keys", [("short",), (KEY, "short"), ("密钥" * 10,)])
def test_keyed_sm3_with_a_key_that_is_none(keys: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as error:
        make_seal(keyed(*keys))
    assert error.value.path == ("key" if len(keys) == 1 else "other_keys[0]")
    assert "short" not in str(error.value)


@pytest.fixture
def standard(tmp_path: Path) -> Sm2Seal:
    """The key of GB/T 32918.5, as ours and as the partner's."""
    public = tmp_path / "standard.pub"
    public.write_bytes(pem("PUBLIC KEY", STANDARD.public.spki))
    return Sm2Seal(kind="sm2", key_file=key_file(tmp_path), partner_keys=(public,))


def test_sm2_of_openssl_is_believed(standard: Sm2Seal, tmp_path: Path) -> None:
    sent = document("<A>䶮</A>")
    (tmp_path / "document").write_bytes(sent)
    options = [
        *sm2_options(b"1234567812345678"),
        "-inkey",
        standard.key_file or "",
        "-in",
        tmp_path / "document",
    ]
    signature = base64.b64encode(openssl("pkeyutl", "-sign", *options))
    for around in (b"%b", b"\xef\xbb\xbf\r\n%b", b"%b\r\n"):
        assert make_seal(standard).open(around % (sent + b"<!--" + signature + b"-->")) == sent


def test_sm2_of_ours_is_what_the_standard_says(standard: Sm2Seal) -> None:
    sent = document("<A>䶮</A>")
    comment = make_seal(standard).seal(sent)[len(sent) + 4 : -3]
    signature = base64.b64decode(comment, validate=True)
    assert holds(STANDARD.public.point, sent, signature, b"1234567812345678")


def test_sm2_names_the_file_that_is_wrong(standard: Sm2Seal, tmp_path: Path) -> None:
    for field, value in (("key_file", tmp_path / "none"), ("partner_keys", (tmp_path / "none",))):
        with pytest.raises(ConfigError) as error:
            make_seal(standard.model_copy(update={field: value}))
        assert error.value.path.startswith(field)


def test_a_message_longer_than_agreed_is_not_looked_at() -> None:
    raw = make_seal(keyed(KEY)).seal(document())
    with pytest.raises(Unreadable) as error:
        make_seal(keyed(KEY), limit=len(raw) - 1).open(raw)
    assert error.value.rule == "size"
    assert make_seal(keyed(KEY), limit=len(raw)).open(raw) == document()


def test_no_seal_must_be_meant() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(SealSettings).validate_python({"kind": "none"})
    with pytest.raises(ValidationError):
        TypeAdapter(SealSettings).validate_python({"kind": "none", "test_network": False})
    # Files of settings hold text.
    TypeAdapter(SealSettings).validate_python({"kind": "none", "test_network": "true"})


def test_without_seals_a_comment_is_left_alone(made: Made) -> None:
    assert made("none").open(document() + b"<!--whatever-->") == document()
