"""The `gateway` command. Heavy parts are imported inside the commands: `--help` is to be quick."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from gateway.cli import (
    audit,
    batch,
    check,
    codes,
    console,
    feed,
    keys,
    levy,
    mapping,
    message,
    partner,
    payment,
    people,
    run,
    users,
)
from gateway.cli.output import Exit, report

_HELP = """通衢：医保经办机构集成网关。

Tongqu: the integration gateway of medical-insurance agencies.

从这里开始 / Start here:

  gateway check --config config     检查配置 / check the configuration

  gateway run --config config       运行 / run

  gateway message find              看看来了什么 / see what came in

退出码 / Exit codes: 0 成功 ok · 1 发现问题 problem found · 2 用法错误 usage · 3 暂不可用 unavailable"""


class _Guarded(TyperGroup):
    """Turns the errors we raise on purpose into a sentence and an exit code, for every command alike."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except BrokenPipeError:
            # The reader went away (`| head`): nothing more to say, and nothing to say it to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.OK) from None
        except Exception as error:
            code = report(error)
            if code is None:
                raise
            raise typer.Exit(code) from None


app = typer.Typer(
    name="gateway",
    cls=_Guarded,
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals hold payloads
    context_settings={"help_option_names": ["-h", "--help"]},
)
run.add_to(app)
check.add_to(app)
console.add_to(app)
app.add_typer(message.app, name="message")
app.add_typer(audit.app, name="audit")
app.add_typer(partner.app, name="partner")
app.add_typer(mapping.app, name="mapping")
app.add_typer(codes.app, name="codes")
app.add_typer(feed.app, name="feed")
app.add_typer(payment.app, name="payment")
app.add_typer(batch.app, name="batch")
app.add_typer(levy.app, name="levy")
app.add_typer(people.app, name="person")
app.add_typer(keys.app, name="key")
app.add_typer(users.app, name="user")


def main() -> None:
    """Entry point of the console script."""
    app()
