"""Who acts on this command line, and why."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Final

import typer

_LOGIN: Final = Path("/proc/self/loginuid")
_NOBODY: Final = (1 << 32) - 1  #: nobody signed in: a service, or a container


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
    from gateway.desk.reasons import check_reason  # noqa: PLC0415
    from gateway.desk.refused import NotPossible  # noqa: PLC0415

    try:
        return check_reason(text)
    except NotPossible as error:
        raise typer.BadParameter(error.both, param_hint="--reason") from None
