"""Accounts and visits as pages see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.console.account_rules import locked, roles_of
from gateway.console.roles import Permission, Role, permissions
from gateway.store.console_accounts import AccountRow

_NOTHING: Final[frozenset[Permission]] = frozenset()


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. Times are milliseconds since 1970 UTC."""

    name: str
    title: str
    roles: frozenset[Role]
    disabled: bool
    one_time_until: (
        int | None
    )  #: how long its one-time password can be used; None: it has a password of its own
    locked_until: int | None  #: None also where that is over
    created: int
    last_sign_in: int | None

    @property
    def permissions(self) -> frozenset[Permission]:
        return permissions(self.roles)

    @property
    def must_change(self) -> bool:
        """Whether it has a one-time password."""
        return self.one_time_until is not None


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is signed in."""

    account: Account
    csrf: str  #: what every form of the session must carry
    language: str  #: `zh` or `en`
    expires: int

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def title(self) -> str:
        return self.account.title

    @property
    def permissions(self) -> frozenset[Permission]:
        """None at all before the one-time password has been changed."""
        return _NOTHING if self.account.must_change else self.account.permissions


def account_of(row: AccountRow, now: int) -> Account:
    return Account(
        name=row.name,
        title=row.title,
        roles=roles_of(row),
        disabled=bool(row.disabled),
        one_time_until=row.one_time_until,
        locked_until=row.locked_until if locked(row, now) else None,
        created=row.created,
        last_sign_in=row.last_sign_in,
    )
