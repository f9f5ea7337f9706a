"""The book of levies as people see it: debits, what the network said of them, days and differences; names and numbers
masked."""

from __future__ import annotations

from typing import Any, Final

from gateway.canonical.money import fen_to_yuan
from gateway.contract.privacy import mask_id, mask_name, mask_text
from gateway.desk.book import Asked
from gateway.desk.refused import NotPossible
from gateway.desk.words import moment
from gateway.engine.config import Configuration
from gateway.levies.lifecycle import REVERSED, SUCCESS
from gateway.levies.seals import Seals
from gateway.levies.words import DIFFERENCES
from gateway.store import levies_reads as reads
from gateway.store.keyring import KeyRing
from gateway.store.levies import DayRow, DebitRow, DifferenceRow, FileRow, HistoryRow

#: Kinds of differences whose two sides are amounts.
_AMOUNTS: Final = frozenset(
    {"amount", "twice", "missing-here", "missing-there", "totals", "asked-again", "voucher-taken"}
)
_MANY: Final = 10


def seals_of(configuration: Configuration) -> Seals:
    """By which the book's names and numbers are opened.

    Raises:
        ConfigError: a key file cannot be used.
    """
    return Seals.load(KeyRing.load(configuration.keyring_file), configuration.levy_tag_file)


def one_debit(book: Asked, voucher_no: str, collector: str | None = None) -> DebitRow:
    """The debit with that voucher number.

    Raises:
        NotPossible: there is none, or several collectors have one.
    """
    wanted = reads.Wanted(voucher_no=voucher_no, collector=collector, limit=_MANY)
    found = book.ask(reads.debits, wanted)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotPossible(f"没有税（费）票号码 {voucher_no} 的扣款", f"no debit {voucher_no}")
    names = "、".join(row.collector for row in found)
    raise NotPossible(
        f"不止一个征收机关用过此号码，请用 --collector 指明：{names}",
        f"several collectors have one, name it by --collector: {names}",
    )


def debit_facts(row: DebitRow, seals: Seals, *, hidden: bool) -> dict[str, Any]:
    """A debit for people and programs; names and numbers masked where `hidden`."""
    said = seals.open(row.sealed, row.id)

    def number(text: str | None) -> str | None:
        return text if text is None or not hidden else mask_id(text)

    def name(text: str) -> str:
        return mask_name(text) if hidden else text

    return {
        "voucher_no": row.voucher_no,
        "collector": row.collector,
        "way": row.way,
        "contributor_name": name(said.contributor_name),
        "contributor_no": number(said.contributor_no),
        "employer_code": said.employer_code,
        "payer_name": name(said.payer_name),
        "payer_account_no": number(said.payer_account_no),
        "payer_bank_line_no": row.bank,
        "agreement_no": number(said.agreement_no),
        "amount_fen": row.amount,
        "state": row.state,
        "code": row.code,
        "receipt": row.receipt,
        "debited_on": row.debited_on,
        "entrusted_on": row.entrusted_on,
        "settled_by_check_of": row.day,
        "listed_on": row.listed_on,
        "serial": row.serial,
        "package": row.package,
        "proposer": row.proposer,
        "file": row.file,
        "updated": moment(row.updated),
        "id": row.id,
    }


def word_facts(word: HistoryRow, seals: Seals, *, hidden: bool) -> dict[str, Any]:
    """A word on a debit; numbers in its text masked where `hidden`."""
    text = None if word.text is None else seals.open_text(bytes(word.text), word.debit_id)
    return {
        "time": moment(word.at),
        "word": word.word,
        "code": word.code,
        "text": mask_text(text) if text is not None and hidden else text,
        "state": word.state,
        "message": word.message_id,
    }


def file_facts(book: Asked, row: FileRow) -> dict[str, Any]:
    """A file with how its debits stand: state → [debits, fen]."""
    return {
        "file": row.message_id,
        "collector": row.collector,
        "proposer": row.proposer,
        "batch_no": row.batch_no,
        "entrusted_on": row.entrusted_on,
        "state": row.state,
        "count": row.count,
        "total_fen": row.total,
        "repeated": row.repeated,
        "reports": row.reports,
        "created": moment(row.created),
        "debits": book.ask(reads.standing, row.message_id),
    }


def package_facts(book: Asked, file: str) -> list[dict[str, Any]]:
    """The packages of a file."""
    return [
        {
            "package": row.batch_no,
            "count": row.count,
            "total_fen": row.total,
            "state": row.state,
            "answered": bool(row.answered),
            "delivery": delivery,
            "message": row.message_id,
        }
        for row, delivery in book.ask(reads.packages, file)
    ]


def day_facts(book: Asked, row: DayRow) -> dict[str, Any]:
    """A day, and which parts of its latest check have come."""
    there = book.ask(reads.parts, row.collector, row.day)
    latest = [part for part in there if part.batch_no == (row.batch_no or there[-1].batch_no)]
    return {
        "day": row.day,
        "collector": row.collector,
        "compared": row.batch_no is not None,
        "check": row.batch_no,
        "count": row.count,
        "total_fen": row.total,
        "settled": row.settled,
        "differences": row.differences,
        "parts": [part.part_no for part in latest],
        "part_count": latest[-1].part_count if latest else None,
        "since": moment(latest[0].created) if latest else None,
        "messages": [part.message_id for part in latest],
        "updated": moment(row.updated),
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
        "collector": row.collector,
        "day": row.day,
        "package": row.batch_no,
        "reference": row.reference,
        "ours": told(row.ours),
        "theirs": told(row.theirs),
        "message": row.message_id or None,
        "created": moment(row.created),
        "closed_at": moment(row.closed_at) or None,
        "closed_by": row.closed_by,
        "reason": row.reason,
    }


def receipt_facts(
    configuration: Configuration, book: Asked, row: DebitRow, seals: Seals, *, hidden: bool
) -> dict[str, Any]:
    """A receipt, with the messages that it rests on: each is in the audit log, and can be proved.

    Raises:
        NotPossible: no money was taken.
    """
    if row.receipt is None:
        raise NotPossible(
            f"票号 {row.voucher_no} 没有收据：未扣款成功（{row.state}）",
            f"{row.voucher_no} has no receipt: no money was taken ({row.state})",
        )
    levies = configuration.levies
    titles = {} if levies is None else {one.name: one.title for one in levies.collectors}
    facts = debit_facts(row, seals, hidden=hidden)
    shown = ("receipt", "voucher_no", "contributor_name", "contributor_no", "employer_code", "amount_fen")
    words = [word for word in book.ask(reads.history, row.id) if word.state in (SUCCESS, REVERSED)]
    return {
        **{name: facts[name] for name in shown},
        "collector": titles.get(row.collector, row.collector),
        "debited_on": row.debited_on,
        "void": row.state == REVERSED,
        "messages": [row.file, *dict.fromkeys(word.message_id for word in words)],
    }
