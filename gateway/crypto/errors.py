"""What can be wrong with something signed or encrypted. Wrong keys and missing libraries are `ConfigError`s."""

from __future__ import annotations

from gateway.contract.errors import GatewayError


class BadSignature(GatewayError):
    """Nothing that was signed may be used. `kind` is for logs and for telling a sender what to look for.

    Args:
        kind: `malformed` (not in the agreed form, so nothing was compared) or `mismatch`.
    """

    def __init__(self, zh: str, en: str, *, kind: str) -> None:
        super().__init__(zh, en)
        self.kind = kind


class BadCiphertext(GatewayError):
    """It does not open: damaged, cut off, or made with another key. Which of these is not told, on purpose."""

    def __init__(self) -> None:
        super().__init__(
            "无法解密：密钥不符，或内容已损坏",
            "cannot be decrypted: another key was used, or it is damaged",
        )


class TooLarge(GatewayError):
    """The agreed algorithm needs the whole content at once, and it is larger than it may be: agree on another."""


class CryptoFailed(GatewayError):
    """The library refused an operation that its arguments do not explain, such as for want of memory."""
