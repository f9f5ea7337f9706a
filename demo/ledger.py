"""What people decide about payments, and what the book of payments says: for the scenes of the bank."""

from __future__ import annotations

from collections import Counter

from gateway.audit.entry import decode
from gateway.books.signing import Signer
from gateway.payments import batch_acts, item_acts
from gateway.payments.office import Office
from gateway.store import StoreSettings, open_reader
from gateway.store import payments_reads as reads
from gateway.store.payments import BatchRow
from gateway.store.session import Session

_ALL = 100_000


def approve(account: str, office: Office, who: Signer) -> None:
    """Everything that is proposed for an account."""
    wanted = reads.Wanted(account=account, state="proposed", limit=_ALL)
    item_acts.approve(office, who, office.book.ask(reads.items, wanted))


def build(account: str, kind: str, office: Office, who: Signer) -> list[BatchRow]:
    """Batches of everything that is approved."""
    return batch_acts.build(office, who, account, kind)


def release(batch: str, office: Office, who: Signer) -> None:
    """One batch."""
    batch_acts.release(office, who, batch_acts.batch_of(office, batch))


class Ledger:
    """The book, read beside the gateway, whether it runs or not."""

    def __init__(self, store: StoreSettings) -> None:
        self._store = store

    def proposed(self) -> set[str]:
        """The agencies' own numbers of files whose items wait for approval."""
        with open_reader(self._store) as reader:
            return {row.batch_id for row in reader.ask(reads.proposals, None, 100) if row.state == "proposed"}

    def batches(self, account: str) -> list[BatchRow]:
        """Of an account, oldest first."""
        with open_reader(self._store) as reader:
            return sorted(reader.ask(reads.batches, account, None, 10), key=lambda row: row.id)

    def closed(self, account: str) -> bool:
        """Whether every item of every batch of an account has come to its end."""
        return {row.state for row in self.batches(account)} == {"closed"}

    def counts(self, *batches: BatchRow) -> dict[str, int]:
        """state → items."""
        total: Counter[str] = Counter()
        with open_reader(self._store) as reader:
            for batch in batches:
                standing = reader.ask(reads.standing, batch.id)
                total.update({state: count for state, (count, _) in standing.items()})
        return dict(total)

    def history(self, batch: BatchRow, sequence: int) -> list[str]:
        """The bank's words on one item of a batch, oldest first."""
        with open_reader(self._store) as reader:
            item = reader.ask(reads.items_of, batch.id)[sequence - 1]
            return [word.status for word in reader.ask(reads.history, item.id)]

    def words(self, batches: list[BatchRow]) -> tuple[int, int]:
        """How many words of the bank's were booked on the items of batches, and on how many items."""

        def count(session: Session, batch: str) -> tuple[int, int]:
            [(words, items)] = session.rows(
                """SELECT count(*), count(DISTINCT h.item_id) FROM payment_history h
                    JOIN payment_items i ON i.id = h.item_id WHERE i.batch_id = ?""",
                (batch,),
            )
            return int(words), int(items)

        with open_reader(self._store) as reader:
            found = [reader.ask(count, batch.id) for batch in batches]
        return sum(words for words, _ in found), sum(items for _, items in found)

    def doubted(self, batch: BatchRow) -> bool:
        """Whether nobody knew for a while if the bank has it: the audit log tells."""
        with open_reader(self._store) as reader:
            entries = [decode(entry) for _, _, entry in reader.audit_of(batch.message_id or "")]
        return any((entry.detail or {}).get("outcome") == "unknown" for entry in entries)

    def differences(self) -> list[tuple[str, str | None]]:
        """Kind and reference of those that are open."""

        def found(session: Session) -> list[tuple[str, str | None]]:
            rows = reads.differences(session, None, closed=False, limit=10)
            return [(row.kind, row.reference) for row in rows]

        with open_reader(self._store) as reader:
            return reader.ask(found)
