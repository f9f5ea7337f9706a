"""What a batch looks like when it goes to its bank, and the digest by which what was built is what is released."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gateway.audit.entry import salted_digest
from gateway.canonical.envelope import encode_body
from gateway.canonical.payment import PaymentBatch, PaymentItem
from gateway.contract import Reject
from gateway.payments.seals import Party, Seals
from gateway.payments.settings import AccountSettings
from gateway.store.payments import BatchRow, ItemRow

CHINA: Final = dt.timezone(dt.timedelta(hours=8))


def series(account: AccountSettings, day: dt.date) -> str:
    """The serial series that a batch's number is drawn from: one for all accounts that write it alike."""
    return "payment-batch/" + account.batch_number.replace("{date}", f"{day:%Y%m%d}")


def number(account: AccountSettings, day: dt.date, serial: int) -> str:
    """The number of a batch."""
    return account.batch_number.format(date=f"{day:%Y%m%d}", serial=serial)


def portions(account: AccountSettings, items: Iterable[ItemRow]) -> Iterator[list[ItemRow]]:
    """The items as batches that the account's limits allow, in their order. Of two agencies' items with one number
    each is in a batch of its own: by that number the bank says what became of it.

    Raises:
        Reject: one item alone is beyond the limit, which has been lowered since it was proposed.
    """
    portion: list[ItemRow] = []
    total = 0
    numbers: set[str] = set()
    for item in items:
        if item.amount > account.max_amount:
            raise Reject(
                f"明细 {item.id} 超过账户 {account.name} 的每批金额上限",
                f"item {item.id} is beyond the limit of a batch of {account.name}",
                code="amount",
            )
        full = len(portion) >= account.max_items or total + item.amount > account.max_amount
        if portion and (full or item.end_to_end_id in numbers):
            yield portion
            portion, total, numbers = [], 0, set()
        portion.append(item)
        total += item.amount
        numbers.add(item.end_to_end_id)
    if portion:
        yield portion


def body(
    account: AccountSettings, batch_id: str, kind: str, created: int, items: Sequence[ItemRow], seals: Seals
) -> PaymentBatch:
    """The batch as its bank gets it; its items opened, numbered from 1."""
    at = dt.datetime.fromtimestamp(created // 1000, CHINA)
    return PaymentBatch(
        batch_id=batch_id,
        kind=kind,
        created_at=at,
        requested_on=at.date(),
        number_of_transactions=len(items),
        control_sum=sum(item.amount for item in items),
        initiating_party=account.account_name,
        initiating_party_id=account.party_id,
        own_name=account.account_name,
        own_account_no=account.account_no,
        own_bank_line_no=account.bank_line_no,
        items=tuple(_item(n, item, seals) for n, item in enumerate(items, 1)),
    )


def _item(sequence: int, row: ItemRow, seals: Seals) -> PaymentItem:
    party = seals.open(row.sealed, row.id)
    said = {name: getattr(party, name) for name in Party.__struct_fields__}
    return PaymentItem(sequence=sequence, end_to_end_id=row.end_to_end_id, amount=row.amount, **said)


def digest_of(content: PaymentBatch, salt: bytes) -> str:
    """Salted, since names and account numbers can be guessed; see `gateway.audit.entry.salted_digest`."""
    return salted_digest(salt, encode_body(content))


def as_built(account: AccountSettings, row: BatchRow, items: Sequence[ItemRow], seals: Seals) -> PaymentBatch:
    """The content of a batch that was built.

    Raises:
        Reject: it would not be what was built: the account's settings have changed since.
    """
    content = body(account, row.id, row.kind, row.created, items, seals)
    if not hmac.compare_digest(digest_of(content, seals.open_salt(row.salt, row.id)), row.digest):
        raise Reject(
            f"批次 {row.id} 的内容与组批时不同（账户设置已改）：请作废后重新组批",
            f"batch {row.id} is not what was built (the account's settings have changed): cancel it and build anew",
            code="changed",
        )
    return content
