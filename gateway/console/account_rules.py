"""What an account may be called, may have, and who may change it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from gateway.console.refusals import Refused
from gateway.console.roles import TITLES, Role, compatible
from gateway.contract.privacy import mask_text
from gateway.store.console_accounts import AccountRow

#: Begins with a letter, so that no identity or mobile number becomes a name.
_NAME: Final = re.compile(r"[a-z][a-z0-9.-]{1,31}")
_LONGEST_TITLE: Final = 40


def is_name(name: str) -> bool:
    """Whether an account may have that name."""
    return _NAME.fullmatch(name) is not None and mask_text(name) == name


def check_name(name: str) -> None:
    """
    Raises:
        Refused: accounts are not named so.
    """
    if not is_name(name):
        raise Refused(
            "用户名为 2 至 32 个字符：小写字母开头，其后为小写字母、数字、点、连字符；不得含证件号或手机号",
            "a name has 2 to 32 characters: a lower-case letter, then lower-case letters, digits, dots and hyphens; no"
            " identity or mobile number",
            400,
        )


def checked_title(title: str) -> str:
    """The title without blanks around it.

    Raises:
        Refused: it cannot be shown in a line, or holds what must not be kept.
    """
    kept = title.strip()
    if not kept or len(kept) > _LONGEST_TITLE or not kept.isprintable() or mask_text(kept) != kept:
        raise Refused(
            f"姓名或岗位为一行文字，至多 {_LONGEST_TITLE} 个字符，不得含证件号或手机号",
            f"a title is one line of at most {_LONGEST_TITLE} characters, without identity or mobile numbers",
            400,
        )
    return kept


def check_roles(roles: Collection[Role]) -> None:
    """
    Raises:
        Refused: one account cannot have all of them, or there are none.
    """
    if not roles:
        raise Refused("至少要有一个角色", "an account has at least one role", 400)
    if not compatible(roles):
        auditor, admin = TITLES[Role.AUDITOR], TITLES[Role.SECURITY_ADMIN]
        raise Refused(
            f"{auditor[0]}、{admin[0]}不得与其他角色兼任",
            f"{auditor[1]} and {admin[1]} go with no other role",
            400,
        )


def roles_of(row: AccountRow) -> frozenset[Role]:
    return frozenset(map(Role, row.roles.split(",")))


def written(roles: Iterable[Role]) -> str:
    """As rows have them."""
    return ",".join(sorted(roles))


def named(rows: Sequence[AccountRow], name: str) -> AccountRow:
    """
    Raises:
        Refused: there is no such account.
    """
    for row in rows:
        if row.name == name:
            return row
    raise Refused("没有这个账号", "there is no such account", 404)


def require_admin(rows: Sequence[AccountRow], by: str) -> None:
    """Who changes accounts in the console is a security administrator still, whatever the page has seen. On the command
    line, where `by` has a colon, it is the operating system that says who may.

    Raises:
        Refused: not any more.
    """
    if ":" not in by and not any(is_admin(row) and row.name == by for row in rows):
        raise Refused("没有权限", "not permitted", 403)


def require_admin_left(rows: Iterable[AccountRow]) -> None:
    """
    Raises:
        Refused: nobody would be left who may change accounts.
    """
    if not any(is_admin(row) for row in rows):
        raise Refused(
            "这是最后一个可用的安全管理员：请先另设一个",
            "this is the last security administrator who can sign in: appoint another one first",
        )


def is_admin(row: AccountRow) -> bool:
    return not row.disabled and Role.SECURITY_ADMIN in roles_of(row)


def locked(row: AccountRow, now: int) -> bool:
    """After too many wrong passwords, for a while."""
    return row.locked_until is not None and row.locked_until > now


def why_not(row: AccountRow, now: int) -> str:
    """Why the right password was of no use."""
    if row.disabled:
        return "disabled"
    if locked(row, now):
        return "locked"
    return (
        "password changed"
        if row.one_time_until is None or row.one_time_until > now
        else "one-time password over"
    )
