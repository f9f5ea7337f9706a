"""Payloads at rest."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import ConfigError
from gateway.store.keyring import KeyRing


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.create(tmp_path / "keys" / "payload.keys")


@given(
    payload=st.binary(max_size=4000),
    aad=st.binary(max_size=50),
    salt=st.none() | st.binary(min_size=16, max_size=16),
)
def test_what_is_sealed_opens(payload: bytes, aad: bytes, salt: bytes | None) -> None:
    ring = KeyRing(Path("unused"), b"abcd", {b"abcd": bytes(32)})
    sealed = ring.seal(payload, aad, salt)
    assert ring.open(sealed, aad) == payload
    found, same = ring.open_with_salt(sealed, aad)
    assert same == payload
    assert found == (salt or found)
    assert len(sealed) == 1 + 4 + 12 + 16 + len(payload) + 16


@given(position=st.integers(0, 64), bit=st.integers(0, 7))
def test_any_changed_bit_is_noticed_and_names_the_key(position: int, bit: int) -> None:
    ring = KeyRing(Path("unused"), b"abcd", {b"abcd": bytes(32)})
    sealed = bytearray(ring.seal(b"payload of 16 by", b"aad"))
    sealed[position] ^= 1 << bit
    with pytest.raises(ConfigError) as caught:
        ring.open(bytes(sealed), b"aad")
    assert bytes(sealed[1:5]).hex() in caught.value.en


def test_a_payload_moved_to_another_row_does_not_open(ring: KeyRing) -> None:
    with pytest.raises(ConfigError, match=ring.current):
        ring.open(ring.seal(b"x", b"m-1:body"), b"m-2:body")


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x02" * 80, b"\x01" * 30])
def test_what_was_never_sealed(ring: KeyRing, blob: bytes) -> None:
    with pytest.raises(ConfigError):
        ring.open(blob, b"")


def test_old_keys_go_on_opening(ring: KeyRing, tmp_path: Path) -> None:
    sealed, before = ring.seal(b"x", b"a"), ring.current
    ring.rotate()
    assert ring.current != before
    again = KeyRing.load(tmp_path / "keys" / "payload.keys")
    assert again.current == ring.current
    assert again.open(sealed, b"a") == again.open(ring.seal(b"x", b"a"), b"a") == b"x"
    resealed = again.reseal(sealed, b"a")
    assert resealed is not None
    assert again.open_with_salt(resealed, b"a") == again.open_with_salt(sealed, b"a")
    assert again.reseal(resealed, b"a") is None


def test_another_ring_does_not_open(ring: KeyRing, tmp_path: Path) -> None:
    other = KeyRing.create(tmp_path / "other")
    with pytest.raises(ConfigError, match=ring.current):
        other.open(ring.seal(b"x", b"a"), b"a")


def test_the_file_belongs_to_its_owner_alone(ring: KeyRing, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "payload.keys"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="0600"):
        KeyRing.load(path)


@pytest.mark.parametrize(
    "content", ["", "{}", '{"current":"aa","keys":{}}', '{"current":"aa","keys":{"aa":"AAAA"}}']
)
def test_a_damaged_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ring"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="not a key ring"):
        KeyRing.load(path)


def test_a_ring_is_never_overwritten(ring: KeyRing, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "payload.keys"
    with pytest.raises(ConfigError, match="exists"):
        KeyRing.create(path)
    assert KeyRing.load_or_create(path).current == ring.current


def test_sealing_is_cheap(ring: KeyRing) -> None:
    payload, salt = os.urandom(2048), os.urandom(16)
    best = min(_seconds(lambda: ring.seal(payload, b"0190-aad:body", salt)) for _ in range(5))
    assert best < 20e-6  # about 3 µs on a quiet machine


def _seconds(work) -> float:  # type: ignore[no-untyped-def]
    begin = time.perf_counter()
    for _ in range(1000):
        work()
    return (time.perf_counter() - begin) / 1000


def test_another_process_takes_a_rotation_over(ring: KeyRing, tmp_path: Path) -> None:
    other = KeyRing.load(tmp_path / "keys" / "payload.keys")
    assert other.refresh() is False
    ring.rotate()
    assert other.open(ring.seal(b"x", b"a"), b"a") == b"x", "a key it does not know makes it look"
    assert other.current == ring.current
    ring.rotate()
    assert other.refresh() is True
    assert other.refresh() is False
    assert ring.open(other.seal(b"x", b"a"), b"a") == b"x"


def test_a_file_that_went_bad_leaves_the_known_keys(ring: KeyRing, tmp_path: Path) -> None:
    sealed = ring.seal(b"x", b"a")
    (tmp_path / "keys" / "payload.keys").write_text("{}")
    with pytest.raises(ConfigError):
        ring.refresh()
    assert ring.open(sealed, b"a") == b"x"


def test_two_processes_rotate_and_no_key_is_lost(ring: KeyRing, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "payload.keys"
    first, second = KeyRing.load(path), KeyRing.load(path)
    sealed = []
    for one in (first, second, first, second):
        one.rotate()
        sealed.append(one.seal(b"x", b"a"))
    again = KeyRing.load(path)
    assert len(again.keys) == 5
    assert [again.open(blob, b"a") for blob in sealed] == [b"x"] * 4


def test_threads_that_seal_while_it_rotates(ring: KeyRing) -> None:
    """The head of one key must never stand before what another has sealed."""
    stop, sealed = threading.Event(), []

    def seal() -> None:
        while not stop.is_set():
            sealed.append(ring.seal(b"x", b"a"))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        workers = [threading.Thread(target=seal) for _ in range(3)]
        for worker in workers:
            worker.start()
        for _ in range(30):
            ring.rotate()
        stop.set()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(before)
    assert {ring.open(blob, b"a") for blob in sealed} == {b"x"}


def test_a_retired_key_is_in_a_ring_of_its_own(ring: KeyRing, tmp_path: Path) -> None:
    old, sealed = ring.current, ring.seal(b"x", b"a")
    with pytest.raises(ValueError, match=old):
        ring.retire(old)
    ring.rotate()
    other = KeyRing.load(tmp_path / "keys" / "payload.keys")
    away = ring.retire(old)
    for one in (ring, KeyRing.load(tmp_path / "keys" / "payload.keys")):
        with pytest.raises(ConfigError, match=old):
            one.open(sealed, b"a")
        assert [key.id for key in one.keys] == [ring.current]
    assert KeyRing.load(away).open(sealed, b"a") == b"x"
    assert away.stat().st_mode & 0o077 == 0
    with pytest.raises(ValueError, match=old):
        ring.retire(old)
    assert other.refresh()
    with pytest.raises(ConfigError):
        other.open(sealed, b"a")


def test_a_file_of_before_says_no_times(ring: KeyRing, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "payload.keys"
    plain = json.loads(path.read_bytes())
    del plain["made"]
    path.write_text(json.dumps(plain))
    old = KeyRing.load(path)
    assert [(key.id, key.made, key.current) for key in old.keys] == [(old.current, None, True)]
    old.rotate()
    [first, second] = KeyRing.load(path).keys
    assert (first.made, first.current, second.current) == (None, False, True)
    assert second.made is not None
    assert abs(second.made.timestamp() - time.time()) < 60


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may give files away, and only root can get this wrong"
)
def test_what_root_writes_belongs_to_the_gateways_account(ring: KeyRing, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "payload.keys"
    os.chown(path, 1234, 1234)
    old = ring.current
    ring.rotate()
    assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (1234, 0o600)
    os.chown(path.parent, 4321, 4321)
    assert ring.retire(old).stat().st_uid == 4321, "a new file belongs to whom its folder does"


def test_a_link_stays_one(ring: KeyRing, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "keys" / "payload.keys")
    linked = KeyRing.load(tmp_path / "link")
    linked.rotate()
    assert (tmp_path / "link").is_symlink()
    assert ring.refresh()
    assert ring.current == linked.current


def test_many_threads_meet_a_new_key_at_once(ring: KeyRing, tmp_path: Path) -> None:
    other = KeyRing.load(tmp_path / "keys" / "payload.keys")
    failed: list[Exception] = []

    def open_(sealed: bytes, start: threading.Barrier) -> None:
        start.wait()
        try:
            other.open(sealed, b"a")
        except ConfigError as error:
            failed.append(error)

    for _ in range(30):
        ring.rotate()
        sealed, start = ring.seal(b"x", b"a"), threading.Barrier(8)
        workers = [threading.Thread(target=open_, args=(sealed, start)) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert failed == []
