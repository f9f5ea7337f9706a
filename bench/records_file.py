"""The file of the records benchmark: a bank's return in GBK, as `bank.ybdf.return` has it. Everyone in it is invented."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from gateway.canonical.payment import PaymentResult

BATCH = "B20261120000001"
DAY = dt.date(2026, 11, 20)
_CODES = {"0": "settled", "4": "rejected.no-account", "9": "rejected.account-closed"}
_TEXTS = {"0": "成功", "4": "账号不存在", "9": "销户"}


def code(number: int) -> str:
    """What the bank says of an item: one in fifty fails."""
    return "4" if number % 100 == 1 else "9" if number % 100 == 51 else "0"


def expected(number: int) -> PaymentResult:
    """What must come of line `number`, from 1."""
    said = code(number)
    return PaymentResult(
        sequence=number,
        account_no=f"6229990000{number:09d}",
        name=f"测试人员{number % 997}",
        amount=number % 100_000 + 1,
        status=_CODES[said],
        raw_text=_TEXTS[said],
        settled_on=DAY,
        bank_reference=f"R{number:012d}",
    )


def lines(count: int) -> Iterator[str]:
    """The file, line by line."""
    amounts = [(number % 100_000 + 1, code(number) == "0") for number in range(1, count + 1)]
    total, settled = sum(a for a, _ in amounts), sum(a for a, ok in amounts if ok)
    good = sum(ok for _, ok in amounts)
    yield (
        f"H|{DAY:%Y%m%d}|990101|{BATCH}|{count}|{total / 100:.2f}"
        f"|{good}|{settled / 100:.2f}|{count - good}|{(total - settled) / 100:.2f}|\r\n"
    )
    for number, (amount, _) in enumerate(amounts, 1):
        said = code(number)
        yield (
            f"{number:08d}|6229990000{number:09d}|测试人员{number % 997}|{amount / 100:.2f}|{said}"
            f"|{_TEXTS[said]}|{DAY:%Y%m%d}|R{number:012d}|\r\n"
        )


def write(path: Path, count: int) -> None:
    """Makes the file."""
    rest = lines(count)
    with path.open("wb") as out:
        while block := "".join(islice(rest, 20_000)):
            out.write(block.encode("gbk"))
