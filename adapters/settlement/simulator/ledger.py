"""The platform's books: persons, settlements, and what was reversed. No wire, no clock.

One settlement is in force until it is refunded (2208) or reversed (2601). A second one for the same charge
batch is accepted when it comes under a new msgid, as platforms do, and counted: it is the mistake this
simulator exists to catch.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from msgspec import Struct

from adapters.settlement.simulator.fees import BatchKey, Fees, Refused
from adapters.settlement.simulator.people import Person, invent

_POOLING_PERCENT: Final = 70


class Settlement(Struct, kw_only=True):
    """One row of the table setl; amounts in fen. A refund is a row of its own with negative amounts."""

    setl_id: str
    msgid: str
    institution: str
    mdtrt_id: str
    batch: str
    psn_no: str
    med_type: str
    insutype: str
    time: str
    total: int
    own: int
    over: int
    advance: int
    scope: int
    pooling: int
    account: int
    cash: int
    balance: int
    region: str
    inpatient: bool = False
    refund_of: str | None = None
    refunded_by: str | None = None
    reversed: bool = False

    @property
    def personal(self) -> int:
        return self.account + self.cash

    @property
    def in_force(self) -> bool:
        return not self.reversed and self.refunded_by is None and self.refund_of is None


class Order(Struct, frozen=True, kw_only=True):
    """What a 2207 asks for; amounts in fen."""

    institution: str
    msgid: str
    region: str
    time: str
    psn_no: str
    certno: str
    mdtrt_id: str
    batch: str
    med_type: str
    insutype: str
    use_account: bool
    total: int
    own: int
    over: int
    advance: int
    scope: int
    inpatient: bool = False

    @property
    def key(self) -> BatchKey:
        return self.institution, self.mdtrt_id, self.batch


class Ledger:
    """The tables psn, insu and setl, beside the fee lines they rest on."""

    def __init__(
        self,
        today: dt.date,
        fees: Fees | None = None,
        *,
        need_details: bool = True,
        keep_details: bool = True,
    ) -> None:
        self._today = today
        self._need_details = need_details
        self._keep_details = keep_details
        self.fees = fees or Fees()
        self._sums: dict[BatchKey, int] = {}  #: of settled batches whose lines are not kept
        self.persons: dict[str, Person] = {}
        self.not_found: set[str] = set()  #: certificate numbers that 1101 does not find
        self.settlements: dict[str, Settlement] = {}  #: by setl_id
        self.by_visit: dict[str, list[Settlement]] = {}
        self.by_msgid: dict[str, Settlement] = {}
        self.batches: dict[BatchKey, list[Settlement]] = {}
        self.double_effects = 0

    # -- persons --------------------------------------------------------------------------------------

    def find(self, kind: str, number: str) -> Person:
        """1101: any well-formed certificate belongs to someone."""
        certno = number if kind == "02" else ""
        person = invent(number, self._today, certno=certno)
        return self.persons.setdefault(person.psn_no, person)

    def insured(self, psn_no: str, certno: str) -> Person:
        """The person of a settlement; whoever was never asked for by 1101 is invented now."""
        person = self.persons.get(psn_no)
        if person is None:
            person = self.persons[psn_no] = invent(psn_no, self._today, certno=certno, psn_no=psn_no)
        return person

    # -- transactions ---------------------------------------------------------------------------------

    def settle(self, order: Order) -> Settlement:
        """2207.

        Raises:
            Refused: the details or the parts do not add up to the total.
        """
        if order.own + order.over + order.advance + order.scope != order.total:
            raise Refused("医疗费总额与各部分之和不一致")
        if self._need_details:
            self._match(order.key, order.total)
        settlement = self._split(order, self.insured(order.psn_no, order.certno))
        self.persons[order.psn_no].balance = settlement.balance
        same = self.batches.setdefault(order.key, [])
        if any(other.in_force for other in same):
            self.double_effects += 1
        same.append(settlement)
        if self._keep_details:
            self.fees.settle(order.key, settlement.setl_id)
        return self._write(settlement)

    def estimate(self, order: Order) -> Settlement:
        """2206, 2303: what a settlement would give; nothing is written."""
        return self._split(order, self.insured(order.psn_no, order.certno))

    def cancel(self, setl_id: str, mdtrt_id: str, psn_no: str, msgid: str, time: str) -> Settlement:
        """2208: writes the refund.

        Raises:
            Refused: no such settlement in force.
        """
        original = self.settlements.get(setl_id)
        if original is None or (original.mdtrt_id, original.psn_no) != (mdtrt_id, psn_no):
            raise Refused("未找到结算信息")
        if not original.in_force:
            raise Refused("该结算已撤销或已冲正")
        person = self.persons[psn_no]
        person.balance += original.account
        refund = Settlement(
            setl_id=self._next_id(original.region),
            msgid=msgid,
            institution=original.institution,
            mdtrt_id=mdtrt_id,
            batch=original.batch,
            psn_no=psn_no,
            med_type=original.med_type,
            insutype=original.insutype,
            time=time,
            total=-original.total,
            own=-original.own,
            over=-original.over,
            advance=-original.advance,
            scope=-original.scope,
            pooling=-original.pooling,
            account=-original.account,
            cash=-original.cash,
            balance=person.balance,
            region=original.region,
            inpatient=original.inpatient,
            refund_of=setl_id,
        )
        original.refunded_by = refund.setl_id
        self.fees.settle(_key(original), None)
        return self._write(refund)

    def reverse(self, msgid: str, psn_no: str) -> None:
        """2601 of a 2207 or 2208 that took effect. Once reversed, again changes nothing.

        Raises:
            Refused: another person's, or already refunded.
        """
        settlement = self.by_msgid[msgid]
        if settlement.psn_no != psn_no:
            raise Refused("人员编号与原交易不一致")
        if settlement.reversed:
            return
        if settlement.refunded_by is not None:
            raise Refused("该结算已撤销")
        settlement.reversed = True
        self.persons[psn_no].balance += settlement.account
        if settlement.refund_of is None:
            self.fees.settle(_key(settlement), None)
            return
        original = self.settlements[settlement.refund_of]
        original.refunded_by = None
        self.fees.settle(_key(original), original.setl_id)

    def query(self, psn_no: str, mdtrt_id: str, setl_id: str) -> Settlement:
        """5203: the latest of the visit that was not reversed.

        Raises:
            Refused: there is none.
        """
        for settlement in reversed(self.by_visit.get(mdtrt_id, [])):
            if (
                settlement.psn_no == psn_no
                and not settlement.reversed
                and setl_id in ("", settlement.setl_id)
            ):
                return settlement
        raise Refused("未查询到结算信息")

    # -- inside ---------------------------------------------------------------------------------------

    def _match(self, key: BatchKey, total: int) -> None:
        uploaded = self._sums.get(key)
        if uploaded is None:
            uploaded = self.fees.total(key)
        if uploaded != total:
            raise Refused("费用明细合计与医疗费总额不一致")
        if not self._keep_details:
            self._sums[key] = uploaded
            self.fees.forget(key)

    def _split(self, order: Order, person: Person) -> Settlement:
        """The pool pays its percentage of what is in scope; the account what it can; cash the rest."""
        pooling = order.scope * _POOLING_PERCENT // 100
        personal = order.total - pooling
        account = min(personal, person.balance) if order.use_account else 0
        return Settlement(
            setl_id=self._next_id(order.region),
            msgid=order.msgid,
            institution=order.institution,
            mdtrt_id=order.mdtrt_id,
            batch=order.batch,
            psn_no=order.psn_no,
            med_type=order.med_type,
            insutype=order.insutype,
            time=order.time,
            total=order.total,
            own=order.own,
            over=order.over,
            advance=order.advance,
            scope=order.scope,
            pooling=pooling,
            account=account,
            cash=personal - account,
            balance=person.balance - account,
            region=order.region,
            inpatient=order.inpatient,
        )

    def _next_id(self, region: str) -> str:
        return f"{region}A{len(self.settlements) + 1:012d}"

    def _write(self, settlement: Settlement) -> Settlement:
        self.settlements[settlement.setl_id] = settlement
        self.by_msgid[settlement.msgid] = settlement
        self.by_visit.setdefault(settlement.mdtrt_id, []).append(settlement)
        return settlement


def _key(settlement: Settlement) -> BatchKey:
    return settlement.institution, settlement.mdtrt_id, settlement.batch
