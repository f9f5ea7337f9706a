"""The table feedetl: fee lines as they were uploaded (2204, 2301), and which of them are settled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from msgspec import Struct

BatchKey = tuple[str, str, str]  #: fixmedins_code, mdtrt_id, chrg_bchno; inpatients have no batch: empty

#: The batch number (2205) and the line number (2302) that mean all lines which are not settled.
ALL: Final = "0000"


class Refused(Exception):
    """The platform says no: `infcode` -1 with this text."""


class Row(Struct):
    """One fee line as it came."""

    feedetl_sn: str
    mdtrt_id: str
    det_item_fee_sumamt: Decimal
    chrg_bchno: str = ""
    psn_no: str = ""
    fee_ocur_time: str = ""
    cnt: Decimal = Decimal(1)
    pric: Decimal = Decimal(0)
    med_list_codg: str = ""
    medins_list_codg: str = ""
    bilg_dept_codg: str = ""
    bilg_dept_name: str = ""
    bilg_dr_codg: str = ""
    bilg_dr_name: str = ""
    init_feedetl_sn: str = ""


class Line(Struct):
    """One row of the table."""

    row: Row
    fen: int
    setl_id: str | None = None

    @property
    def advance(self) -> int:
        """What the patient pays ahead of the fund: ten percent, towards zero."""
        return abs(self.fen) // 10 * (1 if self.fen >= 0 else -1)


def fen(amount: Decimal) -> int:
    """Yuan → fen.

    Raises:
        Refused: more than two decimals.
    """
    scaled = amount.scaleb(2)
    if scaled != int(scaled):
        raise Refused("金额超过两位小数")
    return int(scaled)


class Fees:
    """All fee lines of the platform.

    Args:
        refuse: a line number of the same visit that is there already is refused; else it replaces the earlier line.
    """

    def __init__(self, refuse: bool = True) -> None:
        self._refuse = refuse
        self.batches: dict[BatchKey, dict[str, Line]] = {}
        self._of_visit: dict[str, list[BatchKey]] = {}

    def upload(self, institution: str, rows: Iterable[Row]) -> list[Line]:
        """Takes all rows, or none of them.

        Raises:
            Refused: a line number is taken, or an amount is none.
        """
        lines = [Line(row, fen(row.det_item_fee_sumamt)) for row in rows]
        if self._refuse:
            self._check_numbers(institution, lines)
        for line in lines:
            key = (institution, line.row.mdtrt_id, line.row.chrg_bchno)
            if key not in self.batches:
                self.batches[key] = {}
                self._of_visit.setdefault(key[1], []).append(key)
            self.batches[key][line.row.feedetl_sn] = line
        return lines

    def _check_numbers(self, institution: str, lines: list[Line]) -> None:
        numbers = {(line.row.mdtrt_id, line.row.feedetl_sn) for line in lines}
        if len(numbers) < len(lines):
            raise Refused("费用明细流水号重复")
        for visit in {line.row.mdtrt_id for line in lines}:
            if any((visit, held.row.feedetl_sn) in numbers for held in self.of_visit(visit, institution)):
                raise Refused("费用明细流水号重复")

    def withdraw_batch(self, institution: str, visit: str, batch: str) -> None:
        """2205.

        Raises:
            Refused: there is none, or the batch is settled.
        """
        keys = [k for k in self._keys(institution, visit) if batch in (ALL, k[2])]
        lines = [(key, line) for key in keys for line in self.batches[key].values()]
        if batch != ALL and any(line.setl_id for _, line in lines):
            raise Refused("费用明细已结算，不能撤销")
        self._remove([(key, line) for key, line in lines if line.setl_id is None])

    def withdraw_lines(self, institution: str, visit: str, numbers: set[str]) -> None:
        """2302.

        Raises:
            Refused: one of them is not there, or settled.
        """
        lines = [
            (key, line)
            for key in self._keys(institution, visit)
            for line in self.batches[key].values()
            if ALL in numbers or line.row.feedetl_sn in numbers
        ]
        if ALL not in numbers:
            if any(line.setl_id for _, line in lines):
                raise Refused("费用明细已结算，不能撤销")
            if len(lines) < len(numbers):
                raise Refused("费用明细不存在")
        self._remove([(key, line) for key, line in lines if line.setl_id is None])

    def _remove(self, lines: list[tuple[BatchKey, Line]]) -> None:
        if not lines:
            raise Refused("费用明细不存在")
        for key, line in lines:
            del self.batches[key][line.row.feedetl_sn]

    def total(self, key: BatchKey) -> int:
        """What the lines of a batch add up to."""
        return sum(line.fen for line in self.batches.get(key, {}).values())

    def forget(self, key: BatchKey) -> None:
        """Drops a batch, for platforms that must not grow."""
        if self.batches.pop(key, None) is not None:
            self._of_visit[key[1]].remove(key)

    def lines(self, key: BatchKey) -> list[Line]:
        return list(self.batches.get(key, {}).values())

    def settle(self, key: BatchKey, setl_id: str | None) -> None:
        """Marks the lines of a batch as settled, or, with None, as free again."""
        for line in self.batches.get(key, {}).values():
            line.setl_id = setl_id

    def of_visit(self, visit: str, institution: str = "") -> Iterator[Line]:
        """The lines of a visit, of all batches."""
        for key in self._keys(institution, visit):
            yield from self.batches[key].values()

    def _keys(self, institution: str, visit: str) -> list[BatchKey]:
        return [k for k in self._of_visit.get(visit, []) if institution in ("", k[0])]
