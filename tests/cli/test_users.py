"""`user`: accounts of the console from the command line, without the console."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.audit import decode
from gateway.cli.person import actor
from gateway.console.accounts import Accounts
from gateway.console.refusals import Refused
from gateway.store import open_reader
from gateway.store.session import Session
from tests.cli.conftest import Stocked
from tests.cli.test_commands import _json, _run

WANG = ("user", "add", "wang", "--title", "王（运维）", "--roles", "operator,approver")


def _last(stocked: Stocked) -> tuple[str, str | None, dict[str, Any] | None]:
    def entries(session: Session) -> list[Any]:
        return session.rows("SELECT entry FROM audit ORDER BY n DESC LIMIT 1")

    with open_reader(stocked.configuration.gateway.store) as reader:
        [(entry,)] = reader.ask(entries)
    last = decode(bytes(entry))
    return last.event, last.actor, last.detail


def test_from_the_first_to_the_last(stocked: Stocked) -> None:
    at = ("-c", stocked.folder)
    added = _json(*WANG, *at)
    assert _last(stocked) == ("account.added", actor(), {"account": "wang", "roles": "approver,operator"})
    accounts = Accounts(stocked.configuration)
    token = accounts.sign_in("wang", added["password"], "test")
    [wang] = _json("user", "list", *at)
    assert (wang["name"], wang["roles"]) == ("wang", ["approver", "operator"])
    assert wang["one_time_until"] > wang["last_sign_in"]

    changed = _json("user", "change", "wang", "--roles", "viewer", "--disable", *at)
    assert (changed["roles"], changed["disabled"]) == (["viewer"], True)
    assert accounts.visit(token) is None
    assert "停用 disabled" in _run("user", "list", *at).output
    _run("user", "change", "wang", "--enable", *at)

    shown = _run("user", "reset", "wang", *at).output
    assert added["password"] not in shown
    password = shown.splitlines()[-1]
    accounts.sign_in("wang", password, "test")
    listed = _run("user", "list", *at).output
    assert "王（运维）" in listed
    assert "查看 viewer" in listed
    assert password not in listed


def test_a_lock_is_shown_and_lifted(stocked: Stocked) -> None:
    at = ("-c", stocked.folder)
    _run(*WANG, *at)
    for _ in range(5):
        with pytest.raises(Refused, match="locked"):
            Accounts(stocked.configuration).sign_in("wang", "wrong", "test")
    assert "锁定至 locked until 20" in _run("user", "list", *at).output
    _run("user", "reset", "wang", *at)
    assert "一次性口令，有效至 one-time password until 20" in _run("user", "list", *at).output


def test_what_is_refused(stocked: Stocked) -> None:
    at = ("-c", stocked.folder)
    assert "admin" in _run("user", "add", "wang", "--title", "王", "--roles", "root", *at, code=2).output
    _run("user", "change", "wang", *at, code=2)
    assert "没有这个账号" in _run("user", "reset", "wang", *at, code=1).output
    text = _run("user", "add", "wang", "--title", "王", "--roles", "auditor,operator", *at, code=1).output
    assert "不得与其他角色兼任" in text
    _run(*WANG, *at)
    assert "已有账号 wang" in _run(*WANG, *at, code=1).output
