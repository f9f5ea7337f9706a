"""The records benchmark's book of payments: a batch that the bank has, with an item for every line of its return.

Stocked by SQL: a million items proposed, approved and released one by one would take longer than what is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from msgspec.structs import astuple

from bench.records_file import BATCH, expected
from gateway.canonical.payment import outcome
from gateway.engine.config import Configuration
from gateway.payments.seals import Seals
from gateway.payments.settings import PaymentsSettings
from gateway.store import open_reader
from gateway.store.database import database_for
from gateway.store.keyring import KeyRing
from gateway.store.payments import BatchRow, ItemRow
from gateway.store.session import Session

SETTINGS: Final = PaymentsSettings.model_validate(
    {
        "accounts": [
            {
                "name": "fund",
                "title": "示例基金户",
                "bank": "bank",
                "account_no": "6229990000000000019",
                "account_name": "示例经办机构",
                "party_id": "990101",
                "kinds": ["credit-transfer"],
                "max_amount": "1000000.00",
            }
        ]
    }
)
_AT: Final = 1_793_000_000_000


def stock(configuration: Configuration, count: int) -> None:
    """Puts the batch into a new database, before the gateway opens it."""
    ring = KeyRing.load_or_create(configuration.keyring_file)
    seals = Seals.load(ring, configuration.tag_file)
    database = database_for(configuration.gateway.store)
    session = database.open_writer()
    session.begin()
    _insert(session, "payment_batches", [astuple(_batch(count))])
    rest = (astuple(item) for item in _items(seals, count))
    while rows := list(islice(rest, 10_000)):
        _insert(session, "payment_items", rows)
    session.commit()
    session.close()
    database.release()


def booked(configuration: Configuration, count: int) -> dict[str, int]:
    """What the book says afterwards: items whose end is not the file's, and words too many or too few."""
    should = {"settled": 0, "rejected": 0}
    for number in range(1, count + 1):
        should[outcome(expected(number).status)] += 1
    with open_reader(configuration.gateway.store) as reader:
        states = dict(
            reader.ask(lambda s: s.rows("SELECT state, count(*) FROM payment_items GROUP BY state"))
        )
        [(words,)] = reader.ask(lambda s: s.rows("SELECT count(*) FROM payment_history"))
        [(differences,)] = reader.ask(lambda s: s.rows("SELECT count(*) FROM payment_differences"))
    wrong = sum(abs(states.get(state, 0) - number) for state, number in should.items())
    return {"book_wrong": wrong, "book_words_off": abs(words - count), "book_differences": differences}


def _batch(count: int) -> BatchRow:
    return BatchRow(
        id=BATCH,
        account="fund",
        bank="bank",
        kind="credit-transfer",
        state="released",
        count=count,
        total=0,
        digest="",
        salt=b"",
        created=_AT,
        built_by="bench",
        updated=_AT,
    )


def _items(seals: Seals, count: int) -> Iterator[ItemRow]:
    for number in range(1, count + 1):
        line = expected(number)
        yield ItemRow(
            id=f"01a00000-0000-7000-8000-{number:012d}",
            account="fund",
            kind="credit-transfer",
            proposer="agency",
            proposal="bench",
            end_to_end_id=f"E{number}",
            own_reference=None,
            own_sequence=number,
            amount=line.amount or 0,
            state="released",
            account_tag=seals.tag(line.account_no or ""),
            digest=b"",
            sealed=b"",
            batch_id=BATCH,
            batch_sequence=number,
            created=_AT,
            updated=_AT,
        )


def _insert(session: Session, table: str, rows: list[tuple[object, ...]]) -> None:
    session.many(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
