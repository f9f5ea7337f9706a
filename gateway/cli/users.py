"""`user`: accounts of the console, from the command line; also where nobody can sign in any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, say, table
from gateway.cli.person import actor
from gateway.desk.words import moment

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.console.accounts import Account, Accounts
    from gateway.console.roles import Role

app = typer.Typer(
    help="控制台账号：新增、查看、修改、重置口令。 / Accounts of the console: add, list, change, reset.",
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="用户名 / the account's name")]
_ROLES = (
    "角色，逗号分隔：viewer 查看、operator 运维、settlement-officer 结算经办、approver 复核、auditor 审计、security-admin"
    " 安全管理；后两个不得兼任 / roles, separated by commas; auditor and security-admin go with no other"
)


@app.command("list")
def list_(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """全部账号。 / All accounts."""
    found = _accounts(config).list()
    if as_json:
        print_json([_facts(account) for account in found])
        return
    head = ("用户名 name", "姓名 title", "角色 roles", "状态 state", "上次登录 last sign-in")
    table(head, [_row(account) for account in found])


@app.command()
def add(
    name: NameArgument,
    title: Annotated[str, typer.Option("--title", help="姓名或岗位 / who that is, or what for")],
    roles: Annotated[str, typer.Option("--roles", help=_ROLES)],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """新增账号；一次性口令只显示这一次，首次登录须修改。 / Add an account; its one-time password is shown this once."""
    wanted = _roles(roles)
    _show(name, _accounts(config).add(name, title, wanted, actor()), as_json=as_json)


@app.command()
def change(
    name: NameArgument,
    title: Annotated[
        str | None, typer.Option("--title", help="姓名或岗位 / who that is, or what for")
    ] = None,
    roles: Annotated[str | None, typer.Option("--roles", help=_ROLES)] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="停用或启用 / may sign in no more, or again")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """修改姓名、角色，停用或启用；改角色或停用时该账号立即退出登录。 / Change what is given; new roles or --disable sign it out."""
    if title is None and roles is None and disabled is None:
        raise typer.BadParameter("--title、--roles、--disable/--enable", param_hint="NAME")
    wanted = None if roles is None else _roles(roles)
    accounts = _accounts(config)
    accounts.change(name, title=title, roles=wanted, disabled=disabled, by=actor())
    if as_json:
        print_json(next(_facts(account) for account in accounts.list() if account.name == name))
    else:
        say(f"已修改 {name}", f"{name} is changed")


@app.command()
def reset(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """重置口令并解除锁定；一次性口令只显示这一次。 / A new one-time password, shown this once; also lifts a lock."""
    _show(name, _accounts(config).reset(name, actor()), as_json=as_json)


def _accounts(config: Path) -> Accounts:
    from gateway.console.accounts import Accounts  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415

    return Accounts(load(config))


def _roles(text: str) -> frozenset[Role]:
    from gateway.console.roles import Role  # noqa: PLC0415

    try:
        return frozenset(Role(part.strip()) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(", ".join(Role), param_hint="--roles") from None


def _show(name: str, password: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "password": password})
        return
    say(
        f"{name} 的一次性口令，只显示这一次，登录后须修改：",
        f"one-time password of {name}, shown this once, to be changed:",
    )
    say(password)


def _facts(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "title": account.title,
        "roles": sorted(account.roles),
        "disabled": account.disabled,
        "one_time_until": account.one_time_until,
        "locked_until": account.locked_until,
        "created": account.created,
        "last_sign_in": account.last_sign_in,
    }


def _row(account: Account) -> tuple[str, ...]:
    from gateway.console.roles import TITLES  # noqa: PLC0415

    roles = " ".join(f"{TITLES[role][0]} {role}" for role in sorted(account.roles))
    return (account.name, account.title, roles, _state(account), moment(account.last_sign_in))


def _state(account: Account) -> str:
    if account.disabled:
        return "停用 disabled"
    if account.locked_until is not None:
        return f"锁定至 locked until {moment(account.locked_until)}"
    if account.one_time_until is not None:
        return f"一次性口令，有效至 one-time password until {moment(account.one_time_until)}"
    return "正常 ok"
