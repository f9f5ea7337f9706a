"""The book of payments as people see it: items, what banks said of them, and differences; names and numbers masked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from gateway.canonical.money import fen_to_yuan
from gateway.contract.privacy import mask_id, mask_name, mask_text
from gateway.desk.refused import NotPossible
from gateway.desk.words import moment
from gateway.engine.config import Configuration
from gateway.payments.seals import Seals
from gateway.payments.settings import LARGEST_BATCH
from gateway.payments.words import DIFFERENCES
from gateway.store import payments_reads as reads
from gateway.store.keyring import KeyRing
from gateway.store.payments import DifferenceRow, HistoryRow, ItemRow

#: Kinds of differences whose two sides are amounts.
_AMOUNTS: Final = frozenset({"amount", "twice", "partial", "missing-here", "missing-there"})
T = TypeVar("T")


class Asked(Protocol):
    """The store, as far as it answers questions."""

    def ask(self, question: Callable[..., T], *values: Any) -> T: ...


def seals_of(configuration: Configuration) -> Seals:
    """By which the book's names and numbers are opened.

    Raises:
        ConfigError: a key file cannot be used.
    """
    return Seals.load(KeyRing.load(configuration.keyring_file), configuration.tag_file)


def one_item(book: Asked, text: str) -> ItemRow:
    """The item that an id or an end-to-end id means.

    Raises:
        NotPossible: there is none, or more than one.
    """
    row = book.ask(reads.item, text)
    if row is not None:
        return row
    found = book.ask(reads.items, reads.Wanted(end_to_end_id=text, limit=LARGEST_BATCH))
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotPossible(f"没有明细 {text}", f"no item {text}")
    ids = "、".join(item.id for item in found[:10])
    raise NotPossible(f"不止一笔，请用标识指明：{ids}", f"more than one: name it by its id: {ids}")


def item_facts(item: ItemRow, seals: Seals, *, hidden: bool) -> dict[str, Any]:
    """An item for people and programs; names and numbers masked where `hidden`."""
    party = seals.open(item.sealed, item.id)
    name, account = (party.name, party.account_no)
    document = party.document_no
    return {
        "id": item.id,
        "account": item.account,
        "kind": item.kind,
        "reference": item.end_to_end_id,
        "name": mask_name(name) if hidden else name,
        "account_no": mask_id(account) if hidden else account,
        "bank_line_no": party.bank_line_no,
        "document_no": None if document is None else mask_id(document) if hidden else document,
        "remittance": party.remittance
        if not hidden or party.remittance is None
        else mask_text(party.remittance),
        "amount_fen": item.amount,
        "state": item.state,
        "code": mask_text(item.code) if hidden and item.code is not None else item.code,
        "proposer": item.proposer,
        "proposal": item.proposal,
        "own_reference": item.own_reference,
        "own_sequence": item.own_sequence,
        "replaces": item.replaces,
        "verification": item.verification,
        "approved_by": item.approved_by,
        "batch": item.batch_id,
        "batch_sequence": item.batch_sequence,
        "settled_fen": item.settled_amount,
        "settled_on": item.settled_on,
        "bank_reference": item.bank_reference,
        "updated": moment(item.updated),
    }


def word_facts(word: HistoryRow, seals: Seals, *, hidden: bool) -> dict[str, Any]:
    """A word of a bank's; numbers in its text masked where `hidden`."""
    text = None if word.text is None else seals.open_text(bytes(word.text), word.item_id)
    return {
        "time": moment(word.at),
        "status": word.status,
        "code": word.code,
        "text": mask_text(text) if text is not None and hidden else text,
        "state": word.state,
        "message": word.message_id,
    }


def difference_facts(row: DifferenceRow) -> dict[str, Any]:
    """A difference with the next action; amounts in yuan."""
    word = DIFFERENCES[row.kind]

    def told(text: str | None) -> str | None:
        return fen_to_yuan(int(text)) if text is not None and row.kind in _AMOUNTS else text

    return {
        "number": row.n,
        "kind": row.kind,
        "zh": word.zh,
        "en": word.en,
        "next_zh": word.todo_zh,
        "next_en": word.todo_en,
        "account": row.account,
        "day": row.day,
        "batch": row.batch_id,
        "item": row.item_id,
        "reference": row.reference,
        "ours": told(row.ours),
        "theirs": told(row.theirs),
        "message": row.message_id,
        "created": moment(row.created),
        "closed_at": moment(row.closed_at) or None,
        "closed_by": row.closed_by,
        "reason": row.reason,
    }
