"""Errors that name the next action. None of them ever carries personal data."""

from __future__ import annotations


class GatewayError(Exception):
    """Base of everything the gateway raises on purpose. `zh` and `en` are for people."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en

    @property
    def both(self) -> str:
        """In both languages, for people."""
        return f"{self.zh} / {self.en}"

    def __reduce__(self) -> tuple[object, ...]:
        """To another process with everything it knows, whatever its constructor asks for."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[GatewayError], arguments: tuple[object, ...]) -> GatewayError:
    error = kind.__new__(kind)
    error.args = arguments
    return error


class ConfigError(GatewayError):
    """The configuration is wrong: correct `path` in `file`, then check again."""

    def __init__(self, zh: str, en: str, *, file: str = "", line: int = 0, path: str = "") -> None:
        super().__init__(zh, en)
        self.file = file
        self.line = line
        self.path = path


class Reject(GatewayError):
    """The input is wrong and will stay wrong: tell its sender. Changes nothing but the audit log."""

    def __init__(self, zh: str, en: str, *, code: str, field: str = "", rule: str = "") -> None:
        super().__init__(zh, en)
        self.code = code
        self.field = field
        self.rule = rule


class Conflict(Reject):
    """The partner used one message id for two different messages."""


class Unavailable(GatewayError):
    """Nothing was committed: the sender may and should send the same again later."""


class PartnerDown(GatewayError):
    """Certainly nothing reached the partner: the engine tries again by its schedule."""
