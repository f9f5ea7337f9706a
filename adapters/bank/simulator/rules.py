"""What becomes of a payment, by the last digit of its account: the same every time, so that a test can know it.

| digit | what becomes of it |
|---|---|
| 3 | insufficient balance |
| 4 | no such account |
| 6 | the name does not match |
| 8 | pending at first, settled in the end |
| any other | settled |
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Ruling(NamedTuple):
    """`status` is a canonical word; `code` and `text` are the bank's own."""

    status: str
    code: str | None = None
    text: str | None = None


_REFUSED: Final = {
    "3": Ruling("rejected.insufficient-funds", "AM04", "余额不足"),
    "4": Ruling("rejected.no-account", "AC01", "账号不存在"),
    "6": Ruling("rejected.name-mismatch", "BE01", "户名不符"),
}
_PENDING: Final = Ruling("pending", "PDNG", "处理中")
SETTLED: Final = Ruling("settled")


def ruling(account: str, *, final: bool) -> Ruling:
    """On a payment, in the intermediate or the final return."""
    if account.endswith("8") and not final:
        return _PENDING
    return _REFUSED.get(account[-1:], SETTLED)
