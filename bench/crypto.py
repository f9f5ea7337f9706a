"""Signatures, hashes and ciphers by themselves: `python -m bench.crypto` prints operations a second.

One thread, messages of 1 KiB and contents of 1 MiB; keys of RSA have 2048 bits. Absolute figures drift with the
machine: the ratios to ECDSA on P-256, SHA-256 and AES-128-GCM of the same run are what counts.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pydantic import TypeAdapter

from gateway.crypto import SignatureAgreed, Signer, Verifier, make_signer, make_verifier, sm2
from gateway.crypto.keyfiles import sm2_private, write_private
from gateway.crypto.sm3 import sm3
from gateway.crypto.sm4 import encrypt_cbc, seal_gcm

_ROUNDS = 5
_SECONDS = 0.2
_MESSAGE = os.urandom(1 << 10)
_LARGE = os.urandom(1 << 20)
_AGREED: TypeAdapter[SignatureAgreed] = TypeAdapter(SignatureAgreed)
_BASE = "ecdsa-p256"


def rates_of(jobs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Calls a second, the median over rounds; all jobs in each round, so that drift meets all alike."""
    rounds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(_ROUNDS):
        for name, job in jobs.items():
            calls, start = 0, time.perf_counter()
            while (took := time.perf_counter() - start) < _SECONDS:
                job()
                calls += 1
            rounds[name].append(calls / took)
    return {name: statistics.median(found) for name, found in rounds.items()}


def pairs(folder: Path) -> Iterator[tuple[str, Signer, Verifier]]:
    """Signer and verifier of every algorithm, from key files as a partner has them."""
    others: dict[str, PrivateKeyTypes] = {
        "ecdsa-p256": ec.generate_private_key(ec.SECP256R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "rsa-sha256": rsa.generate_private_key(65537, 2048),
    }
    for algorithm in (*others, "sm2"):
        private, public = folder / f"{algorithm}.pem", folder / f"{algorithm}.pub"
        if algorithm == "sm2":
            write_private(private, sm2.generate())
            public.write_bytes(sm2_private(private.read_bytes()).public.spki)
        else:
            key = others[algorithm]
            write_private(private, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
            public.write_bytes(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        agreed = _AGREED.validate_python(
            {"algorithm": algorithm, "key_file": private, "partner_keys": [public]}
        )
        yield algorithm, make_signer(agreed), make_verifier(agreed)


def signatures() -> None:
    """Signing and verifying, each with its ratio to P-256."""
    with tempfile.TemporaryDirectory() as folder:
        made = {
            name: (signer, verifier, signer.sign(_MESSAGE)) for name, signer, verifier in pairs(Path(folder))
        }
    signing = rates_of({name: partial(signer.sign, _MESSAGE) for name, (signer, _, _) in made.items()})
    verifying = rates_of({name: partial(v.verify, _MESSAGE, signed) for name, (_, v, signed) in made.items()})
    print(f"{'1 KiB':<14}{'sign/s':>10}{'ratio':>8}{'verify/s':>10}{'ratio':>8}")
    for name, sign in signing.items():
        verify = verifying[name]
        print(
            f"{name:<14}{sign:>10.0f}{sign / signing[_BASE]:>8.3f}{verify:>10.0f}{verify / verifying[_BASE]:>8.3f}"
        )


def contents() -> None:
    """Hashing and encrypting, each with its ratio to the international one."""
    key, iv, nonce = os.urandom(16), os.urandom(16), os.urandom(12)
    aes = AESGCM(key)
    rates = rates_of(
        {
            "sha-256": lambda: hashlib.sha256(_LARGE).digest(),
            "sm3": lambda: sm3(_LARGE),
            "aes-128-gcm": lambda: aes.encrypt(nonce, _LARGE, b""),
            "sm4-gcm": lambda: seal_gcm(key, nonce, _LARGE, b""),
            "sm4-cbc": lambda: encrypt_cbc(key, iv, _LARGE),
        }
    )
    print(f"\n{'1 MiB':<14}{'MiB/s':>10}{'ratio':>8}")
    for name, found in rates.items():
        base = rates["sha-256" if name in ("sha-256", "sm3") else "aes-128-gcm"]
        print(f"{name:<14}{found:>10.0f}{found / base:>8.3f}")


if __name__ == "__main__":
    signatures()
    contents()
