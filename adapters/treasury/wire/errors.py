"""What can be wrong with something that came from the network. Neither ever quotes a value."""

from __future__ import annotations

from gateway.contract import GatewayError


class Unreadable(GatewayError, ValueError):
    """Not a document of this network, or not one that its mapping reads. Asking the sender for it again may help.

    Args:
        field: where, such as `HEAD/MsgNo`; empty for the document as a whole.
        rule: a stable word for programs: `missing`, `length`, `size`, `syntax`, `charset`, `shape`, …
    """

    def __init__(self, field: str, rule: str, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.field = field
        self.rule = rule


class BadSeal(GatewayError):
    """Nothing of the document may be used: who wrote it is not known.

    Args:
        rule: `missing`, `malformed` (not in the agreed form), `signer` (not a certificate that the settings name),
            `digest` (an algorithm that is not agreed) or `mismatch` (not of this content, or by another key).
    """

    def __init__(self, rule: str, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.rule = rule
