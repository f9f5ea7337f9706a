"""Who may do what. Roles are given to accounts; pages ask for permissions."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What a page or an act asks for."""

    SEE = "see"  #: everything, masked
    UNMASK = "unmask"  #: personal data, with a reason, audited
    DECIDE = "decide"  #: what waits for a person; where money moves: propose it
    APPROVE = "approve"  #: what somebody else proposed
    TEST = "test"  #: the connection to a partner
    PAYMENTS = "payments"  #: the books of payments and of levies
    AUDIT = "audit"  #: search, verify and prove
    ACCOUNTS = "accounts"  #: who may sign in


class Role(StrEnum):
    """What an account is for."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    SETTLEMENT_OFFICER = "settlement-officer"
    APPROVER = "approver"
    AUDITOR = "auditor"
    SECURITY_ADMIN = "security-admin"


TITLES: Final[dict[Role, tuple[str, str]]] = {
    Role.VIEWER: ("查看", "viewer"),
    Role.OPERATOR: ("运维", "operator"),
    Role.SETTLEMENT_OFFICER: ("结算经办", "settlement officer"),
    Role.APPROVER: ("复核", "approver"),
    Role.AUDITOR: ("审计", "auditor"),
    Role.SECURITY_ADMIN: ("安全管理", "security administrator"),
}

_MAY: Final[dict[Role, frozenset[Permission]]] = {
    Role.VIEWER: frozenset({Permission.SEE}),
    Role.OPERATOR: frozenset({Permission.SEE, Permission.DECIDE, Permission.TEST, Permission.UNMASK}),
    Role.SETTLEMENT_OFFICER: frozenset({Permission.SEE, Permission.PAYMENTS, Permission.UNMASK}),
    Role.APPROVER: frozenset({Permission.SEE, Permission.PAYMENTS, Permission.APPROVE}),
    Role.AUDITOR: frozenset({Permission.SEE, Permission.PAYMENTS, Permission.AUDIT, Permission.UNMASK}),
    Role.SECURITY_ADMIN: frozenset({Permission.ACCOUNTS}),
}

#: Who watches over others changes nothing else; who gives out accounts has none of their powers.
_ALONE: Final = frozenset({Role.AUDITOR, Role.SECURITY_ADMIN})


def permissions(roles: Iterable[Role]) -> frozenset[Permission]:
    """What these roles may do together."""
    return frozenset[Permission]().union(*(_MAY[role] for role in roles))


def compatible(roles: Iterable[Role]) -> bool:
    """Whether one account may have all of them (separation of duties)."""
    held = frozenset(roles)
    return bool(held) and (len(held) == 1 or not held & _ALONE)
