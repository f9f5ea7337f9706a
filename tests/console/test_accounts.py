"""Who may sign in and who is signed in: the rules, what is on record, and what people do at the same time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.audit import decode
from gateway.audit.entry import Entry
from gateway.console import passwords
from gateway.console.accounts import Account, Accounts, Visit
from gateway.console.refusals import Refused
from gateway.console.roles import Permission, Role
from gateway.engine.config import Configuration, load
from gateway.engine.journal import Journal
from gateway.store import (
    Moved,
    SqlStore,
    StoreSettings,
    UnitRefused,
    console_accounts,
    open_clerk,
    open_reader,
)
from gateway.store.api import AuditRow
from gateway.store.session import Session, WriteSession
from tests.config import support
from tests.store.conftest import postgresql_settings, settings, sqlite_settings, store  # noqa: F401

MINUTE = 60_000
ROOT = "os:root"
GOOD = "correct horse battery"
OTHER = "卫生院门口的三棵老银杏树 77"
PEER = "192.0.2.7"


class World:
    """Accounts over a store, with a clock that is set by hand."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.now = 1_800_000_000_000
        self.accounts = Accounts(configuration, lambda: self.now)

    def person(self, name: str, *roles: Role, password: str = GOOD) -> str:
        """A session of a new account that has a password of its own."""
        first = self.accounts.add(name, f"示例{name}", roles or (Role.OPERATOR,), ROOT)
        token = self.accounts.sign_in(name, first, PEER)
        self.accounts.change_password(name, first, password, token)
        return token

    def account(self, name: str) -> Account:
        return next(account for account in self.accounts.list() if account.name == name)

    def visit(self, token: str) -> Visit:
        visit = self.accounts.visit(token)
        assert visit is not None
        return visit

    def wrong(self, name: str, password: str = "certainly not this one") -> Refused:
        with pytest.raises(Refused) as caught:
            self.accounts.sign_in(name, password, PEER)
        return caught.value

    def entries(self) -> list[Entry]:
        """The audit entries so far, in order."""
        with open_reader(self.configuration.gateway.store) as reader:
            return reader.ask(_entries)

    def last(self) -> tuple[str, str | None, dict[str, Any] | None]:
        entry = self.entries()[-1]
        return entry.event, entry.actor, entry.detail


def _entries(session: Session) -> list[Entry]:
    return [decode(bytes(entry)) for (entry,) in session.rows("SELECT entry FROM audit ORDER BY n")]


@pytest.fixture
def world(
    store: SqlStore,  # noqa: F811
    settings: StoreSettings,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_passwords: None,
) -> World:
    support.install(monkeypatch)
    for name, value in support.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    loaded = load(support.write(tmp_path / "config"))
    return World(dataclasses.replace(loaded, gateway=loaded.gateway.model_copy(update={"store": settings})))


# The first account


def test_the_first_account_makes_the_others(world: World) -> None:
    first = world.accounts.first(ROOT)
    assert first is not None
    name, password = first
    assert world.last() == ("account.added", ROOT, {"account": "admin", "roles": "security-admin"})
    assert world.accounts.first(ROOT) is None
    token = world.accounts.sign_in(name, password, PEER)
    assert world.visit(token).permissions == frozenset(), "nothing before the password is changed"
    world.accounts.change_password(name, password, GOOD, token)
    assert world.visit(token).permissions == {Permission.ACCOUNTS}
    given = world.accounts.add("wang", "王", {Role.OPERATOR}, name)
    assert world.last() == ("account.added", "console:admin", {"account": "wang", "roles": "operator"})
    assert given.encode() not in b"".join(
        entry.event.encode() + repr(entry).encode() for entry in world.entries()
    )


def test_consoles_that_start_at_once_make_one_first_account(world: World) -> None:
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: world.accounts.first(ROOT), range(3)))
    assert sum(one is not None for one in made) == 1
    [(name, password)] = [one for one in made if one is not None]
    world.accounts.sign_in(name, password, PEER)
    assert [account.name for account in world.accounts.list()] == ["admin"]


# Signing in


def test_a_session(world: World) -> None:
    token = world.person("wang", Role.OPERATOR, Role.APPROVER)
    visit = world.visit(token)
    assert (visit.name, visit.title, visit.language) == ("wang", "示例wang", "zh")
    assert visit.permissions >= {Permission.DECIDE, Permission.APPROVE}
    assert len(visit.csrf) >= 40
    assert visit.csrf != token
    assert world.account("wang").last_sign_in == world.now
    events = [(entry.event, entry.actor, entry.detail) for entry in world.entries()[-2:]]
    assert events == [
        ("console.signed-in", "console:wang", {"peer": PEER}),
        ("account.password-changed", "console:wang", {}),
    ]
    assert world.accounts.visit(token + "x") is None
    assert world.accounts.visit("") is None
    assert world.accounts.visit("\udcff") is None


def test_the_store_has_neither_token_nor_password(world: World) -> None:
    token = world.person("wang")

    def everything(session: Session) -> str:
        return repr([session.rows(f"SELECT * FROM console_{table}") for table in ("accounts", "sessions")])

    with open_reader(world.configuration.gateway.store) as reader:
        kept = reader.ask(everything)
    assert token not in kept
    assert GOOD not in kept
    assert "$argon2id$v=19$" in kept


def test_names_are_taken_as_people_type_them(world: World) -> None:
    world.person("wang")
    assert world.visit(world.accounts.sign_in(" Wang ", GOOD, PEER)).name == "wang"


def test_one_text_for_every_cause(world: World) -> None:
    """Who tries names learns nothing: not from a lock, either."""
    world.person("wang")
    world.person("gone")
    world.accounts.change("gone", disabled=True, by=ROOT)
    told = {
        world.wrong("nobody").zh,
        world.wrong("wang").zh,
        world.wrong("gone", GOOD).zh,
        world.wrong("x\x00'").zh,
    }
    for _ in range(6):
        told |= {world.wrong("wang").zh, world.wrong("nobody").zh}
    told.add(world.wrong("wang", GOOD).zh)
    [text] = told
    assert "锁定 15 分钟" in text
    causes = [
        (entry.actor, (entry.detail or {})["cause"])
        for entry in world.entries()
        if entry.event == "console.refused"
    ]
    assert causes[:4] == [
        (None, "no such account"),
        ("console:wang", "wrong password"),
        ("console:gone", "disabled"),
        (None, "no such account"),
    ]
    assert causes[-1] == ("console:wang", "locked")


def test_what_was_typed_as_a_name_is_not_kept(world: World) -> None:
    """People type their password, or an identity number, into the wrong field."""
    world.wrong("110101199001010015")
    event, actor, detail = world.last()
    assert (event, actor, detail) == ("console.refused", None, {"cause": "no such account", "peer": PEER})


def test_five_failures_lock_for_a_quarter_of_an_hour(world: World) -> None:
    token = world.person("wang")
    for _ in range(4):
        world.wrong("wang")
    world.accounts.sign_in("wang", GOOD, PEER)
    for _ in range(5):
        world.wrong("wang")
    assert (world.last()[2] or {})["locked_until"] == "2027-01-15T08:15:00+00:00"
    until = world.account("wang").locked_until
    assert until == world.now + 15 * MINUTE
    assert world.accounts.visit(token) is not None, "who is in stays in: others must not throw people out"
    world.now = until - 1
    world.wrong("wang", GOOD)
    assert world.account("wang").locked_until == until, "trying does not make it longer"
    world.now = until
    world.accounts.sign_in("wang", GOOD, PEER)
    assert world.account("wang").locked_until is None


def test_guesses_at_once_are_all_counted(world: World) -> None:
    world.person("wang")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: world.wrong("wang"), range(12)))
    causes = [(entry.detail or {})["cause"] for entry in world.entries() if entry.event == "console.refused"]
    assert sorted(causes) == ["locked"] * 7 + ["wrong password"] * 5


def test_two_sign_ins_at_once_are_two_sessions(world: World) -> None:
    world.person("wang")
    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(lambda _: world.accounts.sign_in("wang", GOOD, PEER), range(4)))
    assert len({world.visit(token).csrf for token in tokens}) == 4


def test_an_old_password_does_not_come_in_after_a_change(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compared, then changed by somebody else, then committed."""
    world.person("wang")
    compare = passwords.matches

    def slow(kept: str | None, password: str) -> bool:
        right = compare(kept, password)
        world.accounts.reset("wang", ROOT)
        return right

    with monkeypatch.context() as patch:
        patch.setattr(passwords, "matches", slow)
        world.wrong("wang", GOOD)
    world.wrong("wang", GOOD)


# Sessions


def test_a_session_slides_and_ends(world: World) -> None:
    token = world.person("wang")
    begun = world.now
    world.now += 29 * MINUTE
    assert world.visit(token).expires == world.now + 30 * MINUTE
    world.now += 30 * MINUTE
    assert world.accounts.visit(token) is None, "half an hour without a click"
    token = world.accounts.sign_in("wang", GOOD, PEER)
    begun = world.now
    while world.accounts.visit(token) is not None:
        world.now += 20 * MINUTE
    assert world.now - begun == 12 * 60 * MINUTE, "twelve hours, however busy"


def test_what_a_page_asks_by_itself_keeps_nobody_in(world: World) -> None:
    token = world.person("wang")
    for _ in range(29):
        world.now += MINUTE
        assert world.accounts.visit(token, sliding=False) is not None
    world.now += MINUTE
    assert world.accounts.visit(token) is None


def test_clicks_write_once_a_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.person("wang")
    written = []
    prolong = console_accounts.prolong

    def counted(*arguments: Any) -> None:
        written.append(world.now)
        prolong(*arguments)

    monkeypatch.setattr(console_accounts, "prolong", counted)
    for _ in range(300):
        world.now += 1_000
        world.visit(token)
    assert len(written) == 5


def test_looking_goes_on_where_nothing_can_be_written(world: World) -> None:
    token = world.person("wang")
    path = world.configuration.gateway.store.sqlite_path
    if path is None:
        pytest.skip("PostgreSQL locks rows, not the database")
    impatient = world.configuration.gateway.store.model_copy(update={"busy_timeout": 0.1})
    gateway = world.configuration.gateway.model_copy(update={"store": impatient})
    accounts = Accounts(dataclasses.replace(world.configuration, gateway=gateway), lambda: world.now)
    world.now += 2 * MINUTE

    def meanwhile(session: WriteSession) -> Visit | None:
        return accounts.visit(token)

    with open_clerk(world.configuration.gateway.store) as clerk:
        visit = clerk.work(meanwhile)
    assert visit is not None
    assert visit.expires == world.now + 28 * MINUTE


def test_signing_out(world: World) -> None:
    token, other = world.person("wang"), world.accounts.sign_in("wang", GOOD, PEER)
    world.accounts.sign_out(token)
    assert world.last() == ("console.signed-out", "console:wang", {})
    assert world.accounts.visit(token) is None
    assert world.accounts.visit(other) is not None
    before = len(world.entries())
    world.accounts.sign_out(token)
    world.accounts.sign_out("nothing")
    assert len(world.entries()) == before


def test_the_language_is_the_sessions(world: World) -> None:
    token, other = world.person("wang"), world.accounts.sign_in("wang", GOOD, PEER)
    world.accounts.set_language(token, "en")
    assert (world.visit(token).language, world.visit(other).language) == ("en", "zh")
    with pytest.raises(Refused):
        world.accounts.set_language(token, "de")


# One's own password


def test_a_new_password_ends_the_other_sessions(world: World) -> None:
    token, other = world.person("wang"), world.accounts.sign_in("wang", GOOD, PEER)
    world.accounts.change_password("wang", GOOD, OTHER, token)
    assert world.last() == ("account.password-changed", "console:wang", {})
    assert world.accounts.visit(token) is not None
    assert world.accounts.visit(other) is None
    world.wrong("wang", GOOD)
    world.accounts.sign_in("wang", OTHER, PEER)


def test_the_old_password_is_guessed_no_more_often_there(world: World) -> None:
    """Who finds an open browser must not try for the password in it."""
    token = world.person("wang")
    for _ in range(5):
        with pytest.raises(Refused, match="old password"):
            world.accounts.change_password("wang", "certainly not this one", OTHER, token)
    event, actor, detail = world.last()
    assert (event, actor, (detail or {})["cause"]) == (
        "console.refused",
        "console:wang",
        "wrong old password",
    )
    with pytest.raises(Refused, match="locked"):
        world.accounts.change_password("wang", GOOD, OTHER, token)
    world.wrong("wang", GOOD)


@pytest.mark.parametrize("new", ["short", "as-guessed"])
def test_a_new_password_that_is_none_tells_nothing_of_the_old_one(world: World, new: str) -> None:
    """Nor does it get around the lock, where what is said would depend on whether the guess was right."""
    token = world.person("wang")
    said = set()
    for guess in (GOOD, "certainly not this one"):
        with pytest.raises(Refused) as refused:
            world.accounts.change_password("wang", guess, guess if new == "as-guessed" else new, token)
        said.add((refused.value.en, refused.value.status))
    assert len(said) == 1


def test_the_new_one_is_another_and_a_good_one(world: World) -> None:
    token = world.person("wang")
    for new in (GOOD, "short", "wangwangwang"):
        with pytest.raises(Refused):
            world.accounts.change_password("wang", GOOD, new, token)
    world.accounts.sign_in("wang", GOOD, PEER)


def test_a_password_changed_meanwhile_is_not_overwritten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.person("wang")
    hashed = passwords.hashed

    def slow(password: str) -> str:
        monkeypatch.undo()
        world.accounts.reset("wang", ROOT)
        return hashed(password)

    monkeypatch.setattr(passwords, "hashed", slow)
    with pytest.raises(Moved):
        world.accounts.change_password("wang", GOOD, OTHER, token)
    world.wrong("wang", OTHER)


# Who gives out accounts


@pytest.fixture
def admin(world: World) -> str:
    world.person("chief", Role.SECURITY_ADMIN)
    return "chief"


@pytest.mark.parametrize(
    "name", ["", "a", "Wang", "王", "1wang", "wang li", "w" * 33, "a-110101199001010015", "a\n"]
)
def test_bad_names(world: World, admin: str, name: str) -> None:
    with pytest.raises(Refused) as caught:
        world.accounts.add(name, "某人", {Role.VIEWER}, admin)
    assert caught.value.status == 400


@pytest.mark.parametrize("title", ["", "  ", "a\nb", "王" * 41, "110101199001010015"])
def test_bad_titles(world: World, admin: str, title: str) -> None:
    with pytest.raises(Refused):
        world.accounts.add("wang", title, {Role.VIEWER}, admin)


def test_roles_that_go_together(world: World, admin: str) -> None:
    for roles in ((), (Role.AUDITOR, Role.VIEWER), (Role.SECURITY_ADMIN, Role.OPERATOR)):
        with pytest.raises(Refused):
            world.accounts.add("wang", "王", roles, admin)
    world.accounts.add("wang", "王", {Role.OPERATOR, Role.APPROVER}, admin)
    with pytest.raises(Refused):
        world.accounts.change("wang", roles={Role.AUDITOR, Role.OPERATOR}, by=admin)
    with pytest.raises(Refused, match="there is an account"):
        world.accounts.add("wang", "王", {Role.VIEWER}, admin)
    assert world.account("wang").roles == {Role.OPERATOR, Role.APPROVER}


def test_changed_roles_sign_out_and_are_on_record(world: World, admin: str) -> None:
    token = world.person("wang")
    world.accounts.change("wang", title="王（运维）", by=admin)
    assert world.visit(token).title == "王（运维）", "a title changes nothing else"
    assert world.last() == ("account.changed", "console:chief", {"account": "wang", "title": "changed"})
    world.accounts.change("wang", roles={Role.APPROVER}, by=admin)
    assert world.accounts.visit(token) is None
    assert world.last() == (
        "account.changed",
        "console:chief",
        {"account": "wang", "roles": "approver", "roles_before": "operator"},
    )
    before = len(world.entries())
    world.accounts.change("wang", roles={Role.APPROVER}, disabled=False, by=admin)
    assert len(world.entries()) == before, "nothing was changed"


def test_disabled_and_enabled(world: World, admin: str) -> None:
    token = world.person("wang")
    world.accounts.change("wang", disabled=True, by=admin)
    assert world.accounts.visit(token) is None
    world.wrong("wang", GOOD)
    world.accounts.change("wang", disabled=False, by=admin)
    assert world.accounts.visit(token) is None
    world.accounts.sign_in("wang", GOOD, PEER)


def test_reset_gives_a_one_time_password_and_lifts_a_lock(world: World, admin: str) -> None:
    token = world.person("wang")
    for _ in range(5):
        world.wrong("wang")
    password = world.accounts.reset("wang", admin)
    assert world.last() == ("account.reset", "console:chief", {"account": "wang"})
    assert world.accounts.visit(token) is None
    assert world.account("wang").must_change
    assert world.visit(world.accounts.sign_in("wang", password, PEER)).permissions == frozenset()
    world.accounts.reset("wang", ROOT)
    assert world.last() == ("account.reset", ROOT, {"account": "wang"})


def test_a_one_time_password_is_not_one_for_ever(world: World, admin: str) -> None:
    first = world.accounts.add("wang", "王", {Role.VIEWER}, admin)
    until = world.account("wang").one_time_until
    assert until == world.now + 8 * 24 * 60 * MINUTE
    world.now = until
    world.wrong("wang", first)
    assert world.last()[2] == {"cause": "one-time password over", "peer": PEER}
    again = world.accounts.reset("wang", admin)
    world.accounts.sign_in("wang", again, PEER)


def test_nobody_gives_himself_anything(world: World, admin: str) -> None:
    world.person("second", Role.SECURITY_ADMIN)
    with pytest.raises(Refused, match="own roles"):
        world.accounts.change(admin, roles={Role.OPERATOR}, by=admin)
    with pytest.raises(Refused, match="own page"):
        world.accounts.reset(admin, admin)
    assert world.account(admin).roles == {Role.SECURITY_ADMIN}


def test_only_security_administrators_change_accounts(world: World, admin: str) -> None:
    """Also where the page has let somebody through who is one no more."""
    world.person("wang")
    world.person("second", Role.SECURITY_ADMIN)
    world.accounts.change("second", disabled=True, by=admin)
    acts: list[Callable[[str], object]] = [
        lambda by: world.accounts.add("new", "新", {Role.VIEWER}, by),
        lambda by: world.accounts.change("wang", disabled=True, by=by),
        lambda by: world.accounts.reset("wang", by),
    ]
    before = len(world.entries())
    for by in ("wang", "second", "nobody", ""):
        for act in acts:
            with pytest.raises(Refused) as caught:
                act(by)
            assert caught.value.status in (403, 404)
    assert len(world.entries()) == before
    with pytest.raises(Refused, match="no such account"):
        world.accounts.change("nobody", disabled=True, by=admin)


@pytest.mark.parametrize("by", ["chief", ROOT])
def test_the_last_administrator_stays(world: World, admin: str, by: str) -> None:
    with pytest.raises(Refused, match="last security administrator"):
        world.accounts.change(admin, disabled=True, by=by)
    if by == ROOT:
        with pytest.raises(Refused, match="last security administrator"):
            world.accounts.change(admin, roles={Role.VIEWER}, by=by)
    assert not world.account(admin).disabled


def test_two_administrators_dismiss_each_other(world: World, admin: str) -> None:
    """At the same moment: one of them is left."""
    world.person("second", Role.SECURITY_ADMIN)
    for _ in range(5):
        at_once = Barrier(2)

        def dismiss(pair: tuple[str, str], at_once: Barrier = at_once) -> bool:
            by, name = pair
            at_once.wait()
            try:
                world.accounts.change(name, disabled=True, by=by)
            except Refused:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(dismiss, [(admin, "second"), ("second", admin)]))
        assert sorted(done) == [False, True]
        for account in world.accounts.list():
            world.accounts.change(account.name, disabled=False, by=ROOT)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["a-1", "a-2", "a-3", ROOT]),
        st.sampled_from(["a-1", "a-2", "a-3"]),
        st.sampled_from([None, {Role.SECURITY_ADMIN}, {Role.OPERATOR}, {Role.AUDITOR}]),
        st.sampled_from([None, True, False]),
    ),
    max_size=12,
)


def test_somebody_can_always_give_out_accounts(world: World) -> None:
    for name in ("a-1", "a-2", "a-3"):
        world.accounts.add(name, name, {Role.SECURITY_ADMIN}, ROOT)

    @given(ACTS)
    @examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def law(acts: list[tuple[str, str, set[Role] | None, bool | None]]) -> None:
        for by, name, roles, disabled in acts:
            before = {account.name: account for account in world.accounts.list()}
            try:
                world.accounts.change(name, roles=roles, disabled=disabled, by=by)
            except Refused:
                assert {account.name: account for account in world.accounts.list()} == before
            after = {account.name: account for account in world.accounts.list()}
            assert any(Permission.ACCOUNTS in one.permissions and not one.disabled for one in after.values())
            if after != before:
                assert by == ROOT or (
                    Permission.ACCOUNTS in before[by].permissions and not before[by].disabled
                )
            if by == name:
                assert after[name].roles == before[name].roles

    law()


# On record, or not done


def test_what_cannot_be_put_on_record_is_not_done(
    world: World, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.person("wang")
    before, entries = world.accounts.list(), world.entries()
    acts: list[Callable[[], object]] = [
        lambda: world.accounts.sign_in("wang", GOOD, PEER),
        lambda: world.accounts.sign_in("wang", "certainly not this one", PEER),
        lambda: world.accounts.sign_out(token),
        lambda: world.accounts.change_password("wang", GOOD, OTHER, token),
        lambda: world.accounts.add("new", "新", {Role.VIEWER}, admin),
        lambda: world.accounts.change("wang", disabled=True, by=admin),
        lambda: world.accounts.reset("wang", admin),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "entry", lambda *_, **__: AuditRow("id", None, None))  # type: ignore[arg-type]
        for act in acts:
            with pytest.raises(UnitRefused):
                act()
    assert (world.accounts.list(), world.entries()) == (before, entries)
    assert world.visit(token).name == "wang"
