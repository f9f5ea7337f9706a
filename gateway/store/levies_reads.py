"""The questions about the book of levies, for both databases. Plain functions on a session."""

# ruff: noqa: S608 (only marks, and names of columns that this program defines, are put into the texts)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gateway.store.levies import (
    OPEN,
    OPEN_SQL,
    DayRow,
    DebitRow,
    DifferenceRow,
    FileRow,
    HistoryRow,
    PackageRow,
    PartRow,
)
from gateway.store.session import Session

R = TypeVar("R", bound=Struct)


def columns(kind: type[Struct], of: str = "") -> str:
    """The columns of such rows, of the table called `of`."""
    return ", ".join(f"{of}{name}" for name in kind.__struct_fields__)


def rows(kind: type[R], found: Sequence[Sequence[Any]]) -> list[R]:
    """What a statement with these columns has found."""
    return [kind(**dict(zip(kind.__struct_fields__, values, strict=True))) for values in found]


def _one(kind: type[R], found: Sequence[Sequence[Any]]) -> R | None:
    made = rows(kind, found)
    return made[0] if made else None


class Booked(NamedTuple):
    """What has to be known of a debit to book a word on it."""

    id: str
    voucher_no: str
    way: str
    entrusted_on: str
    serial: str
    amount: int
    state: str
    package: str | None


_BOOKED = ", ".join(Booked._fields)


class Wanted(Struct, frozen=True, kw_only=True):
    """Which debits are listed; None means any."""

    collector: str | None = None
    state: str | None = None
    day: str | None = None
    file: str | None = None
    package: str | None = None
    voucher_no: str | None = None
    contributor_tag: bytes | None = None
    employer_tag: bytes | None = None
    after: str = ""
    limit: int = 50


# Debits


def debits(session: Session, what: Wanted) -> list[DebitRow]:
    """In order of id."""
    names = [name for name in what.__struct_fields__ if name not in ("after", "limit")]
    asked = {name: value for name in names if (value := getattr(what, name)) is not None}
    where = "".join(f" AND {name} = ?" for name in asked)
    if what.state in OPEN:
        where += f" AND state IN ({OPEN_SQL})"  # so that the index on open debits is used
    return rows(
        DebitRow,
        session.rows(
            f"SELECT {columns(DebitRow)} FROM levy_debits WHERE id > ?{where} ORDER BY id LIMIT ?",
            (what.after, *asked.values(), what.limit),
        ),
    )


class OpenShare(NamedTuple):
    """Debits without an end, of one working day and state; `total` in fen."""

    collector: str
    day: str
    state: str
    number: int
    total: int


def open_shares(session: Session, limit: int) -> list[OpenShare]:
    """Latest day first."""
    found = session.rows(
        f"""SELECT collector, day, state, count(*), sum(amount) FROM levy_debits WHERE state IN ({OPEN_SQL})
            GROUP BY collector, day, state ORDER BY day DESC, collector, state LIMIT ?""",
        (limit,),
    )
    return [OpenShare(collector, day, state, int(n), int(total)) for collector, day, state, n, total in found]


def booked(session: Session, collector: str, vouchers: Sequence[str]) -> list[Booked]:
    """The debits with these voucher numbers."""
    if not vouchers:
        return []
    marks = ",".join("?" * len(vouchers))
    found = session.rows(
        f"""SELECT {_BOOKED} FROM levy_debits
            WHERE voucher_no IN ({marks}) AND collector = ? AND state <> 'arriving'""",
        (*vouchers, collector),
    )
    return list(map(Booked._make, found))


def single(session: Session, collector: str, entrusted_on: str, serial: str) -> list[Booked]:
    """Real-time debits of that day and number."""
    found = session.rows(
        f"""SELECT {_BOOKED} FROM levy_debits
            WHERE serial = ? AND entrusted_on = ? AND collector = ? AND way = 'single'""",
        (serial, entrusted_on, collector),
    )
    return list(map(Booked._make, found))


def open_of(session: Session, collector: str, entrusted_on: str, batch_no: str, limit: int) -> list[Booked]:
    """Debits of a package that have no end."""
    found = session.rows(
        f"""SELECT {_BOOKED} FROM levy_debits WHERE package = ? AND entrusted_on = ? AND collector = ?
            AND state IN ({OPEN_SQL}) ORDER BY id LIMIT ?""",
        (batch_no, entrusted_on, collector, limit),
    )
    return list(map(Booked._make, found))


def history(session: Session, debit_id: str) -> list[HistoryRow]:
    """What was said of a debit, oldest first."""
    return rows(
        HistoryRow,
        session.rows(
            f"SELECT {columns(HistoryRow)} FROM levy_history WHERE debit_id = ? ORDER BY n", (debit_id,)
        ),
    )


def texts(session: Session, ids: Sequence[str], state: str) -> dict[str, bytes]:
    """debit → the sealed text of the last word that led to this state, where there is one."""
    marks = ",".join("?" * len(ids))
    found = session.rows(
        f"""SELECT debit_id, text FROM levy_history
            WHERE debit_id IN ({marks}) AND state = ? AND text IS NOT NULL ORDER BY n""",
        (*ids, state),
    )
    return {debit_id: bytes(text) for debit_id, text in found}


def agreed(session: Session, collector: str, tags: Sequence[bytes]) -> set[bytes]:
    """Those of these agreements that are verified."""
    marks = ",".join("?" * len(tags))
    found = session.rows(
        f"SELECT tag FROM levy_agreements WHERE collector = ? AND state = 'verified' AND tag IN ({marks})",
        (collector, *tags),
    )
    return {bytes(tag) for (tag,) in found}


# Files and packages


def file(session: Session, message_id: str) -> FileRow | None:
    return _one(
        FileRow,
        session.rows(f"SELECT {columns(FileRow)} FROM levy_files WHERE message_id = ?", (message_id,)),
    )


def files(session: Session, collector: str | None, limit: int) -> list[FileRow]:
    """Newest first."""
    return rows(
        FileRow,
        session.rows(
            f"""SELECT {columns(FileRow)} FROM levy_files WHERE collector = coalesce(?, collector)
                AND state <> 'single' ORDER BY message_id DESC LIMIT ?""",
            (collector, limit),
        ),
    )


def debits_of(session: Session, message_id: str, after: tuple[str, int], limit: int) -> list[DebitRow]:
    """The debits of a file, bank by bank: those behind (bank, number)."""
    return rows(
        DebitRow,
        session.rows(
            f"""SELECT {columns(DebitRow)} FROM levy_debits WHERE file = ? AND (bank, number) > (?, ?)
                ORDER BY bank, number LIMIT ?""",
            (message_id, *after, limit),
        ),
    )


def repeats_of(session: Session, message_id: str) -> list[DebitRow]:
    """Debits that stand in a file and had been registered before; number and serial are those of this file."""
    found = session.rows(
        f"""SELECT {columns(DebitRow, "d.")}, r.number, r.serial FROM levy_repeats r
            JOIN levy_debits d ON d.id = r.debit_id WHERE r.file = ? ORDER BY r.number""",
        (message_id,),
    )
    return [
        replace(row, number=int(number), serial=str(serial))
        for row, (number, serial) in zip(
            rows(DebitRow, [values[:-2] for values in found]), [values[-2:] for values in found], strict=True
        )
    ]


def unpacked(session: Session, message_id: str, after: tuple[str, int], limit: int) -> list[DebitRow]:
    """The next debits of a file that no package holds, all for one bank; those behind (bank, number)."""
    found = rows(
        DebitRow,
        session.rows(
            f"""SELECT {columns(DebitRow)} FROM levy_debits WHERE file = ? AND (bank, number) > (?, ?)
                AND package IS NULL AND state = 'asked' ORDER BY bank, number LIMIT ?""",
            (message_id, *after, limit),
        ),
    )
    return [row for row in found if row.bank == found[0].bank]


def package(session: Session, collector: str, entrusted_on: str, batch_no: str) -> PackageRow | None:
    return _one(
        PackageRow,
        session.rows(
            f"""SELECT {columns(PackageRow)} FROM levy_packages
                WHERE collector = ? AND entrusted_on = ? AND batch_no = ?""",
            (collector, entrusted_on, batch_no),
        ),
    )


def packages(session: Session, message_id: str) -> list[tuple[PackageRow, str]]:
    """The packages of a file, each with the state of its delivery."""
    found = session.rows(
        f"""SELECT {columns(PackageRow, "p.")}, coalesce(d.state, '') FROM levy_packages p
            LEFT JOIN deliveries d ON d.id = p.delivery_id WHERE p.file = ? ORDER BY p.batch_no""",
        (message_id,),
    )
    return [(rows(PackageRow, [row[:-1]])[0], str(row[-1])) for row in found]


def standing(session: Session, message_id: str) -> dict[str, tuple[int, int]]:
    """state → (debits, fen), of a file."""
    found = session.rows(
        "SELECT state, count(*), sum(amount) FROM levy_debits WHERE file = ? GROUP BY state ORDER BY state",
        (message_id,),
    )
    return {state: (int(count), int(total)) for state, count, total in found}


# Days and differences


def days(session: Session, collector: str | None, limit: int) -> list[DayRow]:
    """Latest first."""
    return rows(
        DayRow,
        session.rows(
            f"""SELECT {columns(DayRow)} FROM levy_days WHERE collector = coalesce(?, collector)
                ORDER BY day DESC, collector LIMIT ?""",
            (collector, limit),
        ),
    )


def parts(session: Session, collector: str, day: str) -> list[PartRow]:
    """The parts of a day's checks that have come."""
    return rows(
        PartRow,
        session.rows(
            f"""SELECT {columns(PartRow)} FROM levy_check_parts WHERE collector = ? AND day = ?
                ORDER BY batch_no, part_no""",
            (collector, day),
        ),
    )


def differences(session: Session, collector: str | None, closed: bool, limit: int) -> list[DifferenceRow]:
    """Oldest first; those that are open, or with `closed` all."""
    which = "" if closed else " AND closed_at IS NULL"
    return rows(
        DifferenceRow,
        session.rows(
            f"""SELECT {columns(DifferenceRow)} FROM levy_differences
                WHERE collector = coalesce(?, collector){which} ORDER BY n LIMIT ?""",
            (collector, limit),
        ),
    )


def differences_of(session: Session, debit_id: str) -> list[DifferenceRow]:
    """Open ones about one debit, oldest first."""
    return rows(
        DifferenceRow,
        session.rows(
            f"""SELECT {columns(DifferenceRow)} FROM levy_differences
                WHERE closed_at IS NULL AND debit_id = ? ORDER BY n""",
            (debit_id,),
        ),
    )


def difference(session: Session, n: int) -> DifferenceRow | None:
    return _one(
        DifferenceRow,
        session.rows(f"SELECT {columns(DifferenceRow)} FROM levy_differences WHERE n = ?", (n,)),
    )
