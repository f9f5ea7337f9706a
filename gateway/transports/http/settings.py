"""What partners' settings say about TLS, the same for every adapter. Descriptions are for the person who fills them in."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from gateway.contract.settings import Settings
from gateway.transports.http.tls import ClientTls, ServerTls


class ClientTlsSettings(Settings):
    """HTTPS 证书（PEM 文件）：我方信任谁、以什么证书出示。 / PEM files: whom we trust and who we are."""

    ca_file: Path | None = Field(
        default=None,
        description="信任的根证书；不填用操作系统的 / trusted authorities; the system's where absent",
        examples=["/etc/tongqu/partner-ca.pem"],
    )
    cert_file: Path | None = Field(
        default=None,
        description="我方客户端证书 / our client certificate",
        examples=["/etc/tongqu/client.pem"],
    )
    key_file: Path | None = Field(
        default=None,
        description="我方客户端私钥 / key of our client certificate",
        examples=["/etc/tongqu/client.key"],
    )
    server_name: str | None = Field(
        default=None,
        description="证书中的主机名，与地址不同时填写 / name in the certificate, where it differs from the host",
        examples=["partner.example"],
    )

    @model_validator(mode="after")
    def _together(self) -> ClientTlsSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file 与 key_file 须同时填写 / cert_file and key_file belong together")
        return self

    @property
    def made(self) -> ClientTls:
        """As the client takes it."""
        return ClientTls(**self.model_dump())


class ServerTlsSettings(Settings):
    """HTTPS 证书（PEM 文件）。 / PEM files of a listener."""

    certificate: Path = Field(
        description="服务器证书链文件 / server certificate chain", examples=["/etc/tongqu/server.pem"]
    )
    key: Path = Field(description="私钥文件 / file of the private key", examples=["/etc/tongqu/server.key"])
    client_ca: Path | None = Field(
        default=None,
        description="签发客户端证书的机构；填写后要求客户端证书 / authority of client certificates; where set, one is demanded",
        examples=["/etc/tongqu/clients-ca.pem"],
    )

    @property
    def made(self) -> ServerTls:
        """As the listener takes it."""
        return ServerTls(cert_file=self.certificate, key_file=self.key, client_ca=self.client_ca)
