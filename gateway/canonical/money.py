"""Money is integer fen; yuan exists only as text at a partner's edge."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

#: National amounts are numeric(16,2): fourteen digits before the point.
MAX_FEN = 10**16 - 1

Fen = Annotated[int, Meta(ge=-MAX_FEN, le=MAX_FEN, description="amount in fen (1/100 yuan), CNY")]

_YUAN = re.compile(r"(-?)(\d{1,14})(?:\.(\d{1,2}))?", re.ASCII)


def yuan_to_fen(text: str) -> int:
    """`"25.60"` → `2560`. Exact: no exponent, no sign but minus, at most two decimals.

    Raises:
        ValueError: the text is no amount in yuan, or has decimals that fen cannot hold.
    """
    match = _YUAN.fullmatch(text)
    if match is None:
        raise ValueError("not an amount in yuan with at most two decimals")
    sign, yuan, cents = match.groups()
    fen = int(yuan) * 100 + int((cents or "").ljust(2, "0"))
    return -fen if sign else fen


def fen_to_yuan(fen: int) -> str:
    """`2560` → `"25.60"`: always two decimals."""
    yuan, cents = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{yuan}.{cents:02d}"
