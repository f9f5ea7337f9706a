"""What commands print: tables for people, JSON for programs, and one way to fail."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer


class Exit(enum.IntEnum):
    """Exit codes; 2 is also what the option parser uses."""

    OK = 0
    PROBLEM = 1
    USAGE = 2
    UNAVAILABLE = 3


ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config", "-c", help="配置目录，含 gateway.yaml / folder with gateway.yaml", envvar="GATEWAY_CONFIG"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON，供程序使用 / JSON for programs")]
DEFAULT_CONFIG = Path("config")
_WIDE = 200  #: columns where nobody's terminal sets the limit, as in a pipe


def say(zh: str, en: str = "") -> None:
    """One line for people."""
    sys.stdout.write(f"{zh} / {en}\n" if en else f"{zh}\n")


def complain(zh: str, en: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"{zh} / {en}\n")


def fail(code: Exit, zh: str, en: str) -> typer.Exit:
    """Says why and gives the exit to raise."""
    complain(zh, en)
    return typer.Exit(code)


def print_json(value: Any) -> None:
    """For programs: UTF-8, one document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """For people. Ids are never cut: they are to be copied."""
    from rich.console import Console  # noqa: PLC0415  not needed for `--json`
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column.endswith((" id", " name")))
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))  # as text: a value must not be taken for markup
    width = None if sys.stdout.isatty() else _WIDE
    Console(highlight=False, width=width).print(made)


def report(error: Exception) -> Exit | None:
    """Prints an error that was raised on purpose; None for one that was not."""
    from gateway.audit.errors import AuditError, LogBusy, NotInLog  # noqa: PLC0415  only when something failed
    from gateway.contract import ConfigError, GatewayError, PartnerDown, Unavailable  # noqa: PLC0415
    from gateway.desk.refused import NotPossible  # noqa: PLC0415

    if isinstance(error, ConfigError):
        _config_error(error)
        return Exit.PROBLEM
    if isinstance(error, NotPossible):
        return _not_possible(error)
    if isinstance(error, GatewayError):
        complain(error.zh, error.en)
        return Exit.UNAVAILABLE if isinstance(error, (Unavailable, PartnerDown)) else Exit.PROBLEM
    if isinstance(error, AuditError):
        complain("审计日志", f"audit log: {error}")
        return Exit.UNAVAILABLE if isinstance(error, (NotInLog, LogBusy)) else Exit.PROBLEM
    if hasattr(error, "zh") and hasattr(error, "en"):  # of the stand-alone verifier, which shares no classes
        complain(error.zh, error.en)
        return Exit.UNAVAILABLE if type(error).__name__ == "CannotCheck" else Exit.PROBLEM
    return None


def _config_error(error: Any) -> None:
    problems = getattr(error, "problems", ())
    for problem in problems:
        complain(
            f"{problem.file}:{problem.line} {problem.path} {problem.zh}", f"{problem.en} [{problem.expected}]"
        )
    if not problems:
        complain(f"{error.file} {error.zh}".strip(), error.en)


def _not_possible(error: Any) -> Exit:
    """Says by which option it would be possible, where there is one."""
    from gateway.desk import refused  # noqa: PLC0415
    from gateway.desk.words import moment  # noqa: PLC0415

    if isinstance(error, refused.NeedsConfirmation):
        complain(f"{error.zh}。确认请加 --confirm", f"{error.en}. To go on add --confirm")
        return Exit.USAGE
    if isinstance(error, refused.SeveralDeliveries):
        named = error.standing
        complain(f"不止一笔投递，请用 --partner 指明：{named}", f"name one by --partner: {named}")
        return Exit.PROBLEM
    if isinstance(error, refused.SeveralMessages):
        for message in error.candidates:
            say(f"{message.id} {moment(message.created)} {message.type}")
    complain(error.zh, error.en)
    return Exit.UNAVAILABLE if isinstance(error, refused.Changed) else Exit.PROBLEM
