"""The operators' desk: accounts of the console, and what two people decide there about money."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from rich.table import Table
from twisted.internet.threads import deferToThread

from demo.stage import Stage
from demo.visitor import Visitor
from gateway.console.accounts import Accounts
from gateway.console.roles import TITLES, Role
from gateway.engine.config import load
from gateway.store import open_reader
from gateway.store.api import DeliveryRow

if TYPE_CHECKING:  # the day plays this scene
    from demo.day import Day

#: Everybody's at the demonstration, so that a visitor can be each of them.
PASSWORD: Final = "demo-tongqu-990101"
OPERATOR, APPROVER, AUDITOR = "wang", "li", "zhou"
PEOPLE: Final = {
    OPERATOR: ("王运维", {Role.OPERATOR, Role.APPROVER}),  # may approve, but not what he proposed
    APPROVER: ("李复核", {Role.APPROVER}),
    AUDITOR: ("周审计", {Role.AUDITOR}),
    "viewer": ("值班查看", {Role.VIEWER}),
    "admin": ("安全管理员", {Role.SECURITY_ADMIN}),
}
_PATIENCE: Final = 20.0  #: seconds until a page says what it is to say


def admit(stage: Stage) -> None:
    """Makes the accounts, each with its one-time password changed already. Blocks; the store must be there."""
    accounts = Accounts(load(stage.config))
    for name, (title, roles) in PEOPLE.items():
        once = accounts.add(name, title, roles, "os:demo")
        token = accounts.sign_in(name, once, "127.0.0.1")
        accounts.change_password(name, once, PASSWORD, token)
        accounts.sign_out(token)


async def at_the_desk(day: Day) -> None:
    """A settlement that neither a query nor a reversal settled: one person proposes, another one approves."""
    book, stage = day.book, day.stage
    book.scene(
        "控制台：查询、冲正都不能了结的结算，一人提出、另一人复核",
        "the console: what neither query nor reversal settles is proposed by one person, approved by another one",
    )
    stage.fault("reset-before")
    stage.fault("refusal", "2601")
    answer = await day.hospital.upload()
    message = answer.fields.get("message_id", "")
    day.accepted.append(message)
    doubted = await day.until(lambda: _left(day, message))
    book.say("省平台未见此笔，又拒绝冲正：待人工", "not found, and its reversal refused", message_id=message)
    await deferToThread(stage.await_console)
    await deferToThread(_two_people, day, message, doubted)
    await day.until(lambda: _audited(day, message))
    await deferToThread(_auditor, day, message)


def _two_people(day: Day, message: str, doubted: bool) -> None:
    book, delivery = day.book, _delivery(day, message)
    wang = _enter(day, OPERATOR)
    ready = _seen(wang, "/live/overview", "✓ 就绪")
    listed = wang.open("/tasks")
    book.check(
        "总览报告网关就绪，待办列出这一笔",
        "the overview says that the gateway is ready, and the list of work has the delivery",
        doubted and ready and message in listed.text,
        (doubted, ready, listed.url),
    )
    act = f"/tasks/{delivery.id}/no-effect"
    proposed = wang.submit(wang.open(act), act, reason="已与省平台对账，未记账")
    approve = f"{proposed.path}/approve"
    own = wang.submit(proposed, approve)
    untouched = _delivery(day, message).state
    li = _enter(day, APPROVER)
    done = li.submit(li.open(proposed.path), approve, note="对账单一致")
    after = _delivery(day, message).state
    book.say(
        f"{OPERATOR} 提出，{APPROVER} 复核：{untouched} → {after}",
        "proposed and approved",
        page=proposed.path,
    )
    book.note("控制台了结", "一人提出、另一人复核", "无 none", message)
    book.check(
        "涉及资金的处理须两人：提出者自己不能复核",
        "where money moves it takes two: nobody approves what he proposed",
        own.status >= HTTPStatus.BAD_REQUEST
        and (untouched, after) == ("in-doubt", "rejected")
        and done.status == HTTPStatus.OK,
        (own.status, untouched, done.status, after),
    )


def _auditor(day: Day, message: str) -> None:
    zhou = _enter(day, AUDITOR)
    told = zhou.open(f"/audit/messages/{message}")
    zhou.submit(zhou.open("/audit"), "/audit/verify")
    verified = _seen(zhou, "/live/audit/check", "验证通过")
    day.book.check(
        "审计员看到谁提出、谁复核，并在控制台验证整个日志",
        "the auditor sees who proposed and who approved, and verifies the whole log",
        f"console:{OPERATOR}" in told.text and f"console:{APPROVER}" in told.text and verified,
        (told.status, verified),
    )


def invitation(stage: Stage) -> Table:
    """Who can sign in where, for the visitor of the demonstration."""
    table = Table(title=f"\n控制台 / The console: {stage.console}", title_justify="left", header_style="bold")
    for column in ("用户名 name", "角色 roles", "口令 password"):
        table.add_column(column, no_wrap=True)
    for name, (_, roles) in PEOPLE.items():
        table.add_row(name, "、".join(" ".join(TITLES[role]) for role in sorted(roles)), PASSWORD)
    return table


def _enter(day: Day, name: str) -> Visitor:
    visitor = Visitor(day.stage.console)
    visitor.sign_in(name, PASSWORD)
    return visitor


def _seen(visitor: Visitor, path: str, words: str) -> bool:
    """Whether the page says so, at last."""
    end = time.monotonic() + _PATIENCE
    while words not in visitor.open(path).text:
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _delivery(day: Day, message: str) -> DeliveryRow:
    with open_reader(day.stage.settings) as reader:
        [delivery] = reader.deliveries_of(message)
    return delivery


def _left(day: Day, message: str) -> bool:
    """Whether the gateway has left it to a person."""
    delivery = _delivery(day, message)
    return delivery.state == "in-doubt" and delivery.next_at is None


def _audited(day: Day, message: str) -> bool:
    """Whether all that is on record of it has its place in the log."""
    with open_reader(day.stage.settings) as reader:
        return all(index is not None for index, _, _ in reader.audit_of(message))
