"""What people's decisions are made with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.books.intake import Journal
from gateway.books.signing import BookBeside
from gateway.canonical import Message
from gateway.contract import Clock, Reject
from gateway.payments.seals import Seals
from gateway.payments.settings import AccountSettings, PaymentsSettings
from gateway.store.api import Accept


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What decisions are made with."""

    book: BookBeside
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
