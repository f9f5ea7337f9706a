"""Somebody who decides, and the statement that says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.books.intake import Journal
from gateway.books.people import Person, Signed, sign
from gateway.contract import Clock, Reject
from gateway.store.api import AuditRow

T = TypeVar("T")


class BookBeside(Protocol):
    """The store as a person's program has it (`gateway.store.Reader.ask`, `gateway.store.Clerk.work`)."""

    def ask(self, question: Callable[..., T], *values: Any) -> T: ...

    def work(self, do: Callable[..., T], *arguments: Any) -> T: ...


class Office(Protocol):
    """Where decisions are made, as far as signing them needs it."""

    @property
    def journal(self) -> Journal: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def node(self) -> str: ...
    @property
    def actor(self) -> str:
        """The operating system's account."""
        ...


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody who decides, with the key that says so."""

    person: Person
    key: Ed25519PrivateKey

    def require(self, right: str) -> None:
        """
        Raises:
            Reject: it is not among what the person may do.
        """
        if right not in self.person.may:
            raise Reject(
                f"{self.person.title}（{self.person.name}）无权 {right}，见 people.yaml",
                f"{self.person.name} may not {right}, see people.yaml",
                code="not-allowed",
            )

    def states(self, office: Office, right: str, **facts: str | int) -> Signed:
        """Signs, if this person may. Raises as `require`."""
        self.require(right)
        return sign(self.key, self.person, office.clock.now(), action=right, node=office.node, **facts)


def audited(office: Office, event: str, signed: Signed, message: str | None = None) -> AuditRow:
    """The entry that says who decided what; `actor` is the account of the operating system."""
    return office.journal.entry(event, message=message, actor=office.actor, detail=signed.detail)
