"""How the console says no."""

from __future__ import annotations

from gateway.contract import GatewayError


class Refused(GatewayError):
    """What was asked for is not done; the page says why.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, zh: str, en: str, status: int = 409) -> None:
        super().__init__(zh, en)
        self.status = status
