"""`console`: the operators' pages."""

from __future__ import annotations

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, say
from gateway.cli.person import actor


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(console)


def console(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """运行控制台（网页）。 / Serve the operators' console.

    与网关并行的独立进程，网关停机时仍可查看；直到 Ctrl-C 或 SIGTERM。首次启动建立账号 admin，其一次性口令只显示一次。

    A process of its own beside the gateway, also while that is down; until Ctrl-C or SIGTERM. Its first start makes the
    account admin, whose one-time password is shown once.

    地址、证书见 gateway.yaml 的 console。 / Address and certificate: `console` in gateway.yaml.
    """
    from gateway.console.accounts import Accounts  # noqa: PLC0415  brings the web framework
    from gateway.console.server import serve  # noqa: PLC0415
    from gateway.engine import config as configurations  # noqa: PLC0415

    configuration = configurations.load(config)
    accounts = Accounts(configuration)
    first = accounts.first(actor())
    if first is not None:
        name, password = first
        say(
            f"首个账号 {name}，一次性口令（只显示这一次）：{password}",
            f"first account {name}, one-time password (shown this once): {password}",
        )

    def opened(address: str) -> None:
        say(f"控制台 {address}  Ctrl-C 停止", f"console at {address}, Ctrl-C ends it")

    raise typer.Exit(serve(configuration, accounts, opened))
