"""Signatures as a partner's settings have them: every algorithm, form and text, from real key files."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from gateway.contract import _conformance_settings
from gateway.contract.errors import ConfigError
from gateway.contract.settings import Settings
from gateway.crypto import (
    BadSignature,
    SignatureAgreed,
    TooLarge,
    algorithms,
    make_signer,
    make_verifier,
    sm2,
)
from gateway.crypto.forms import Text
from gateway.crypto.keyfiles import sm2_private, write_private
from tests.crypto.support import openssl, sm2_options

_AGREED: TypeAdapter[SignatureAgreed] = TypeAdapter(SignatureAgreed)
_MESSAGE = "批次 990101-0001".encode("gb18030") * 99


class Partner(Settings):
    """As a transport's settings would hold it."""

    signature: SignatureAgreed = Field(description="签名的约定 / what is agreed about signatures")


def _international(make: Callable[[], Any]) -> bytes:
    return bytes(make().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


_MAKERS: dict[str, Callable[[], bytes]] = {
    "rsa-sha256": lambda: _international(lambda: rsa.generate_private_key(65537, 2048)),
    "ecdsa-p256": lambda: _international(lambda: ec.generate_private_key(ec.SECP256R1())),
    "ed25519": lambda: _international(ed25519.Ed25519PrivateKey.generate),
}
_OPTIONS: list[dict[str, Any]] = [
    *({"algorithm": "sm2", "form": form, **i} for form in ("der", "raw") for i in (
        {}, {"id": "U990101001000000"}, {"empty_id": True},
    )),
    {"algorithm": "rsa-sha256"},
    {"algorithm": "rsa-sha256", "padding": "pss"},
    {"algorithm": "ecdsa-p256"},
    {"algorithm": "ecdsa-p256", "form": "raw"},
    {"algorithm": "ed25519"},
]  # fmt: skip


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """For each algorithm a private key file and the public one, made by `openssl`."""
    folder, made = tmp_path_factory.mktemp("keys"), {}
    for algorithm in ("sm2", *_MAKERS):
        private, public = folder / f"{algorithm}.pem", folder / f"{algorithm}.pub"
        if algorithm == "sm2":
            write_private(private, sm2.generate())
        else:
            private.write_bytes(_MAKERS[algorithm]())
            private.chmod(0o600)
        public.write_bytes(openssl("pkey", "-in", private, "-pubout"))
        made[algorithm] = private, public
    return made


def agreed(keys: dict[str, tuple[Path, Path]], **options: Any) -> SignatureAgreed:
    private, public = keys[options["algorithm"]]
    return _AGREED.validate_python({"key_file": private, "partner_keys": [public], **options})


@pytest.mark.parametrize(("options", "text"), list(product(_OPTIONS, get_args(Text))))
def test_what_is_signed_verifies(
    keys: dict[str, tuple[Path, Path]], tmp_path: Path, options: dict[str, Any], text: Text
) -> None:
    settings = agreed(keys, text=text, **options)
    signer, verifier = make_signer(settings), make_verifier(settings)
    (tmp_path / "content").write_bytes(_MESSAGE)
    with (tmp_path / "content").open("rb") as file:
        signature = signer.sign_file(file)
    assert verifier.verify(_MESSAGE, signature) == verifier.fingerprints[0]
    for content in (b"", _MESSAGE):
        assert verifier.verify_file(io.BytesIO(content), signer.sign(content)) == verifier.fingerprints[0]
    with pytest.raises(BadSignature) as refused:
        verifier.verify(_MESSAGE + b"\n", signature)
    assert refused.value.kind == "mismatch"


def test_openssl_agrees(keys: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    """Both ways, with the options that the other party has to give."""
    content, signature = tmp_path / "content", tmp_path / "signature"
    content.write_bytes(_MESSAGE)
    pss = ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:"]
    digest = ["-rawin", "-digest", "sha256"]
    cases: list[tuple[dict[str, Any], list[str], bool]] = [
        ({"algorithm": "sm2"}, sm2_options(sm2.DEFAULT_ID), False),
        ({"algorithm": "rsa-sha256"}, digest, False),
        ({"algorithm": "rsa-sha256", "padding": "pss"}, [*digest, *pss[:-1], pss[-1] + "32"], False),
        (
            {"algorithm": "rsa-sha256", "padding": "pss"},
            [*digest, *pss[:-1], pss[-1] + "20"],
            True,
        ),
        ({"algorithm": "ecdsa-p256"}, digest, False),
        ({"algorithm": "ed25519"}, ["-rawin"], False),
    ]
    for options, said, theirs_only in cases:
        settings = agreed(keys, text="bytes", **options)
        private, public = keys[options["algorithm"]]
        made = openssl("pkeyutl", "-sign", "-inkey", private, "-in", content, *said)
        make_verifier(settings).verify(_MESSAGE, made)
        if not theirs_only:
            signature.write_bytes(make_signer(settings).sign(_MESSAGE))
            inputs = "-in", content, "-sigfile", signature
            openssl("pkeyutl", "-verify", "-pubin", "-inkey", public, *inputs, *said)


def test_any_of_several_keys_will_do(keys: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    new = tmp_path / "new.pem"
    write_private(new, sm2.generate())
    (tmp_path / "new.pub").write_bytes(sm2_private(new.read_bytes()).public.point.hex().encode())
    both = [keys["sm2"][1], tmp_path / "new.pub"]
    verifier = make_verifier(agreed(keys, algorithm="sm2", partner_keys=both))
    found = [
        verifier.verify_file(
            io.BytesIO(_MESSAGE), make_signer(agreed(keys, algorithm="sm2", key_file=key)).sign(_MESSAGE)
        )
        for key in (keys["sm2"][0], new)
    ]
    assert found == list(verifier.fingerprints)
    assert len(set(found)) == 2


@pytest.mark.parametrize("options", [o for o in _OPTIONS if o["algorithm"] != "ed25519"])
def test_a_file_is_never_held(
    keys: dict[str, tuple[Path, Path]], tmp_path: Path, options: dict[str, Any]
) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(24 << 20)
    settings = agreed(keys, **options)
    signer, verifier = make_signer(settings), make_verifier(settings)
    tracemalloc.start()
    try:
        with large.open("rb") as file:
            signature = signer.sign_file(file)
            file.seek(0)
            verifier.verify_file(file, signature)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_ed25519_is_bounded(keys: dict[str, tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(algorithms, "ED25519_LIMIT", 1 << 20)
    settings = agreed(keys, algorithm="ed25519")
    signature = make_signer(settings).sign_file(io.BytesIO(bytes(1 << 20)))
    for act in (
        lambda file: make_signer(settings).sign_file(file),
        lambda file: make_verifier(settings).verify_file(file, signature),
    ):
        with pytest.raises(TooLarge, match="1 MiB cannot be signed by Ed25519") as refused:
            act(io.BytesIO(bytes((1 << 20) + 1)))
        assert "改用其他算法" in refused.value.zh


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_refused_as_a_signature(
    keys: dict[str, tuple[Path, Path]], data: st.DataObject
) -> None:
    options = data.draw(st.sampled_from(_OPTIONS))
    text = data.draw(st.sampled_from(get_args(Text)))
    verifier = make_verifier(agreed(keys, text=text, **options))
    noise = st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(bytes.hex).map(str.encode))
    with pytest.raises(BadSignature):
        verifier.verify(_MESSAGE, data.draw(noise))


def test_threads_share_signer_and_verifier(keys: dict[str, tuple[Path, Path]]) -> None:
    pairs = [(make_signer(a), make_verifier(a)) for a in (agreed(keys, **options) for options in _OPTIONS)]

    def work(number: int) -> None:
        for turn in range(3):
            for signer, verifier in pairs:
                content = b"%d %d" % (number, turn)
                verifier.verify(content, signer.sign(content))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


@pytest.mark.parametrize("block", get_args(get_args(SignatureAgreed)[0]))
def test_settings_document_themselves(block: type[Settings]) -> None:
    assert _conformance_settings.problems(block) == []
    assert _conformance_settings.problems(Partner) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"id": "U1", "empty_id": True}, "either id or empty_id"),
        ({"id": ""}, "at least 1"),  # what an id left blank in YAML is
        ({"id": "标" * 3000}, "at most 8190 bytes"),
        ({"form": "asn1"}, "'der' or 'raw'"),
        ({"text": "Hex"}, "base64"),
        ({"algorithm": "sm9"}, "ed25519"),
        ({"padding": "pss"}, "not permitted"),
    ],
)
def test_settings_are_checked(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        _AGREED.validate_python({"algorithm": "sm2", **options})


def test_missing_keys_are_named_by_their_field(keys: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    bare = _AGREED.validate_python({"algorithm": "sm2"})
    with pytest.raises(ConfigError, match="name our key file") as refused:
        make_signer(bare)
    assert refused.value.path == "key_file"
    with pytest.raises(ConfigError, match="name its key files") as refused:
        make_verifier(bare)
    assert refused.value.path == "partner_keys"
    public = keys["sm2"][1]
    with pytest.raises(ConfigError, match="absent") as refused:
        make_verifier(agreed(keys, algorithm="sm2", partner_keys=[public, tmp_path / "absent"]))
    assert refused.value.path == "partner_keys[1]"


def test_a_key_of_another_kind_is_refused(keys: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    for algorithm, other in product(keys, keys):
        if algorithm == other:
            continue
        private, public = keys[other]
        with pytest.raises(ConfigError) as refused:
            make_signer(agreed(keys, algorithm=algorithm, key_file=private))
        assert str(private) in refused.value.zh
        with pytest.raises(ConfigError):
            make_verifier(agreed(keys, algorithm=algorithm, partner_keys=[public]))
    for make, algorithm, said in (
        (lambda: rsa.generate_private_key(65537, 1024), "rsa-sha256", "1024 bits"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "ecdsa-p256", "expected P-256"),
    ):
        weak = tmp_path / algorithm
        weak.write_bytes(_international(make))
        weak.chmod(0o600)
        with pytest.raises(ConfigError, match=said):
            make_signer(agreed(keys, algorithm=algorithm, key_file=weak))
        public = weak.with_suffix(".pub")
        public.write_bytes(openssl("pkey", "-in", weak, "-pubout"))
        with pytest.raises(ConfigError, match=said):
            make_verifier(agreed(keys, algorithm=algorithm, partner_keys=[public]))


def test_fingerprints_are_those_of_the_whole_key(keys: dict[str, tuple[Path, Path]]) -> None:
    for algorithm, (_, public) in keys.items():
        der = openssl("pkey", "-pubin", "-in", public, "-outform", "DER")
        (fingerprint,) = make_verifier(agreed(keys, algorithm=algorithm)).fingerprints
        assert algorithms.PartnerKey(der, lambda: pytest.fail("never begun")).fingerprint == fingerprint
