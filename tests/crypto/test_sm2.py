"""SM2: the standard's examples, the `openssl` command both ways, and everything that is not a signature."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract.errors import ConfigError
from gateway.crypto import libcrypto, sm2
from gateway.crypto.errors import BadCiphertext, BadSignature, CryptoFailed
from gateway.crypto.forms import ciphertext_from, ciphertext_to, signature_from, signature_to
from gateway.crypto.sm2 import DEFAULT_ID, LONGEST_ID, PrivateKey, PublicKey
from tests.crypto.support import KEY, POINT, SCALAR, holds, key_file, openssl, sm2_options

_OURS = b"U990101001000000"
_IDS = (DEFAULT_ID, _OURS, b"")

# GB/T 32918.5, annex A: "message digest", signed with the default id.
_SIGNED = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
# GB/T 32918.5, annex C: "encryption standard" as C1 ‖ C3 ‖ C2.
_ENCRYPTED = bytes.fromhex(
    "04"
    "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
    "21886CA989CA9C7D58087307CA93092D651EFA"
)
# `openssl pkeyutl -sign -rawin -digest sm3` of OpenSSL 3.0.19, without distid, over "message digest".
_WITHOUT_DISTID = bytes.fromhex(
    "304502210094d071163970bdd95843f1089cb54e908f10d0f3c4a6456cc4329fd7a630bd93"
    "022041509c8c57825dfdf72bdfeb912e062e7b081c80427d976c2524ed9330d452ff"
)


def refused(key: PublicKey, message: bytes, signature: bytes, distid: bytes) -> bool:
    try:
        key.verify(message, signature, distid=distid)
    except BadSignature as error:
        return error.kind == "mismatch"
    return False


def test_the_standards_examples() -> None:
    assert KEY.public.point == POINT
    KEY.public.verify(b"message digest", signature_from("raw", _SIGNED), distid=DEFAULT_ID)
    assert KEY.decrypt(ciphertext_from("raw", _ENCRYPTED)) == b"encryption standard"


def test_without_distid_openssl_takes_an_empty_id(tmp_path: Path) -> None:
    assert refused(KEY.public, b"message digest", _WITHOUT_DISTID, DEFAULT_ID)
    KEY.public.verify(b"message digest", _WITHOUT_DISTID, distid=b"")
    assert holds(POINT, b"message digest", _WITHOUT_DISTID, b"")
    if not openssl("version").startswith(b"OpenSSL 3.0."):
        pytest.skip("the vector stands for OpenSSL 3.0; what later commands do is theirs")
    (tmp_path / "message").write_bytes(b"again")
    made = openssl(
        "pkeyutl", "-sign", "-inkey", key_file(tmp_path), "-in", tmp_path / "message", *sm2_options(None)
    )
    KEY.public.verify(b"again", made, distid=b"")
    assert refused(KEY.public, b"again", made, DEFAULT_ID)


@pytest.mark.parametrize("distid", _IDS)
def test_the_standards_text_agrees(distid: bytes) -> None:
    for message in (b"", b"m", bytes(100_000)):
        signature = KEY.sign(message, distid=distid)
        assert holds(POINT, message, signature, distid)
        KEY.public.verify(message, signature, distid=distid)
        assert refused(KEY.public, message, signature, distid + b"0")
        assert refused(KEY.public, message + b"\0", signature, distid)


@pytest.mark.parametrize("distid", [DEFAULT_ID, _OURS])
def test_openssl_signs_and_verifies(tmp_path: Path, distid: bytes) -> None:
    message, signature, file = tmp_path / "message", tmp_path / "signature", key_file(tmp_path)
    message.write_bytes(bytes(range(256)) * 9)
    options: list[str | Path] = ["-in", message, *sm2_options(distid)]
    KEY.public.verify(
        message.read_bytes(), openssl("pkeyutl", "-sign", "-inkey", file, *options), distid=distid
    )
    signature.write_bytes(KEY.sign(message.read_bytes(), distid=distid))
    openssl("pkeyutl", "-verify", "-inkey", file, *options, "-sigfile", signature)
    message.write_bytes(b"another")
    openssl("pkeyutl", "-verify", "-inkey", file, *options, "-sigfile", signature, fails=True)


def test_openssl_encrypts_and_decrypts(tmp_path: Path) -> None:
    file, text = key_file(tmp_path), b"0123456789abcdef"
    assert KEY.decrypt(openssl("pkeyutl", "-encrypt", "-inkey", file, given=text)) == text
    assert openssl("pkeyutl", "-decrypt", "-inkey", file, given=KEY.public.encrypt(text)) == text


def test_raw_numbers_are_padded_on_the_left() -> None:
    short = {"r": 0, "s": 0}
    while not all(short.values()):  # one in 256 begins with a zero byte
        der = KEY.sign(b"message", distid=DEFAULT_ID)
        raw = signature_to("raw", der)
        assert len(raw) == 64
        assert signature_from("raw", raw) == der
        short["r"] += raw[0] == 0
        short["s"] += raw[32] == 0
        if raw[0] == 0 or raw[32] == 0:
            KEY.public.verify(b"message", signature_from("raw", raw), distid=DEFAULT_ID)


@given(st.binary(min_size=1, max_size=300), st.sampled_from(["der", "raw"]))
@settings(max_examples=60, deadline=None)
def test_ciphertexts_open_again(text: bytes, form: str) -> None:
    written = ciphertext_to(form, KEY.public.encrypt(text))  # type: ignore[arg-type]
    assert KEY.decrypt(ciphertext_from(form, written)) == text  # type: ignore[arg-type]


@given(st.binary(max_size=200))
def test_any_bytes_are_no_signature(content: bytes) -> None:
    assert refused(KEY.public, b"message", content, DEFAULT_ID)


_DAMAGE = st.tuples(st.integers(0, 10_000), st.integers(1, 255), st.sampled_from(["flip", "cut", "add"]))


def damaged(content: bytes, damage: tuple[int, int, str]) -> bytes:
    at, bits, how = damage
    at %= len(content)
    if how == "cut":
        return content[:at]
    if how == "add":
        return content + bytes([bits])
    return content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :]


@given(_DAMAGE)
@settings(max_examples=300, deadline=None)
def test_a_damaged_signature_is_refused(damage: tuple[int, int, str]) -> None:
    assert refused(KEY.public, b"message digest", damaged(_WITHOUT_DISTID, damage), b"")


@given(_DAMAGE, st.sampled_from(["der", "raw"]))
@settings(max_examples=300, deadline=None)
def test_a_damaged_ciphertext_is_refused(damage: tuple[int, int, str], form: str) -> None:
    whole = ciphertext_to(form, ciphertext_from("raw", _ENCRYPTED))  # type: ignore[arg-type]
    with pytest.raises(BadCiphertext):
        KEY.decrypt(ciphertext_from(form, damaged(whole, damage)))  # type: ignore[arg-type]


@given(st.binary(max_size=300))
def test_any_bytes_are_no_ciphertext_and_no_key(content: bytes) -> None:
    with pytest.raises(BadCiphertext):
        KEY.decrypt(content)
    for read in (PrivateKey, PublicKey, PublicKey.of_point, PublicKey.of_certificate):
        with pytest.raises(ConfigError):
            read(content)


@given(_DAMAGE)
@settings(max_examples=300, deadline=None)
def test_a_damaged_key_is_refused_or_the_same(damage: tuple[int, int, str]) -> None:
    """Nothing may turn up that signs with one half and is verified with another."""
    try:
        key = PrivateKey(damaged(sm2.generate(), damage))
    except ConfigError:
        return
    key.public.verify(b"m", key.sign(b"m", distid=b""), distid=b"")


@pytest.mark.parametrize(
    "scalar", [bytes(32), b"\xff" * 32, (sm2._ORDER - 1).to_bytes(32, "big"), sm2._ORDER.to_bytes(32, "big")]
)
def test_numbers_out_of_range_are_no_keys(scalar: bytes) -> None:
    with pytest.raises(ConfigError, match="private key"):
        PrivateKey.of_scalar(scalar)


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        KEY.public.encrypt(b"")
    KEY.sign(b"m", distid=bytes(LONGEST_ID))
    with pytest.raises(ConfigError, match="8190"):
        KEY.sign(b"m", distid=bytes(LONGEST_ID + 1))


def test_generated_keys_differ_and_work() -> None:
    one, other = PrivateKey(sm2.generate()), PrivateKey(sm2.generate())
    signature = one.sign(b"m", distid=DEFAULT_ID)
    one.public.verify(b"m", signature, distid=DEFAULT_ID)
    assert refused(other.public, b"m", signature, DEFAULT_ID)
    assert SCALAR.hex() not in repr(KEY)


def test_threads_share_a_key() -> None:
    def work(number: int) -> None:
        for turn in range(40):
            message = b"%d %d" % (number, turn)
            signature = KEY.sign(message, distid=_OURS)
            KEY.public.verify(message, signature, distid=_OURS)
            assert refused(KEY.public, b"other", signature, _OURS)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_nothing_leaks() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    key, ciphertext = sm2.generate(), KEY.public.encrypt(b"text")
    own = PrivateKey(key)

    def turns(count: int) -> None:
        for turn in range(count):
            signature = own.sign(b"m", distid=DEFAULT_ID)
            assert refused(PublicKey(own.public.spki), b"other", signature, DEFAULT_ID)
            with pytest.raises(BadCiphertext):
                own.decrypt(ciphertext)
            if turn % 8 == 0:
                PrivateKey(key)
                with pytest.raises(ConfigError):
                    PrivateKey(key[:-1])

    turns(200)
    before = resident()
    turns(4_800)  # 20,000 operations; losing the smallest object of one kind would be a megabyte or more
    assert resident() - before < 1 << 19


@pytest.mark.parametrize("name", ["libcrypto-absent.so.3", "libc.so.6"])
def test_a_system_without_it_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(libcrypto, "NAME", name)
    libcrypto.library.cache_clear()
    try:
        with pytest.raises(ConfigError, match=r"needs the system's OpenSSL 3\.0") as told:
            PrivateKey(sm2._PKCS8_ALONE + SCALAR)
        assert "请安装" in told.value.zh
    finally:
        libcrypto.library.cache_clear()


def test_failures_leave_no_trace_for_others() -> None:
    """Python's `ssl` looks at the same list of errors."""
    with pytest.raises(ConfigError):
        PrivateKey(b"no key")
    with pytest.raises(BadCiphertext):
        KEY.decrypt(b"no ciphertext")
    assert refused(KEY.public, b"m", b"no signature", DEFAULT_ID)
    assert libcrypto.library().ERR_get_error() == 0
    own = PrivateKey(sm2.generate())
    own.public.verify(b"m", own.sign(b"m", distid=b""), distid=b"")
    own.decrypt(own.public.encrypt(b"m"))
    assert libcrypto.library().ERR_get_error() == 0


def test_what_the_library_refuses_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sm2, "LONGEST_ID", 10_000)
    with pytest.raises(CryptoFailed, match="libcrypto failed: 0x"):
        KEY.sign(b"m", distid=bytes(9_000))
    with pytest.raises(CryptoFailed, match="libcrypto failed"):
        libcrypto.Handle(None, libcrypto.library().EVP_PKEY_free)
    assert libcrypto.library().ERR_get_error() == 0
