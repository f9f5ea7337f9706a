"""The books of the simulated bank: what was submitted, what was executed how often, and what became of each item.

Accounts decide: those that end in 4 do not exist, of those that end in 5 a debit collects half; all others succeed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final


class Refusal(Exception):
    """The bank says no. Its text is what the client is told."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass
class Item:
    """One transfer or debit."""

    sequence: str
    account: str
    name: str
    amount: int  #: fen
    status: str = "A"  #: STSCOD
    moved: int = 0  #: fen
    error: str = ""
    text: str = ""
    returned: bool = False


@dataclass
class Deposit:
    """One slice as it was submitted."""

    reference: str
    request: str  #: empty in the first
    debit: bool
    first: bool
    last: bool
    count: int
    total: int
    slices: int
    this_count: int
    this_sum: int
    items: list[Item]


@dataclass
class Account:
    """A batch in the books."""

    reference: str
    request: str
    debit: bool
    count: int
    total: int
    state: str = "OPR"  #: REQSTA
    flag: str = ""  #: RTNFLG
    asked: int = 0
    items: list[Item] = field(default_factory=list)

    @property
    def settled(self) -> list[Item]:
        return [item for item in self.items if item.status == "S"]


_DUPLICATE: Final = "DUP0001"
_WRONG: Final = "ERR0001"


class Books:
    """All batches.

    Args:
        progress: how often a batch is asked about before it is finished.
    """

    def __init__(self, progress: int = 1) -> None:
        self.progress = progress
        self.batches: dict[str, Account] = {}
        self.executed: Counter[str] = Counter()  #: by reference: how often money moved
        self.attempts: Counter[str] = Counter()  #: by reference: how often it was submitted from its start

    def submit(self, given: Deposit) -> Account:
        """Takes a slice; the last one is the order to execute. Raises Refusal."""
        if given.first:
            self.attempts[given.reference] += 1
            if given.reference in self.batches:
                raise Refusal(_DUPLICATE, "业务参考号重复")
        if (len(given.items), sum(i.amount for i in given.items)) != (given.this_count, given.this_sum):
            raise Refusal(_WRONG, "本次笔数或金额与明细不符")
        batch = self._opened(given) if given.first else self._continued(given)
        batch.items += given.items
        if given.last:
            self._execute(batch)
        return batch

    def _opened(self, given: Deposit) -> Account:
        batch = Account(
            given.reference, f"{len(self.batches) + 1:010d}", given.debit, given.count, given.total
        )
        self.batches[given.reference] = batch
        return batch

    def _continued(self, given: Deposit) -> Account:
        batch = self.batches.get(given.reference)
        if batch is None or batch.request != given.request or batch.state != "OPR":
            raise Refusal(_WRONG, "流程实例号不符")
        return batch

    def _execute(self, batch: Account) -> None:
        numbers = [item.sequence for item in batch.items]
        sums = len(batch.items), sum(item.amount for item in batch.items)
        if len(set(numbers)) != len(numbers) or sums != (batch.count, batch.total):
            raise Refusal(_WRONG, "总笔数或总金额与明细不符，或序号重复")
        self.executed[batch.reference] += 1
        batch.state = "BNK"
        for item in batch.items:
            if item.account.endswith("4"):
                item.status, item.error, item.text = "E", "AGC0004", "账号不存在"
            else:
                item.status = "S"
                item.moved = item.amount // 2 if batch.debit and item.account.endswith("5") else item.amount

    def asked(self, reference: str) -> Account | None:
        """A batch as it is now; being asked about brings it forward."""
        batch = self.batches.get(reference)
        if batch is not None and batch.state != "OPR":
            batch.asked += 1
            if batch.asked > self.progress and batch.state != "FIN":
                batch.state, batch.flag = "FIN", "S" if batch.settled else "F"
        return batch

    def named(self, request: str) -> Account | None:
        """A batch by the bank's number."""
        return next((batch for batch in self.batches.values() if batch.request == request), None)

    def veto(self, reference: str) -> None:
        """An approver refuses it: nothing is executed."""
        batch = self.batches[reference]
        batch.state, batch.flag, batch.items = "FIN", "R", []

    def send_back(self, reference: str, sequence: str) -> None:
        """An item that had succeeded comes back (退票)."""
        item = next(i for i in self.batches[reference].items if i.sequence == sequence)
        item.returned = True


def yuan(fen: int) -> str:
    """`2560` → `"25.60"`."""
    return f"{fen // 100}.{fen % 100:02d}"


def fen(text: str) -> int:
    """`"25.60"` → `2560`. Raises Refusal."""
    whole, dot, part = text.partition(".")
    if not (whole.isdigit() and (not dot or (len(part) == 2 and part.isdigit()))):
        raise Refusal(_WRONG, "金额格式错误")
    return int(whole) * 100 + int(part or 0)
