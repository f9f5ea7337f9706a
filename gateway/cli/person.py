"""Who acts on this command line, and why: what the audit log is told of it."""

from __future__ import annotations

import os
import pwd
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from gateway.engine.config import Configuration
    from gateway.engine.journal import Journal

_LOGIN: Final = Path("/proc/self/loginuid")
_NOBODY: Final = (1 << 32) - 1  #: nobody signed in: a service, or a container
_LONGEST: Final = 500
#: Numbers are often written in groups: the blanks between digits are left out before looking.
_GAPS: Final = re.compile(r"(?<=\d)[ \u3000]+(?=\d)")


def actor() -> str:
    """The account this program runs under, and who signed in where that is somebody else (`sudo`, `su`).

    The environment is not asked: anybody can set it. The kernel keeps who signed in.
    """
    account, signed_in = _name(os.getuid()), _signed_in()
    return f"os:{account}" if signed_in in (None, account) else f"os:{account} login:{signed_in}"


def _signed_in() -> str | None:
    try:
        uid = int(_LOGIN.read_text("ascii"))
    except (OSError, ValueError):
        return None
    return None if uid == _NOBODY else _name(uid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def checked_reason(text: str) -> str:
    """The reason as it may go into the audit log, which never holds personal data.

    Raises:
        typer.BadParameter: there is none, or it must not be kept.
    """
    from gateway.contract.privacy import mask_text  # noqa: PLC0415

    reason = text.strip()
    if not reason:
        raise typer.BadParameter("须说明原因 / say why", param_hint="--reason")
    if len(reason) > _LONGEST or not reason.isprintable():
        raise typer.BadParameter(
            f"一行文字，至多 {_LONGEST} 个字符 / one line of at most {_LONGEST} characters",
            param_hint="--reason",
        )
    joined = _GAPS.sub("", reason)
    if mask_text(joined) != joined:
        raise typer.BadParameter(
            "原因写入审计日志，不得含证件号、卡号、手机号或 15 位以上的数字 / goes into the audit log: no identity,"
            " card or mobile numbers, no 15 or more digits in a row",
            param_hint="--reason",
        )
    return reason


def journal_of(configuration: Configuration) -> Journal:
    """Makes audit entries of this node."""
    from gateway.canonical import IdSource  # noqa: PLC0415
    from gateway.engine.journal import Journal  # noqa: PLC0415
    from gateway.engine.world import SystemClock  # noqa: PLC0415

    ids = IdSource(lambda: time.time_ns() // 1_000_000, os.urandom)
    return Journal(configuration.gateway.node, ids, SystemClock())


def record(configuration: Configuration, event: str, detail: dict[str, str | int]) -> None:
    """Puts on record what this person does to the gateway as a whole. Before it is done: what nobody could put on record is
    not done.

    Raises:
        gateway.contract.Unavailable: it could not be committed.
    """
    from gateway.store import open_clerk  # noqa: PLC0415
    from gateway.store.api import Record  # noqa: PLC0415

    entry = journal_of(configuration).entry(event, actor=actor(), detail=detail)
    with open_clerk(configuration.gateway.store) as clerk:
        clerk.record(Record((entry,)))
