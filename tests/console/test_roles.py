"""Separation of duties, as laws over all sets of roles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.console.roles import TITLES, Permission, Role, compatible, permissions

ROLES = st.frozensets(st.sampled_from(Role))
WATCHING = {Permission.SEE, Permission.PAYMENTS, Permission.AUDIT, Permission.UNMASK}


@given(ROLES, ROLES)
def test_roles_add_up(one: frozenset[Role], other: frozenset[Role]) -> None:
    assert permissions(one | other) == permissions(one) | permissions(other)


@given(ROLES, ROLES)
def test_who_may_have_some_roles_may_have_fewer(one: frozenset[Role], other: frozenset[Role]) -> None:
    if compatible(one | other):
        assert not one or compatible(one)


@given(ROLES)
def test_duties_are_separate(roles: frozenset[Role]) -> None:
    if not compatible(roles):
        assert not roles or (len(roles) > 1 and roles & {Role.AUDITOR, Role.SECURITY_ADMIN})
        return
    may = permissions(roles)
    assert may
    if Permission.ACCOUNTS in may:
        assert may == {Permission.ACCOUNTS}, "who gives out accounts does nothing else"
    if Permission.AUDIT in may:
        assert may <= WATCHING, "who watches others changes nothing"


def test_one_role_each() -> None:
    for role in Role:
        assert compatible({role})
        assert permissions({role})
        assert all(TITLES[role])
    assert frozenset[Permission]().union(*(permissions({role}) for role in Role)) == set(Permission)
