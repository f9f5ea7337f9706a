"""Accounts and sessions of the console: rows, questions (`Reader.ask`) and changes (`Clerk.work`).

What is not any more as it was seen raises `Moved`, which undoes the whole unit. Who may do what is not known here.
"""

# ruff: noqa: S608 (only names of columns that this program defines are put into the texts)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import astuple

from gateway.store.errors import Moved
from gateway.store.session import Session


class AccountRow(Struct, frozen=True, kw_only=True):
    """Somebody who may sign in. Times are milliseconds since 1970 UTC; flags are 0 or 1."""

    name: str
    title: str
    roles: str  #: comma-separated, sorted
    password: str  #: its hash, with salt and parameters
    one_time_until: int | None  #: how long the one-time password can be used; None: a password of their own
    disabled: int = 0
    failures: int = 0  #: wrong passwords since the last right one, or since the last lock
    locked_until: int | None = None
    created: int
    last_sign_in: int | None = None
    updated: int  #: rises with every change but those by signing in


class SessionRow(Struct, frozen=True, kw_only=True):
    """One browser in which somebody is signed in."""

    token_hash: bytes
    account: str
    csrf: str
    language: str
    created: int
    seen: int  #: when its expiry was last moved
    expires: int


_ACCOUNT: Final = AccountRow.__struct_fields__
_SESSION: Final = SessionRow.__struct_fields__
_ACCOUNTS: Final = f"SELECT {', '.join(_ACCOUNT)} FROM console_accounts"
_JOINED: Final = f"""SELECT {", ".join(f"s.{c}" for c in _SESSION)}, {", ".join(f"a.{c}" for c in _ACCOUNT)}
    FROM console_sessions s JOIN console_accounts a ON a.name = s.account"""
_UNLOCKED: Final = "(locked_until IS NULL OR locked_until <= ?)"

# Accounts


def accounts(session: Session) -> list[AccountRow]:
    """All of them, by name."""
    return [
        AccountRow(**dict(zip(_ACCOUNT, row, strict=True)))
        for row in session.rows(f"{_ACCOUNTS} ORDER BY name")
    ]


def account(session: Session, name: str) -> AccountRow | None:
    found = session.rows(f"{_ACCOUNTS} WHERE name = ?", (name,))
    return AccountRow(**dict(zip(_ACCOUNT, found[0], strict=True))) if found else None


def hold(session: Session) -> list[AccountRow]:
    """All accounts, which nobody else changes before the commit: for rules that look at more than one."""
    for row in accounts(session):  # in order, or two who hold them at once could wait for each other
        session.run("UPDATE console_accounts SET updated = updated WHERE name = ?", (row.name,))
    return accounts(session)


def add(session: Session, row: AccountRow) -> None:
    """
    Raises:
        Moved: there is one of that name.
    """
    marks = ",".join("?" * len(_ACCOUNT))
    new = f"INSERT INTO console_accounts ({', '.join(_ACCOUNT)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    if not session.run(new, astuple(row)):
        raise Moved


def replace(session: Session, seen: AccountRow, row: AccountRow) -> None:
    """Everything of `row` but name, creation and last sign-in.

    Raises:
        Moved: the account has been changed since it was `seen`.
    """
    changed = session.run(
        """UPDATE console_accounts SET title = ?, roles = ?, password = ?, one_time_until = ?, disabled = ?,
            failures = ?, locked_until = ?, updated = ? WHERE name = ? AND updated = ?""",
        (
            *(
                row.title,
                row.roles,
                row.password,
                row.one_time_until,
                row.disabled,
                row.failures,
                row.locked_until,
            ),
            *(max(row.updated, seen.updated + 1), seen.name, seen.updated),
        ),
    )
    if not changed:
        raise Moved


def fail(session: Session, name: str, at: int, limit: int, until: int) -> bool:
    """Counts a wrong password; the `limit`-th locks the account. False where it is locked already: nothing is counted."""
    return bool(
        session.run(
            f"""UPDATE console_accounts SET failures = CASE WHEN failures + 1 >= ? THEN 0 ELSE failures + 1 END,
                locked_until = CASE WHEN failures + 1 >= ? THEN ? END WHERE name = ? AND {_UNLOCKED}""",
            (limit, limit, until, name, at),
        )
    )


# Sessions


def begin(session: Session, seen: AccountRow, row: SessionRow) -> None:
    """Somebody has shown the password of `seen`. Sessions that have ended are forgotten.

    Raises:
        Moved: the account is locked or disabled, has another password by now, or its one-time password is over.
    """
    entered = session.run(
        f"""UPDATE console_accounts SET failures = 0, locked_until = NULL, last_sign_in = ?
            WHERE name = ? AND password = ? AND disabled = 0 AND {_UNLOCKED}
            AND (one_time_until IS NULL OR one_time_until > ?)""",
        (row.created, seen.name, seen.password, row.created, row.created),
    )
    if not entered:
        raise Moved
    session.run("DELETE FROM console_sessions WHERE expires <= ?", (row.created,))
    marks = ",".join("?" * len(_SESSION))
    session.run(f"INSERT INTO console_sessions ({', '.join(_SESSION)}) VALUES ({marks})", astuple(row))


def visit(session: Session, token_hash: bytes, at: int) -> tuple[SessionRow, AccountRow] | None:
    """The session, where it has not ended and its account may still sign in."""
    found = session.rows(
        f"{_JOINED} WHERE s.token_hash = ? AND s.expires > ? AND a.disabled = 0", (token_hash, at)
    )
    return _visit(found[0]) if found else None


def _visit(values: Sequence[Any]) -> tuple[SessionRow, AccountRow]:
    of_session = dict(zip(_SESSION, values[: len(_SESSION)], strict=True))
    of_session["token_hash"] = bytes(of_session["token_hash"])
    of_account = dict(zip(_ACCOUNT, values[len(_SESSION) :], strict=True))
    return SessionRow(**of_session), AccountRow(**of_account)


def prolong(session: Session, token_hash: bytes, seen: int, expires: int) -> None:
    """Somebody is still there."""
    session.run(
        "UPDATE console_sessions SET seen = ?, expires = ? WHERE token_hash = ?", (seen, expires, token_hash)
    )


def speak(session: Session, token_hash: bytes, language: str) -> None:
    session.run("UPDATE console_sessions SET language = ? WHERE token_hash = ?", (language, token_hash))


def end(session: Session, token_hash: bytes) -> bool:
    """Whether there was such a session."""
    return bool(session.run("DELETE FROM console_sessions WHERE token_hash = ?", (token_hash,)))


def end_all(session: Session, name: str, but: bytes = b"") -> None:
    """Ends the account's sessions, all `but` one."""
    session.run("DELETE FROM console_sessions WHERE account = ? AND token_hash <> ?", (name, but))
