"""What people's decisions are made with: the office, and the signer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.canonical import Message
from gateway.contract import Clock, Reject
from gateway.payments.parts import Journal
from gateway.payments.people import Person, Signed, sign
from gateway.payments.seals import Seals
from gateway.payments.settings import AccountSettings, PaymentsSettings
from gateway.store.api import Accept, AuditRow

T = TypeVar("T")


class Book(Protocol):
    """The store as a person's program has it (`gateway.store.Reader.ask`, `gateway.store.Clerk.work`)."""

    def ask(self, question: Callable[..., T], *values: Any) -> T: ...

    def work(self, do: Callable[..., T], *arguments: Any) -> T: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What decisions are made with."""

    book: Book
    settings: PaymentsSettings
    seals: Seals
    journal: Journal
    due: Callable[[Message, str], Accept]  #: a message, owed to one partner from now on
    ids: Callable[[], str]
    random: Callable[[int], bytes]
    clock: Clock
    node: str
    region: str
    actor: str  #: the operating system's account

    @property
    def now(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock.now().timestamp() * 1000)

    def account(self, name: str) -> AccountSettings:
        """
        Raises:
            Reject: there is none of that name.
        """
        found = next((account for account in self.settings.accounts if account.name == name), None)
        if found is None:
            known = "、".join(account.name for account in self.settings.accounts)
            raise Reject(
                f"没有账户 {name}；已有：{known}", f"no account {name!r}; there are: {known}", code="account"
            )
        return found


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


def require_clear(numbers: Sequence[int]) -> None:
    """
    Raises:
        Reject: differences with these numbers are open; they may mean that it is paid already.
    """
    if numbers:
        shown = "、".join(map(str, numbers[:10])) + ("…" if len(numbers) > 10 else "")
        raise Reject(
            f"有未关闭的差异 {shown}，可能已经付过：请先查明并关闭（gateway payment differences）",
            f"differences {shown} are open, so it may be paid already: look into them and close them first"
            " (gateway payment differences)",
            code="disputed",
        )
