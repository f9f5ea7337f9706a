"""What the engine tells those who watch it: counted by metrics, nothing more."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Cheap notifications from the hot path."""

    def accepted(self, partner: str, message_type: str, seconds: float) -> None:
        """A message was committed, `seconds` after it had been understood."""
        ...

    def repeated(self, partner: str, message_type: str) -> None:
        """A message came again."""
        ...

    def refused(self, partner: str, code: str) -> None:
        """Input was not accepted."""
        ...

    def attempted(self, partner: str) -> None:
        """An attempt is about to be made."""
        ...

    def ended(self, partner: str, state: str, seconds: float) -> None:
        """An attempt or a resolution led to `state`, `seconds` after it began."""
        ...
