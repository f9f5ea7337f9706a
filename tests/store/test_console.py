"""Rows of the console, on both databases: what is guarded, what is forgotten, what undoes what."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from msgspec.structs import replace

from gateway.store import Clerk, Moved, SqlStore, StoreSettings, open_clerk, open_reader
from gateway.store import console_accounts as accounts
from gateway.store import console_proposals as proposals
from gateway.store.console_accounts import AccountRow, SessionRow
from gateway.store.console_proposals import ProposedRow
from gateway.store.session import WriteSession

WANG = AccountRow(
    name="wang",
    title="王",
    roles="operator",
    password="kept",
    one_time_until=None,
    created=1,
    updated=1,
)
LI = replace(WANG, name="li", title="李", roles="approver")
HERE = SessionRow(
    token_hash=b"\x00\xffhash", account="wang", csrf="c", language="zh", created=10, seen=10, expires=100
)
PROPOSED = ProposedRow(
    id="p-1",
    message_id="m-1",
    delivery_id="d-1",
    partner="centre",
    operation="claim",
    choice="took-effect",
    reason="电话核实",
    seen_state="in-doubt",
    seen_updated=5,
    seen_next_at=None,
    proposed_by="console:wang",
    proposed_at=6,
)


@pytest.fixture
def clerk(store: SqlStore, settings: StoreSettings) -> Iterator[Clerk]:
    """Beside the running store, whose lock it does not need."""
    with open_clerk(settings) as clerk:
        yield clerk


def test_accounts_are_listed_by_name(clerk: Clerk) -> None:
    clerk.work(accounts.add, WANG)
    clerk.work(accounts.add, LI)
    assert clerk.work(accounts.accounts) == [LI, WANG]
    assert clerk.work(accounts.account, "li") == LI
    assert clerk.work(accounts.account, "nobody") is None


def test_a_name_is_taken_once(clerk: Clerk) -> None:
    clerk.work(accounts.add, WANG)
    with pytest.raises(Moved):
        clerk.work(accounts.add, replace(LI, name="wang"))
    assert clerk.work(accounts.accounts) == [WANG]


def test_what_was_seen_is_replaced_and_nothing_else(clerk: Clerk) -> None:
    clerk.work(accounts.add, WANG)
    clerk.work(accounts.replace, WANG, replace(WANG, roles="viewer", disabled=1))
    found = clerk.work(accounts.account, "wang")
    assert found == replace(WANG, roles="viewer", disabled=1, updated=2), (
        "later, though the clock stood still"
    )
    with pytest.raises(Moved):
        clerk.work(accounts.replace, WANG, replace(WANG, title="another"))
    assert clerk.work(accounts.account, "wang") == found


def test_failures_lock_and_are_counted_anew(clerk: Clerk) -> None:
    clerk.work(accounts.add, WANG)
    assert [clerk.work(accounts.fail, "wang", 50, 3, 90) for _ in range(4)] == [True, True, True, False]
    assert clerk.work(accounts.account, "wang") == replace(WANG, failures=0, locked_until=90)
    assert clerk.work(accounts.fail, "wang", 90, 3, 130), "the lock is over"
    assert clerk.work(accounts.account, "wang") == replace(WANG, failures=1, locked_until=None)
    assert not clerk.work(accounts.fail, "nobody", 90, 3, 130)


def test_a_session_begins_where_nothing_stands_against_it(clerk: Clerk) -> None:
    clerk.work(accounts.add, WANG)
    clerk.work(accounts.fail, "wang", 5, 3, 90)
    clerk.work(accounts.begin, WANG, HERE)
    present = replace(WANG, last_sign_in=10)
    assert clerk.work(accounts.account, "wang") == present
    assert clerk.work(accounts.visit, HERE.token_hash, 99) == (HERE, present)
    assert clerk.work(accounts.visit, HERE.token_hash, 100) is None, "ended"
    assert clerk.work(accounts.visit, b"another", 99) is None


@pytest.mark.parametrize(
    "now", [{"password": "new"}, {"disabled": 1}, {"locked_until": 11}, {"one_time_until": 10}]
)
def test_no_session_begins_where_the_account_has_changed(clerk: Clerk, now: dict[str, object]) -> None:
    clerk.work(accounts.add, replace(WANG, **now))
    with pytest.raises(Moved):
        clerk.work(accounts.begin, WANG, HERE)
    assert clerk.work(accounts.visit, HERE.token_hash, 11) is None


def test_whoever_is_disabled_is_out(clerk: Clerk) -> None:
    clerk.work(accounts.add, WANG)
    clerk.work(accounts.begin, WANG, HERE)
    clerk.work(accounts.replace, WANG, replace(WANG, disabled=1))
    assert clerk.work(accounts.visit, HERE.token_hash, 11) is None


def test_sessions_go_on_and_end(clerk: Clerk) -> None:
    clerk.work(accounts.add, WANG)
    others = [replace(HERE, token_hash=name) for name in (b"1", b"2")]
    for session in (HERE, *others):
        clerk.work(accounts.begin, WANG, session)
    clerk.work(accounts.prolong, b"1", 20, 120)
    clerk.work(accounts.speak, b"1", "en")
    prolonged = replace(others[0], seen=20, expires=120, language="en")
    assert clerk.work(accounts.visit, b"1", 110) == (prolonged, replace(WANG, last_sign_in=10))
    assert clerk.work(accounts.end, b"2")
    assert not clerk.work(accounts.end, b"2")
    clerk.work(accounts.end_all, "wang", b"1")
    assert [clerk.work(accounts.visit, key, 20) is None for key in (HERE.token_hash, b"1")] == [True, False]
    clerk.work(accounts.begin, WANG, replace(HERE, token_hash=b"3", created=120, seen=120, expires=200))
    assert clerk.work(_sessions) == 1, "the ended ones are forgotten"


def _sessions(session: WriteSession) -> int:
    return int(session.rows("SELECT count(*) FROM console_sessions")[0][0])


def test_accounts_that_are_held_are_changed_by_one_at_a_time(
    clerk: Clerk, store: SqlStore, settings: StoreSettings
) -> None:
    """Each turn adds one to what it finds; without the lock some would find the same."""
    clerk.work(accounts.add, WANG)
    clerk.work(accounts.add, LI)
    at_once = Barrier(4)

    def turn(session: WriteSession) -> None:
        for row in accounts.hold(session):
            accounts.replace(session, row, replace(row, failures=row.failures + 1))

    def turns() -> None:
        with open_clerk(settings) as mine:
            at_once.wait()
            for _ in range(25):
                mine.work(turn)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(turns) for _ in range(4)]:
            done.result()
    assert [row.failures for row in clerk.work(accounts.accounts)] == [100, 100]


# Proposals


def test_one_open_proposal_for_a_delivery(clerk: Clerk) -> None:
    clerk.work(proposals.propose, PROPOSED)
    with pytest.raises(Moved):
        clerk.work(proposals.propose, replace(PROPOSED, id="p-2"))
    clerk.work(proposals.propose, replace(PROPOSED, id="p-3", delivery_id="d-2", seen_next_at=7))
    assert [row.id for row in clerk.work(proposals.open_ones)] == ["p-1", "p-3"]
    assert clerk.work(proposals.count_open) == 2
    assert clerk.work(proposals.proposal, "p-1") == PROPOSED
    assert clerk.work(proposals.proposal, "p-2") is None


def test_a_proposal_is_decided_once(clerk: Clerk) -> None:
    clerk.work(proposals.propose, PROPOSED)
    clerk.work(proposals.decide, "p-1", "refused", "console:li", 9, "尚未核实")
    ended = replace(PROPOSED, state="refused", decided_by="console:li", decided_at=9, note="尚未核实")
    for id_ in ("p-1", "nothing"):
        with pytest.raises(Moved):
            clerk.work(proposals.decide, id_, "done", "console:chen", 10)
    assert clerk.work(proposals.open_ones) == []
    assert clerk.work(proposals.decided, 10) == [ended]
    clerk.work(proposals.propose, replace(PROPOSED, id="p-0", delivery_id="d-2"))
    clerk.work(proposals.decide, "p-0", "refused", "console:li", 10)
    assert [row.id for row in clerk.work(proposals.decided, 1)] == ["p-0"]  # by decision, not by proposal
    again = replace(PROPOSED, id="p-2")
    clerk.work(proposals.propose, again)
    assert clerk.work(proposals.of_delivery, "d-1") == [again, ended]


def test_two_who_decide_at_once(clerk: Clerk, settings: StoreSettings) -> None:
    clerk.work(proposals.propose, PROPOSED)
    at_once = Barrier(4)

    def decide(by: str) -> bool:
        with open_clerk(settings) as mine:
            at_once.wait()
            try:
                mine.work(proposals.decide, "p-1", "done", by, 9)
            except Moved:
                return False
            return True

    with ThreadPoolExecutor(4) as pool:
        won = dict(zip("abcd", pool.map(decide, "abcd"), strict=True))
    assert sorted(won.values()) == [False, False, False, True]
    with open_reader(settings) as reader:
        [row] = reader.ask(proposals.decided, 10)
    assert [by for by, done in won.items() if done] == [row.decided_by]
