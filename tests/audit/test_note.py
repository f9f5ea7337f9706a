"""Signed notes: the C2SP vector, every rule of refusal, cosignatures."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.cosignature import CosignatureSigner, cosigned, cosigned_at
from gateway.audit.errors import BadNote
from gateway.audit.keys import parse_vkey
from gateway.audit.note import Ed25519Signer, add_lines, open_note, sign_note, signature_line, split_note
from tests.audit.support import SIGNER, STRANGER

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = "This is an example message.\n"
SIGNATURE = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
NOTE = f"{TEXT}\n\u2014 example.com/foo {SIGNATURE}\n".encode()
WITNESS = CosignatureSigner(
    "witness.example", Ed25519PrivateKey.from_private_bytes(bytes(32)), lambda: 1_700_000_000
)


def test_published_vector() -> None:
    opened = open_note(NOTE, [parse_vkey(VKEY)])
    assert opened.text == TEXT
    assert [verifier.name for verifier in opened.signers] == ["example.com/foo"]


def test_every_flipped_bit_of_the_vector_is_refused() -> None:
    for position in range(len(NOTE)):
        for bit in range(8):
            altered = bytearray(NOTE)
            altered[position] ^= 1 << bit
            with pytest.raises(BadNote):
                open_note(bytes(altered), [parse_vkey(VKEY)])


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"])))
def test_any_text_round_trips(line: str) -> None:
    text = f"{line}\n\nsecond paragraph\n"
    assert open_note(sign_note(text, [SIGNER]), [SIGNER.verifier]).text == text


def test_vkey_round_trips() -> None:
    assert parse_vkey(SIGNER.vkey) == SIGNER.verifier
    assert parse_vkey(WITNESS.vkey) == WITNESS.verifier


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        VKEY[:-1],
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("foo", "bar"),
        "a b+1+AQ==",
    ],
)
def test_damaged_vkeys(vkey: str) -> None:
    with pytest.raises(BadNote):
        parse_vkey(vkey)


def test_unknown_signatures_are_ignored_even_if_bad() -> None:
    line = "\u2014 somebody.else " + base64.b64encode(bytes(68)).decode()
    assert open_note(add_lines(NOTE, [line] * 20), [parse_vkey(VKEY)]).text == TEXT


def test_only_unknown_signatures() -> None:
    with pytest.raises(BadNote, match="no known key"):
        open_note(NOTE, [SIGNER.verifier])


def test_a_known_bad_signature_spoils_a_good_one() -> None:
    other = Ed25519Signer("other.example", STRANGER.key)
    note = sign_note(TEXT, [SIGNER])
    wrong = signature_line(other, "another text\n")
    assert open_note(add_lines(note, [wrong]), [SIGNER.verifier]).text == TEXT
    with pytest.raises(BadNote, match="signature of other"):
        open_note(add_lines(note, [wrong]), [SIGNER.verifier, other.verifier])


def test_two_signers() -> None:
    other = Ed25519Signer("other.example", STRANGER.key)
    opened = open_note(sign_note(TEXT, [SIGNER, other]), [other.verifier, SIGNER.verifier])
    assert opened.signers == (SIGNER.verifier, other.verifier)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        NOTE[:-1],
        NOTE + b"\n",
        b"\xff" + NOTE,
        b"\x01" + NOTE,
        f"{TEXT}\n\u2014 a+b {SIGNATURE}\n".encode(),
        f"{TEXT}\n\u2014 name AAAA\n".encode(),
        f"{TEXT}\n\u2014 name !\n".encode(),
        NOTE + f"\u2014 x {SIGNATURE}\n".encode() * 100,
    ],
)
def test_malformed_notes(note: bytes) -> None:
    with pytest.raises(BadNote):
        split_note(note)


@pytest.mark.parametrize("text", ["no newline", "tab\there\n"])
def test_texts_that_cannot_be_signed(text: str) -> None:
    with pytest.raises(BadNote):
        sign_note(text, [SIGNER])


def test_a_note_needs_a_signer() -> None:
    with pytest.raises(BadNote):
        sign_note(TEXT, [])


def test_cosignature() -> None:
    note = add_lines(sign_note(TEXT, [SIGNER]), [signature_line(WITNESS, TEXT)])
    assert open_note(note, [SIGNER.verifier, WITNESS.verifier]).signers == (SIGNER.verifier, WITNESS.verifier)
    blob = split_note(note)[1][1][2]
    assert len(blob) == 72
    assert cosigned_at(blob) == 1_700_000_000
    signed = b"cosignature/v1\ntime 1700000000\n" + TEXT.encode()
    assert cosigned(TEXT.encode(), 1_700_000_000) == signed
    WITNESS.key.public_key().verify(blob[8:], signed)


def test_a_cosignature_covers_its_time() -> None:
    blob = WITNESS.sign(TEXT.encode())
    later = (1_700_000_001).to_bytes(8, "big") + blob[8:]
    assert WITNESS.verifier.verify(TEXT.encode(), blob)
    assert not WITNESS.verifier.verify(TEXT.encode(), later)
    assert not WITNESS.verifier.verify(TEXT.encode(), blob[:-1])
    assert WITNESS.key_id != Ed25519Signer(WITNESS.name, WITNESS.key).key_id
