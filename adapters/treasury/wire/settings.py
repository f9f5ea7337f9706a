"""Settings of seals. Descriptions are for the person who fills them in.

No public document says which seal an access point of the network uses: ask for it in writing, and compare.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.contract import Secret, Settings
from gateway.crypto.settings import Sm2Agreed


class NoSeal(Settings):
    """不加签、不核签，仅限测试网络。 / No seal at all: test networks only."""

    kind: Literal["none"] = Field(description="不加签 / none", examples=["none"])
    test_network: bool = Field(
        description="写明 true，确认这是测试网络：收到的报文出自何人无从核实 / say true: nobody can tell who wrote what is"
        " received",
        examples=[True],
    )

    @model_validator(mode="after")
    def _meant(self) -> NoSeal:
        if not self.test_network:
            raise ValueError("test_network 须为 true / test_network must be true")
        return self


class Pkcs7Seal(Settings):
    """PKCS#7（CMS）签名，RSA 与 SHA-256。 / PKCS#7 (CMS) signature, RSA with SHA-256."""

    kind: Literal["pkcs7"] = Field(description="PKCS#7 签名 / PKCS#7", examples=["pkcs7"])
    certificate: Path = Field(
        description="我方节点证书文件（PEM 或 DER） / our node's certificate, PEM or DER",
        examples=["keys/node.cer"],
    )
    key_file: Path = Field(
        description="我方私钥文件，权限 0600 / file of our private key, mode 0600",
        examples=["secrets/node.pem"],
    )
    attached: bool = Field(
        default=False,
        description="签名中是否含原文；两种签名都能核验 / whether our signatures contain the document; both kinds are verified",
        examples=[True],
    )
    partner_certificates: tuple[Path, ...] = Field(
        min_length=1,
        description="中心的签名证书文件，更换期间新旧并列；只认这些证书，不核对其有效期与签发者 / the centre's certificates, several"
        " during a change; only these are believed, dates and issuers are not checked",
        examples=[["keys/centre-2026.cer", "keys/centre-2027.cer"]],
    )
    sign_dn: str = Field(
        default="",
        description="中心证书的主题名（SignDN），填写后上述证书都须与之相符 / subject of the centre's certificates; where it is"
        " filled in, each of them must have it",
        examples=["CN=TIPS,O=Example,C=CN"],
    )
    accept_sha1: bool = Field(
        default=False,
        description="是否接受中心以 SHA-1 所作的签名；仅在中心尚未升级时填 true / whether signatures with SHA-1 are accepted; only"
        " while the centre cannot do better",
        examples=[True],
    )


class KeyedSm3Seal(Settings):
    """SM3（报文 ‖ 共享密钥），大写十六进制。 / SM3 of document and shared key, in capital hexadecimal digits."""

    kind: Literal["keyed-sm3"] = Field(description="带密钥的 SM3 / keyed SM3", examples=["keyed-sm3"])
    key: Secret = Field(
        description="共享密钥，按其 ASCII 字符计算 / shared key, as its ASCII characters",
        examples=["${file:secrets/treasury-sm3.key}"],
    )
    other_keys: tuple[Secret, ...] = Field(
        default=(),
        description="更换期间另行接受的密钥 / further keys that are accepted during a change",
        examples=[["${file:secrets/treasury-sm3-next.key}"]],
    )


class Sm2Seal(Sm2Agreed):
    """SM2 签名，Base64。 / SM2 signature in base64."""

    kind: Literal["sm2"] = Field(description="SM2 签名 / SM2", examples=["sm2"])
    algorithm: Literal["sm2"] = Field(default="sm2", description="签名算法，不必填写 / need not be given")


SealSettings = Annotated[NoSeal | Pkcs7Seal | KeyedSm3Seal | Sm2Seal, Field(discriminator="kind")]
