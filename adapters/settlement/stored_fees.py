"""Fee lines as the platform has them (5204), held against those that were sent or taken back.

The platform refuses a line number it has. So after a lost answer the numbers tell whether an upload came, and the
amounts whether it was this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from adapters.settlement.questions import Question, Verdict, caller, done
from gateway.canonical.inpatient import FeesPriced, FeesUploaded, FeesWithdrawn, InpatientFee, PricedFee
from gateway.canonical.inquiry import FeeRecord, FeesAnswer, FeesQuery
from gateway.canonical.outpatient import OutpatientFeesPriced, OutpatientFeesUploaded, OutpatientFeesWithdrawn
from gateway.canonical.settlement import FeeLine
from gateway.contract import Absent, Accepted, Unknown

#: The batch number that means all lines which are not settled (2205), and the line number of 2302.
ALL: Final = "0000"
#: What makes two lines the same line.
_SAME: Final = ("amount", "quantity", "unit_price", "catalogue_code", "item_code")
#: What a priced line cannot do without, and a stored one may leave out.
_NEEDED: Final = ("price_limit", "level", "charge_kind", "limited_use")
_PRICED: Final = tuple(f for f in PricedFee.__struct_fields__)


def compared(
    sent: Sequence[FeeLine | InpatientFee], found: FeesAnswer
) -> Literal["equal", "absent", "different"]:
    """Whether the lines are stored as they were sent: all of them, none, or something else."""
    stored = {record.line_no: record for record in found.fees}
    there = [(line, stored[line.line_no]) for line in sent if line.line_no in stored]
    if not there:
        return "absent"
    same = len(there) == len(sent) and all(_equal(line, record) for line, record in there)
    return "equal" if same else "different"


def _equal(line: FeeLine | InpatientFee, record: FeeRecord) -> bool:
    pairs = [(getattr(line, name), getattr(record, name)) for name in _SAME]
    return all(theirs is None or ours == theirs for ours, theirs in pairs)


def _fees_of(body: OutpatientFeesUploaded | FeesUploaded | FeesWithdrawn) -> FeesQuery:
    first = body.fees[0]
    return FeesQuery(**caller(body), person_no=first.person_no, visit_id=first.visit_id)


def _uploaded(body: OutpatientFeesUploaded | FeesUploaded, found: FeesAnswer) -> Verdict:
    state = compared(body.fees, found)
    if state == "absent":
        return Absent()
    if state == "different":
        return Unknown(reason="平台的明细与所传不同 / the platform has other fee lines under these numbers")
    stored = {record.line_no: record for record in found.fees}
    records = [stored[line.line_no] for line in body.fees]
    if any(getattr(record, name) is None for record in records for name in _NEEDED):
        return Unknown(
            reason="明细已在，但 5204 未给出分割结果 / stored, but 5204 does not tell how it is divided"
        )
    answer = OutpatientFeesPriced if isinstance(body, OutpatientFeesUploaded) else FeesPriced
    fees = tuple(PricedFee(**{name: getattr(record, name) for name in _PRICED}) for record in records)
    return Accepted(reply=answer(fees=fees, raw_code=found.raw_code, raw_text=found.raw_text))


def _batch_of(body: OutpatientFeesWithdrawn) -> FeesQuery:
    return FeesQuery(**caller(body), person_no=body.person_no, visit_id=body.visit_id)


def _batch_withdrawn(body: OutpatientFeesWithdrawn, found: FeesAnswer) -> Verdict:
    everything = body.charge_batch_no == ALL
    if not found.fees or (everything and all(record.settlement_id is not None for record in found.fees)):
        return Accepted(reply=done(found))
    if everything:
        return Absent()
    # Also where all lines are settled: the batch may be among them, and then it was not withdrawn.
    return Unknown(reason="5204 不给批次号，无从核实 / 5204 tells no batch, so it cannot be told")


def _lines_withdrawn(body: FeesWithdrawn, found: FeesAnswer) -> Verdict:
    wanted = {fee.line_no for fee in body.fees}
    if ALL in wanted:
        left = {record.line_no for record in found.fees if record.settlement_id is None}
    else:  # a line that is settled is not withdrawn: sent again, the platform says so
        left = {record.line_no for record in found.fees} & wanted
    if not left:
        return Accepted(reply=done(found))
    if ALL in wanted or left == wanted:
        return Absent()
    return Unknown(reason="只撤销了部分明细 / only some of the lines are gone")


UPLOAD: Final = Question("5204", _fees_of, _uploaded, FeesAnswer)
BATCH_WITHDRAWAL: Final = Question("5204", _batch_of, _batch_withdrawn, FeesAnswer)
LINES_WITHDRAWAL: Final = Question("5204", _fees_of, _lines_withdrawn, FeesAnswer)
