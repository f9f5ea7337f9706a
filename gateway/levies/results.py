"""What an agency is told of its debits, as bodies of messages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.canonical.levy import DebitAnswered, DebitBatchReturned, DebitResult
from gateway.levies.lifecycle import NO_EFFECT, REFUSED, REJECTED, REVERSED, SUCCEEDED, SUCCESS
from gateway.levies.parts import Parts
from gateway.store.levies import DebitRow, FileRow
from gateway.store.levies_booking import PACKAGE
from gateway.store.levies_changes import NO_AGREEMENT

#: What the agency is told where the network has nothing to say: by the book's own code, or the state.
_WHY: Final = {
    NO_EFFECT: "日终核对未列出，未扣款 / not in the day's check: nothing was debited",
    REVERSED: "已冲正，未扣款 / reversed: nothing is debited",
    NO_AGREEMENT: "三方协议未验证，未发出 / the agreement is not verified; it was not sent",
    PACKAGE: "整包被拒收或未发出，未扣款 / the package was refused or never left: nothing was debited",
}


class Ended(NamedTuple):
    """A debit that has come to its end."""

    debit: DebitRow
    text: bytes | None  #: the network's own words why it was refused, sealed


def returned(parts: Parts, row: FileRow, ended: Sequence[Ended]) -> DebitBatchReturned:
    """The results of a file."""
    today = parts.here().date()
    return DebitBatchReturned(
        payer_bank_line_no=row.payer_bank_line_no,
        entrusted_on=today,
        batch_no=row.batch_no,
        collector_code=_code(parts, row),
        original_entrusted_on=dt.date.fromisoformat(row.entrusted_on),
        original_batch_no=row.batch_no,
        raw_code=parts.codes.saying(SUCCEEDED, today),
        results=tuple(_result(parts, one, today) for one in ended),
    )


def answered(parts: Parts, row: FileRow, ended: Sequence[Ended]) -> DebitAnswered:
    """What became of a real-time debit."""
    result = _result(parts, ended[0], parts.here().date())
    return DebitAnswered(
        collector_code=_code(parts, row),
        entrusted_on=dt.date.fromisoformat(row.entrusted_on),
        serial=result.serial,
        voucher_no=result.voucher_no,
        debited_on=result.debited_on,
        raw_code=result.raw_code,
        raw_text=result.raw_text,
    )


def _code(parts: Parts, row: FileRow) -> str:
    collector = parts.named(row.collector)
    assert collector is not None
    return collector.collector_code


def _result(parts: Parts, one: Ended, today: dt.date) -> DebitResult:
    """In the network's own code and words, where its last one says what the debit came to."""
    debit = one.debit
    success = debit.state == SUCCESS
    theirs = debit.code if debit.state in (SUCCESS, REFUSED) and debit.code not in _WHY else None
    code = theirs or parts.codes.saying(SUCCEEDED if success else REJECTED, today)
    text = _WHY.get(debit.code or "") or _WHY.get(debit.state)
    if text is None and one.text is not None:
        text = parts.seals.open_text(one.text, debit.id)
    return DebitResult(
        serial=debit.serial,
        amount=debit.amount,
        voucher_no=debit.voucher_no,
        debited_on=dt.date.fromisoformat(debit.debited_on) if success and debit.debited_on else None,
        receipt_no=debit.receipt if success else None,
        raw_code=code,
        raw_text=text,
    )
