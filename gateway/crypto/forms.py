"""The forms in which partners write the same signature or ciphertext.

| form | signature of SM2 or P-256 | SM2 ciphertext |
|---|---|---|
| `der` | `SEQUENCE { r INTEGER, s INTEGER }` | `SEQUENCE { x, y, digest, text }` (GM/T 0009) |
| `raw` | r ‖ s, 32 bytes each, padded on the left | C1 ‖ C3 ‖ C2 = 04 ‖ x ‖ y ‖ digest ‖ text |

Around it may stand a text: base64, or hexadecimal in small (`hex`) or capital (`HEX`) letters.
"""

from __future__ import annotations

import base64
from typing import Final, Literal

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.crypto.errors import BadCiphertext, BadSignature

Form = Literal["der", "raw"]
Text = Literal["base64", "hex", "HEX", "bytes"]

#: More than any signature is long, whatever its algorithm and form.
LONGEST: Final = 16 << 10

_NUMBER: Final = 32
_UNCOMPRESSED: Final = b"\x04"
_HEAD: Final = 1 + 2 * _NUMBER
_SPACE: Final = b" \t\r\n"


@asn1.sequence
class _Ciphertext:
    x: int
    y: int
    digest: bytes
    text: bytes


def signature_to(form: Form, der: bytes) -> bytes:
    """A DER signature, as we have made it, in the partner's form."""
    if form == "der":
        return der
    return b"".join(_number(n) for n in decode_dss_signature(der))


def signature_from(form: Form, content: bytes) -> bytes:
    """The DER of a partner's signature.

    Raises:
        BadSignature: raw and not of 64 bytes. What is wrong with DER shows when it is verified.
    """
    if form == "der":
        return content
    if len(content) != 2 * _NUMBER:
        raise malformed("r‖s，共 64 字节", "r‖s of 64 bytes")
    r, s = content[:_NUMBER], content[_NUMBER:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def ciphertext_to(form: Form, der: bytes) -> bytes:
    """A DER ciphertext, as we have made it, in the partner's form."""
    if form == "der":
        return der
    parts = asn1.decode_der(_Ciphertext, der)
    return _UNCOMPRESSED + _number(parts.x) + _number(parts.y) + parts.digest + parts.text


def ciphertext_from(form: Form, content: bytes) -> bytes:
    """The DER of a partner's ciphertext.

    Raises:
        BadCiphertext: not in this form.
    """
    try:
        if form == "der":
            asn1.decode_der(_Ciphertext, content)  # libcrypto overlooks what follows it
            return content
        if not content.startswith(_UNCOMPRESSED) or len(content) <= _HEAD + _NUMBER:
            raise BadCiphertext
        return asn1.encode_der(
            _Ciphertext(
                x=int.from_bytes(content[1 : 1 + _NUMBER], "big"),
                y=int.from_bytes(content[1 + _NUMBER : _HEAD], "big"),
                digest=content[_HEAD : _HEAD + _NUMBER],
                text=content[_HEAD + _NUMBER :],
            )
        )
    except ValueError:
        raise BadCiphertext from None


def text_to(text: Text, content: bytes) -> bytes:
    """A signature as the partner wants it written; ASCII, or for `bytes` the content itself."""
    if text == "bytes":
        return content
    if text == "base64":
        return base64.b64encode(content)
    digits = content.hex()
    return (digits if text == "hex" else digits.upper()).encode()


def text_from(text: Text, content: bytes) -> bytes:
    """What a partner has written. White space and the letters' size are overlooked in texts.

    Raises:
        BadSignature: too long, or not a text of this kind.
    """
    if len(content) > LONGEST:
        raise malformed(f"不超过 {LONGEST} 字节", f"at most {LONGEST} bytes")
    if text == "bytes":
        return content
    bare = content.translate(None, _SPACE)
    try:
        if text == "base64":
            return base64.b64decode(bare, validate=True)
        return bytes.fromhex(bare.decode("ascii"))
    except ValueError:
        raise malformed(*_TEXTS[text]) from None


def malformed(zh: str, en: str) -> BadSignature:
    """The refusal of something in another form than was agreed."""
    return BadSignature(
        f"签名格式不符，应为：{zh}", f"the signature has another form: expected {en}", kind="malformed"
    )


_TEXTS: Final[dict[Text, tuple[str, str]]] = {
    "base64": ("Base64 文本", "base64"),
    "hex": ("十六进制文本", "hexadecimal digits"),
    "HEX": ("十六进制文本", "hexadecimal digits"),
}


def _number(number: int) -> bytes:
    return number.to_bytes(_NUMBER, "big")
