"""What can go wrong with a broker."""

from __future__ import annotations


class BrokerError(Exception):
    """Something a broker could not do. Its subclasses name what the caller does next."""


class BrokerDown(BrokerError):
    """There is no broker, or it went away: what it had not answered for by then is unknown."""


class BrokerRefused(BrokerError):
    """The broker closed a channel because it refuses what was asked: a person must compare it with the broker.

    Args:
        code: AMQP's reply code, such as 403 for a right that we lack.
    """

    def __init__(self, why: str, code: int = 0) -> None:
        super().__init__(why)
        self.code = code
