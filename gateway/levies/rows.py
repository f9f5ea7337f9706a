"""A debit as the book keeps it."""

from __future__ import annotations

from gateway.canonical.levy import BatchDebit
from gateway.levies.parts import Parts
from gateway.store.levies import DebitRow


def debit_row(
    parts: Parts,
    debit: BatchDebit,
    *,
    bank: str,
    collector: str,
    way: str,
    proposer: str,
    file: str,
    number: int,
    entrusted_on: str,
    state: str,
) -> DebitRow:
    """Sealed, with its tags; see `DebitRow`."""
    id_, now, seals = parts.ids(), parts.now, parts.seals
    return DebitRow(
        id=id_,
        collector=collector,
        voucher_no=debit.voucher_no,
        way=way,
        proposer=proposer,
        file=file,
        number=number,
        entrusted_on=entrusted_on,
        serial=debit.serial,
        bank=bank,
        amount=debit.amount,
        day=entrusted_on,
        state=state,
        digest=seals.digest(debit),
        contributor_tag=seals.contributor(debit.contributor_no),
        employer_tag=None if debit.employer_code is None else seals.employer(debit.employer_code),
        sealed=seals.seal(debit, id_),
        created=now,
        updated=now,
    )
