"""The entries of the main menu: what the visitor may open, and how much waits there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.console.accounts import Visit
from gateway.console.pulse import Snapshot
from gateway.console.roles import Permission
from gateway.console.room import Room

OWN: Final = "/own"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as it stands on a page."""

    path: str
    zh: str
    en: str
    count: int
    current: bool


_ENTRIES: Final[tuple[tuple[Permission, str, str, str], ...]] = (
    (Permission.SEE, "/", "总览", "Overview"),
    (Permission.SEE, "/partners", "伙伴", "Partners"),
    (Permission.SEE, "/messages", "报文", "Messages"),
    (Permission.SEE, "/tasks", "待办", "Work"),
    (Permission.SEE, "/proposals", "待复核", "Proposals"),
    (Permission.PAYMENTS, "/payments", "支付", "Payments"),
    (Permission.PAYMENTS, "/levies", "征缴", "Levies"),
    (Permission.AUDIT, "/audit", "审计", "Audit"),
    (Permission.ACCOUNTS, "/accounts", "账号", "Accounts"),
)

_COUNTS: Final[dict[str, Callable[[Snapshot], int]]] = {
    "/tasks": lambda now: now.work,
    "/proposals": lambda now: now.proposals,
}


def entries(visit: Visit | None, room: Room, here: str) -> list[Entry]:
    """What the visitor may open; nobody sees nothing."""
    if visit is None or not visit.permissions:
        return []
    now = room.pulse.now()
    return [
        Entry(path, zh, en, _COUNTS[path](now) if path in _COUNTS else 0, _within(here, path))
        for permission, path, zh, en in _ENTRIES
        if permission in visit.permissions
    ]


def home(visit: Visit | None) -> str:
    """Where a visitor begins: the first page open to him."""
    if visit is None:
        return "/sign-in"
    return next((path for permission, path, *_ in _ENTRIES if permission in visit.permissions), OWN)


def _within(here: str, path: str) -> bool:
    return here == path or (path != "/" and here.startswith(f"{path}/"))
