"""What is agreed with a partner about signatures: one block of its settings.

signature:
  algorithm: sm2
  form: raw
  text: base64
  key_file: secrets/our-sm2.pem
  partner_keys: [keys/bank-2026.cer, keys/bank-2027.cer]
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.contract.settings import Settings
from gateway.crypto.forms import Form, Text
from gateway.crypto.sm2 import DEFAULT_ID, LONGEST_ID


class _Agreed(Settings):
    """What every algorithm needs."""

    text: Text = Field(
        default="base64",
        description="签名的文本形式：base64、hex 小写、HEX 大写，bytes 为原始字节 / how the signature is written: base64, hex in small or HEX in capital letters, or the bare bytes",
        examples=["HEX"],
    )
    key_file: Path | None = Field(
        default=None,
        description="我方私钥文件，权限须为 0600；我方不签名则不填 / file of our private key, mode 0600; none where we do not sign",
        examples=["secrets/our-key.pem"],
    )
    partner_keys: tuple[Path, ...] = Field(
        default=(),
        description="对方的公钥或证书文件；更换期间新旧并列，任一相符即可；不核对证书的有效期与签发者 / files of the partner's public keys or certificates, several during a change; dates and issuers are not checked",
        examples=[["keys/bank-2026.cer", "keys/bank-2027.cer"]],
    )


class Sm2Agreed(_Agreed):
    """SM2 与 SM3。 / SM2 with SM3 (GB/T 32918)."""

    algorithm: Literal["sm2"] = Field(description="国密签名算法 SM2，杂凑 SM3 / SM2 with SM3")
    id: str = Field(
        default=DEFAULT_ID.decode(),
        min_length=1,
        description="用户标识，双方须一致；默认为 GM/T 0009 的标识 / the signer's id, alike on both sides; default: that of GM/T 0009",
        examples=["U990101001000000"],
    )
    empty_id: bool = Field(
        default=False,
        description="对方以空标识计算时填 true，有的软件不指定标识时即如此 / true where the partner computes with an empty id, as some software does when none is given",
    )
    form: Form = Field(
        default="der",
        description="签名值的形式：der，或 raw 即 r‖s 共 64 字节 / form of the signature: der, or raw for r‖s of 64 bytes",
        examples=["raw"],
    )

    @model_validator(mode="after")
    def _one_id(self) -> Sm2Agreed:
        if self.empty_id and "id" in self.model_fields_set:
            raise ValueError("id 与 empty_id 只能填一项 / either id or empty_id")
        if len(self.id.encode()) > LONGEST_ID:
            raise ValueError(f"id 最长 {LONGEST_ID} 字节 / id has at most {LONGEST_ID} bytes")
        return self

    @property
    def distid(self) -> bytes:
        """The id as it goes into Z."""
        return b"" if self.empty_id else self.id.encode()


class RsaAgreed(_Agreed):
    """RSA 与 SHA-256。 / RSA with SHA-256, keys of 2048 bits at least."""

    algorithm: Literal["rsa-sha256"] = Field(description="RSA，杂凑 SHA-256 / RSA with SHA-256")
    padding: Literal["pkcs1v15", "pss"] = Field(
        default="pkcs1v15",
        description="填充方式；pss 用 MGF1-SHA-256，盐 32 字节 / padding; pss with MGF1-SHA-256 and a salt of 32 bytes",
        examples=["pss"],
    )


class Ed25519Agreed(_Agreed):
    """Ed25519。 / Ed25519 (RFC 8032)."""

    algorithm: Literal["ed25519"] = Field(
        description="Ed25519，内容不得超过 64 MiB / Ed25519; contents of at most 64 MiB"
    )


class EcdsaAgreed(_Agreed):
    """ECDSA P-256 与 SHA-256。 / ECDSA on P-256 with SHA-256."""

    algorithm: Literal["ecdsa-p256"] = Field(
        description="ECDSA，曲线 P-256，杂凑 SHA-256 / ECDSA on P-256 with SHA-256"
    )
    form: Form = Field(
        default="der",
        description="签名值的形式：der，或 raw 即 r‖s 共 64 字节 / form of the signature: der, or raw for r‖s of 64 bytes",
        examples=["raw"],
    )


#: As a field of a partner's settings.
SignatureAgreed = Annotated[
    Sm2Agreed | RsaAgreed | Ed25519Agreed | EcdsaAgreed, Field(discriminator="algorithm")
]
