"""Keys of a centre, a bank and a node to practise with, for each kind of seal; made where there are none.

In the folder: `shared.key` for keyed-sm3; `NAME.cer` and `NAME.pem` for pkcs7; `NAME.pub` and `NAME.pem` for sm2.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from pydantic import TypeAdapter

from adapters.treasury.wire import Seal, SealSettings, make_seal
from gateway.crypto.keyfiles import write_private
from gateway.crypto.sm2 import PrivateKey, generate

KINDS: Final = ("keyed-sm3", "pkcs7", "sm2", "none")
SHARED: Final = "DEMO-TIPS-SM3-KEY-0001"
_PARTNERS: Final = {"node": ["centre"], "bank": ["centre"], "centre": ["node", "bank"]}


def seal_settings(kind: str, folder: Path, whose: str) -> dict[str, Any]:
    """The block `seal` of the settings of `node`, `bank` or `centre`; its files are made where they lack."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "none":
        return {"kind": kind, "test_network": True}
    if kind == "keyed-sm3":
        file = folder / "shared.key"
        if not file.exists():
            file.write_text(SHARED, encoding="ascii")
            file.chmod(0o600)
        return {"kind": kind, "key": file.read_text(encoding="ascii")}
    make, public = (_certificate, ".cer") if kind == "pkcs7" else (_sm2, ".pub")
    for name in (whose, *_PARTNERS[whose]):
        if not (folder / f"{name}{public}").exists():
            make(folder, name)
    own = {"kind": kind, "key_file": str(folder / f"{whose}.pem")}
    partners = [str(folder / f"{name}{public}") for name in _PARTNERS[whose]]
    if kind == "sm2":
        return {**own, "partner_keys": partners}
    return {**own, "certificate": str(folder / f"{whose}.cer"), "partner_certificates": partners}


def seal(kind: str, folder: Path, whose: str) -> Seal:
    """What signs for one of them, and verifies what its partners have signed."""
    settings: Any = TypeAdapter(SealSettings).validate_python(seal_settings(kind, folder, whose))
    return make_seal(settings)


def _certificate(folder: Path, name: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"DEMO {name}")])
    since = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + dt.timedelta(days=3650))
        .sign(key, SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(folder / f"{name}.pem", private)
    (folder / f"{name}.cer").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _sm2(folder: Path, name: str) -> None:
    content = generate()
    write_private(folder / f"{name}.pem", content)
    (folder / f"{name}.pub").write_text(PrivateKey(content).public.point.hex() + "\n", encoding="ascii")
