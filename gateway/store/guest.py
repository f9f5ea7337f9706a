"""What the two guests of a database have in common: one connection, no lock, no migration, no threads."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from gateway.store.session import Session

S = TypeVar("S", bound=Session)


class Guest(Generic[S]):
    """A context manager around a session; what the opening raises is explained like every other error."""

    def __init__(self, open_session: Callable[[], S], explain: Callable[[Exception], Exception]) -> None:
        self._explain = explain
        try:
            self._session = open_session()
        except Exception as error:
            raise explain(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connection back."""
        self._session.close()
