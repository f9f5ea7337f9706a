"""Documents, certificates made for the test, and the `openssl` command as the other party."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from adapters.treasury.wire import Head

DAY = dt.date(2026, 11, 20)
NOON = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
HEAD = Head(
    source="299010100001",
    destination="100000000000",
    application="TIPS",
    number="1001",
    id="92026112000000000017",
    reference="92026112000000000017",
    work_date=DAY,
)
KEY = "DEMO-SM3-KEY-990101"


def document(inner: str = "", number: str = "9005", declared: str = "GBK") -> bytes:
    """A document with something in its body."""
    text = (
        f'<?xml version="1.0" encoding="{declared}"?><CFX><HEAD><VER>1.0</VER><SRC>100000000000</SRC>'
        f"<DES>299010100001</DES><APP>TIPS</APP><MsgNo>{number}</MsgNo><MsgID>20261120000000004711</MsgID>"
        "<MsgRef>92026112000000000017</MsgRef><WorkDate>20261120</WorkDate><Reserve></Reserve></HEAD>"
        f"<MSG>{inner}</MSG></CFX>"
    )
    return text.encode("gb18030")


@dataclass(frozen=True)
class Party:
    """Somebody with an RSA key and a certificate, as files."""

    certificate: Path
    key: Path


def party(folder: Path, name: str, bits: int = 2048) -> Party:
    key = rsa.generate_private_key(65537, bits)
    parts = (
        (NameOID.COMMON_NAME, name),
        (NameOID.ORGANIZATION_NAME, "虚构机构"),
        (NameOID.COUNTRY_NAME, "CN"),
    )
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in reversed(parts)])
    begins = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 990101, begins, begins.replace(year=2036))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    made = Party(folder / f"{name}.cer", folder / f"{name}.pem")
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made.key.chmod(0o600)
    return made
