"""What no mapping checks of a request: lines told apart, amounts that are what they say, signs that make sense."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adapters.hospital.faults import Fault
from adapters.hospital.lines import differs
from gateway.canonical import Body
from gateway.canonical.inpatient import EstimateRequested, FeesUploaded, InpatientClaimSubmitted, InpatientFee
from gateway.canonical.outpatient import OutpatientEstimateRequested, OutpatientFee, OutpatientFeesUploaded
from gateway.canonical.settlement import ClaimSubmitted

#: Canonical field → what the interface calls it. A sum may be nothing, but a bill is never less.
_SUMS = (
    ("total", "medfee_sumamt", "医疗费总额"),
    ("own_expense", "fulamt_ownpay_amt", "全自费金额"),
    ("over_limit", "overlmt_selfpay", "超限价金额"),
    ("advance_self_pay", "preselfpay_amt", "先行自付金额"),
    ("in_scope", "inscp_scp_amt", "符合政策范围金额"),
)


def check(body: Body, tolerance: int | None) -> None:
    """
    Args:
        tolerance: fen by which the amount of a line may differ from quantity times price; None: any.

    Raises:
        Fault: `invalid`, the first that is wrong.
    """
    if isinstance(body, OutpatientFeesUploaded | FeesUploaded):
        fees: Sequence[OutpatientFee | InpatientFee] = body.fees
        _lines(fees, tolerance)
    elif isinstance(
        body, ClaimSubmitted | OutpatientEstimateRequested | EstimateRequested | InpatientClaimSubmitted
    ):
        for attribute, field, name in _SUMS:
            if (getattr(body, attribute, None) or 0) < 0:
                raise _wrong(field, name, "不得为负", "must not be negative", "negative")


def _lines(lines: Sequence[OutpatientFee | InpatientFee], tolerance: int | None) -> None:
    seen: set[str] = set()
    for i, line in enumerate(lines, 1):
        if line.line_no in seen:
            raise _at(i, "feedetl_sn", "费用明细流水号", "重复", "occurs twice", "unique")
        seen.add(line.line_no)
        for field, name in _signs(line):
            raise _at(i, field, name, "不得为负", "must not be negative", "negative")
        if differs(line, tolerance):
            zh, en = "与数量×单价不符", "differs from quantity times price"
            raise _at(i, "det_item_fee_sumamt", "明细项目费用总额", zh, en, "line-amount")


def _signs(line: OutpatientFee | InpatientFee) -> Iterator[tuple[str, str]]:
    """Fields that are negative and may not be: a line takes back another only where it names it."""
    if line.unit_price < 0:
        yield "pric", "单价"
    if getattr(line, "original_line_no", None):
        return
    if line.quantity < 0:
        yield "cnt", "数量"
    if line.amount < 0:
        yield "det_item_fee_sumamt", "明细项目费用总额"


def _at(row: int, field: str, name: str, zh: str, en: str, rule: str) -> Fault:
    return _wrong(f"feedetail[{row}]/{field}", name, zh, en, rule)


def _wrong(field: str, name: str, zh: str, en: str, rule: str) -> Fault:
    return Fault(
        code="invalid", zh=f"{name} {field}：{zh}", en=f"{field}: {en}", field=field, name=name, rule=rule
    )
