"""TLS settings for both directions; TLS 1.2 is the floor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.x509 import load_pem_x509_certificates
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, ISSLTransport
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    TLSVersion,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """The server's certificate chain and key (PEM files); `client_ca` demands client certificates."""

    cert_file: Path
    key_file: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """Whom the client trusts and who it is. All files are PEM."""

    ca_file: Path | None = None  #: None: the operating system's authorities
    cert_file: Path | None = None  #: client certificate chain
    key_file: Path | None = None
    server_name: str | None = None  #: expected in the certificate, where it differs from the URL's host


def server_context(tls: ServerTls) -> CertificateOptions:
    """A context factory for `SSL4ServerEndpoint`."""
    key = _key_pair(tls.cert_file, tls.key_file)
    return CertificateOptions(
        privateKey=key.privateKey.original,
        certificate=key.original,
        extraCertChain=[extra.original for extra in _certificates(tls.cert_file)[1:]],
        trustRoot=_roots(tls.client_ca) if tls.client_ca else None,
        raiseMinimumTo=TLSVersion.TLSv1_2,
    )


def client_creator(tls: ClientTls, host: str) -> IOpenSSLClientConnectionCreator:
    """Checks the server's chain and name, and presents our certificate where there is one."""
    has_key = tls.cert_file is not None and tls.key_file is not None
    return optionsForClientTLS(
        tls.server_name or host,
        trustRoot=_roots(tls.ca_file) if tls.ca_file else _system_roots(),
        clientCertificate=_key_pair(tls.cert_file, tls.key_file) if has_key else None,
        extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2},
    )


def peer_subject(transport: Any) -> str | None:
    """The subject of the peer's verified certificate, None without TLS or certificate."""
    if not ISSLTransport.providedBy(transport):
        return None
    certificate = transport.getPeerCertificate()
    return certificate.to_cryptography().subject.rfc4514_string() if certificate else None


def _key_pair(cert_file: Path | None, key_file: Path | None) -> PrivateCertificate:
    assert cert_file is not None
    assert key_file is not None
    pem = key_file.read_bytes() + b"\n" + cert_file.read_bytes()
    return PrivateCertificate.loadPEM(pem)  # type: ignore[no-untyped-call,no-any-return]


def _certificates(path: Path) -> list[Certificate]:
    return [
        Certificate(X509.from_cryptography(certificate))  # type: ignore[no-untyped-call]
        for certificate in load_pem_x509_certificates(path.read_bytes())
    ]


# Twisted leaves the following functions without types.


def _roots(path: Path) -> Any:
    return trustRootFromCertificates(_certificates(path))  # type: ignore[no-untyped-call]


def _system_roots() -> Any:
    return platformTrust()  # type: ignore[no-untyped-call]
