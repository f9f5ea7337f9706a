"""Who may sign in to the console, and who is signed in.

Whatever changes something is committed in one transaction with its audit entry. Comparing passwords takes 30 ms and is
done outside of the transaction, for which the gateway would wait; what was compared is looked at again inside.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from gateway.console import account_rules as rules
from gateway.console import passwords
from gateway.console.refusals import Refused
from gateway.console.roles import Role
from gateway.console.visits import Account, Visit, account_of
from gateway.contract import Unavailable
from gateway.desk.record import journal_of
from gateway.engine.config import Configuration
from gateway.store import Moved, open_clerk, open_reader
from gateway.store import console_accounts as store
from gateway.store.console_accounts import AccountRow, SessionRow
from gateway.store.session import WriteSession

__all__ = ["LANGUAGES", "Account", "Accounts", "Visit"]

LANGUAGES: Final = ("zh", "en")
FIRST: Final = "admin"
_MINUTE: Final = 60_000
#: How long a session lasts where nothing is done in it, and at most.
_IDLE, _WHOLE = 30 * _MINUTE, 12 * 60 * _MINUTE
_FAILURES, _LOCK = 5, 15 * _MINUTE
#: How long a one-time password can be used: over a week of holidays.
_ONE_TIME = 8 * 24 * 60 * _MINUTE
T = TypeVar("T")


class Accounts:
    """The accounts of one gateway. Methods block; any thread may call them.

    `by` is who changes an account: the name of an account, or what the operating system says (`os:root`), which has a
    colon.

    Raises (all methods): `Refused` where a rule stands against it, `gateway.contract.Unavailable` where the store does.
    """

    def __init__(
        self, configuration: Configuration, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._configuration = configuration
        self._now = now_ms

    # Signing in and out

    def sign_in(self, name: str, password: str, peer: str) -> str:
        """The token of a new session. `peer` is the address somebody signs in from.

        Nothing that can be seen outside tells whether there is such an account: neither the text nor the time.
        """
        name = name.strip().lower()
        seen = self._ask(store.account, name) if rules.is_name(name) else None
        right = passwords.matches(None if seen is None else seen.password, password)
        token = secrets.token_urlsafe(32)
        if not self._work(self._enter, seen, token, peer, right):
            raise Refused(
                f"用户名或口令不正确，或一次性口令已过期，或账号已停用、已锁定（连续输错 {_FAILURES} 次锁定 {_LOCK // _MINUTE} 分钟）",
                "wrong name or password, or the one-time password is over, or the account is disabled or locked"
                f" ({_FAILURES} wrong passwords lock it for {_LOCK // _MINUTE} minutes)",
                403,
            )
        return token

    def _enter(
        self, session: WriteSession, seen: AccountRow | None, token: str, peer: str, right: bool
    ) -> bool:
        now = self._now()
        cause = self._try(session, seen, token, now, right)
        if cause is None and seen is not None:
            self._note(session, "console.signed-in", seen.name, peer=peer)
            return True
        # A name that is none may be anything, also a password typed into the wrong field: it is not kept.
        self._refused(session, None if seen is None else seen.name, now, cause or "", peer=peer)
        return False

    def _try(
        self, session: WriteSession, seen: AccountRow | None, token: str, now: int, right: bool
    ) -> str | None:
        """Why not; None where the session has begun."""
        if seen is None:
            return "no such account"
        if not right:
            return "wrong password" if self._count(session, seen.name, now) else "locked"
        new = SessionRow(
            token_hash=_hash(token),
            account=seen.name,
            csrf=secrets.token_urlsafe(32),
            language=LANGUAGES[0],
            created=now,
            seen=now,
            expires=now + _IDLE,
        )
        try:
            store.begin(session, seen, new)
        except Moved:
            return rules.why_not(rules.named(store.accounts(session), seen.name), now)
        return None

    def _count(self, session: WriteSession, name: str, now: int) -> bool:
        return store.fail(session, name, now, _FAILURES, now + _LOCK)

    def _refused(self, session: WriteSession, name: str | None, now: int, cause: str, **detail: str) -> None:
        account = None if name is None else store.account(session, name)
        if account is not None and rules.locked(account, now):
            until = dt.datetime.fromtimestamp((account.locked_until or 0) // 1000, dt.UTC)
            detail["locked_until"] = until.isoformat()
        self._note(session, "console.refused", name, cause=cause, **detail)

    def visit(self, token: str, sliding: bool = True) -> Visit | None:
        """Who has this token; None where nobody has, or has not any more.

        What a page asks for by itself is not `sliding`: it is no sign that somebody is there.
        """
        now = self._now()
        found = self._ask(store.visit, _hash(token), now)
        if found is None:
            return None
        row, account = found
        expires = row.expires
        if (
            sliding and now - row.seen >= _MINUTE
        ):  # not at every click: the gateway writes into the same store
            expires = min(now + _IDLE, row.created + _WHOLE)
            try:
                self._work(store.prolong, row.token_hash, now, expires)
            except Unavailable:  # whoever only looks goes on looking; the next click tries again
                expires = row.expires
        return Visit(account_of(account, now), row.csrf, row.language, expires)

    def sign_out(self, token: str) -> None:
        def work(session: WriteSession) -> None:
            found = store.visit(session, _hash(token), self._now())
            if store.end(session, _hash(token)) and found is not None:
                self._note(session, "console.signed-out", found[1].name)

        self._work(work)

    def set_language(self, token: str, language: str) -> None:
        if language not in LANGUAGES:
            raise Refused("没有这种语言", "there is no such language", 400)
        self._work(store.speak, _hash(token), language)

    def change_password(self, name: str, old: str, new: str, token: str) -> None:
        """The account's own password, by whoever has the session `token`; its other sessions end."""
        # What is wrong with the new one is said before the old one is looked at, and it is hashed in any case: neither
        # text nor time tells of a guess that it was right, which a lock would not stop.
        passwords.check(name, new)
        if old == new:
            raise Refused("新口令不得与原口令相同", "the new password is the old one", 400)
        seen, fresh = rules.named(self._ask(store.accounts), name), passwords.hashed(new)
        kept = fresh if passwords.matches(seen.password, old) else None
        if not self._work(self._change_password, seen, kept, _hash(token)):
            raise Refused(
                "原口令不正确，或账号已锁定", "the old password is wrong, or the account is locked", 403
            )

    def _change_password(
        self, session: WriteSession, seen: AccountRow, kept: str | None, token_hash: bytes
    ) -> bool:
        now = self._now()
        present = rules.named(store.hold(session), seen.name)
        if kept is None:
            self._count(session, seen.name, now)
        if kept is None or rules.locked(present, now):
            self._refused(session, seen.name, now, "wrong old password" if kept is None else "locked")
            return False
        store.replace(
            session, seen, replace(seen, password=kept, one_time_until=None, failures=0, updated=now)
        )
        store.end_all(session, seen.name, but=token_hash)
        self._note(session, "account.password-changed", seen.name)
        return True

    # Giving out accounts

    def first(self, by: str) -> tuple[str, str] | None:
        """Where there is no account, makes the one that makes others: (name, one-time password)."""
        if self._ask(store.accounts):
            return None
        try:
            return FIRST, self._add(FIRST, "安全管理员", {Role.SECURITY_ADMIN}, by)
        except Moved:  # another console is started for the first time, too
            return None

    def add(self, name: str, title: str, roles: Collection[Role], by: str) -> str:
        """The one-time password of a new account."""
        rules.check_name(name)
        title = rules.checked_title(title)
        rules.check_roles(roles)
        try:
            return self._add(name, title, roles, by)
        except Moved:
            raise Refused(f"已有账号 {name}", f"there is an account {name}") from None

    def _add(self, name: str, title: str, roles: Collection[Role], by: str) -> str:
        password, now = passwords.one_time(), self._now()
        row = AccountRow(
            name=name,
            title=title,
            roles=rules.written(roles),
            password=passwords.hashed(password),
            one_time_until=now + _ONE_TIME,
            created=now,
            updated=now,
        )

        def work(session: WriteSession) -> None:
            rules.require_admin(store.hold(session), by)
            store.add(session, row)
            self._note(session, "account.added", by, account=name, roles=row.roles)

        self._work(work)
        return password

    def change(
        self,
        name: str,
        *,
        roles: Collection[Role] | None = None,
        title: str | None = None,
        disabled: bool | None = None,
        by: str,
    ) -> None:
        """What is given is changed. New roles, or being disabled, end the account's sessions."""
        wanted: dict[str, Any] = {}
        if roles is not None:
            rules.check_roles(roles)
            wanted["roles"] = rules.written(roles)
        if title is not None:
            wanted["title"] = rules.checked_title(title)
        if disabled is not None:
            wanted["disabled"] = int(disabled)
        self._work(self._change, name, wanted, by)

    def _change(self, session: WriteSession, name: str, wanted: dict[str, Any], by: str) -> None:
        rows = store.hold(session)
        rules.require_admin(rows, by)
        seen = rules.named(rows, name)
        new = replace(seen, **wanted, updated=self._now())
        if name == by and new.roles != seen.roles:
            raise Refused("不得修改自己的角色", "nobody changes his own roles", 403)
        if rules.is_admin(seen):
            rules.require_admin_left(new if row is seen else row for row in rows)
        changed = {key: value for key, value in wanted.items() if value != getattr(seen, key)}
        if not changed:
            return
        store.replace(session, seen, new)
        if changed.keys() != {"title"}:
            store.end_all(session, name)
        if "roles" in changed:
            changed["roles_before"] = seen.roles
        if "title" in changed:
            changed["title"] = "changed"  # people's names stay out of the log
        self._note(session, "account.changed", by, account=name, **changed)

    def reset(self, name: str, by: str) -> str:
        """A one-time password in place of the old one, also where the account is locked; its sessions end."""
        if name == by:
            raise Refused("自己的口令请在“本人”页面修改", "change your own password on your own page", 403)
        password = passwords.one_time()
        self._work(self._reset, name, passwords.hashed(password), by)
        return password

    def _reset(self, session: WriteSession, name: str, kept: str, by: str) -> None:
        rows = store.hold(session)
        rules.require_admin(rows, by)
        seen, now = rules.named(rows, name), self._now()
        new = replace(
            seen, password=kept, one_time_until=now + _ONE_TIME, failures=0, locked_until=None, updated=now
        )
        store.replace(session, seen, new)
        store.end_all(session, name)
        self._note(session, "account.reset", by, account=name)

    def list(self) -> Sequence[Account]:
        """All of them, by name."""
        now = self._now()
        return [account_of(row, now) for row in self._ask(store.accounts)]

    # The store

    def _ask(self, question: Callable[..., T], *values: Any) -> T:
        with open_reader(self._configuration.gateway.store) as reader:
            return reader.ask(question, *values)

    def _work(self, do: Callable[..., T], *values: Any) -> T:
        with open_clerk(self._configuration.gateway.store) as clerk:
            return clerk.work(do, *values)

    def _note(self, session: WriteSession, event: str, by: str | None, **detail: str | int) -> None:
        """Puts it on record, in the same transaction."""
        actor = by if by is None or ":" in by else f"console:{by}"
        session.add_audit([journal_of(self._configuration).entry(event, actor=actor, detail=detail)])


def _hash(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
