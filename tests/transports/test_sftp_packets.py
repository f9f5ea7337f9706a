"""SSH's packets, alone and against OpenSSH with every cipher and MAC, keys changing on the way."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.sftp.server_packets import (
    CIPHERS,
    MACS,
    Counter,
    Direction,
    Galois,
    Malformed,
    Plain,
)
from tests.transports.sftp_place import site

KINDS = ["plain", *(name.decode() for name in CIPHERS)]


def direction(kind: str) -> Direction:
    """The same each time, so that two of them are both ends of one way."""
    if kind == "plain":
        return Plain()
    iv, key, mac_key = bytes(64), b"k" * 64, b"m" * 64
    if "gcm" in kind:
        return Galois(kind.encode(), iv, key)
    return Counter(kind.encode(), iv, key, b"hmac-sha2-512", mac_key, (1 << 32) - 1)


@pytest.mark.parametrize("kind", KINDS)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=5), cut=st.integers(1, 400)
)
def test_what_is_sealed_opens_however_it_is_cut(kind: str, payloads: list[bytes], cut: int) -> None:
    there, here = direction(kind), direction(kind)
    sent = b"".join(there.seal(payload) for payload in payloads)
    buffer, found = bytearray(), []
    for begin in range(0, len(sent), cut):
        buffer += sent[begin : begin + cut]
        while (payload := here.open(buffer)) is not None:
            found.append(payload)
    assert found == payloads
    assert not buffer


@pytest.mark.parametrize("kind", KINDS[1:])
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_changed_bit_opens(kind: str, at: int, bit: int) -> None:
    sent = bytearray(direction(kind).seal(b"payload" * 20))
    sent[at % len(sent)] ^= 1 << bit
    with suppress(Malformed):
        assert direction(kind).open(sent) is None, "a longer packet, of which the rest never comes"


@pytest.mark.parametrize("kind", KINDS)
@given(rubbish=st.binary(max_size=200))
def test_rubbish_is_refused_or_waited_for(kind: str, rubbish: bytes) -> None:
    here, buffer = direction(kind), bytearray(rubbish)
    with suppress(Malformed):
        for _ in range(100):
            if here.open(buffer) is None:
                break


@pytest.mark.parametrize("mac", MACS)
@pytest.mark.parametrize("cipher", CIPHERS)
async def test_openssh_with_every_cipher_and_new_keys_on_the_way(
    tmp_path: Path, cipher: bytes, mac: bytes
) -> None:
    content = os.urandom(4 << 20)
    (tmp_path / "up").write_bytes(content)
    async with site(tmp_path) as it:
        await it.python(lambda c: c.listdir("."))
        (it.root / "out" / "b").write_bytes(content)
        done = await it.openssh(
            f"put {tmp_path}/up in/a.part\nrename in/a.part in/a\nget out/b {tmp_path}/down\n",
            *("-o", f"Ciphers={cipher.decode()}", "-o", f"MACs={mac.decode()}", "-o", "RekeyLimit=1M"),
        )
        assert done.returncode == 0, done.stderr
        assert (it.root / "in" / "a").read_bytes() == content == (tmp_path / "down").read_bytes()
