"""What agencies, people and the network's calendar do in the book of levies; each runs as `Work` in the writer's
transaction. A guard that does not hold raises `Moved`, which undoes the whole unit.
"""

# ruff: noqa: S608 (only marks, and names that this program defines, are put into the texts)

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import astuple

from gateway.store.api import Accept, AuditRow
from gateway.store.errors import Moved
from gateway.store.group import accept_new
from gateway.store.intake import begin_intake, end_intake, go_on
from gateway.store.levies import AgreementRow, DebitRow, FileRow, PackageRow, TakeIn
from gateway.store.session import Session, WriteSession


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


_DEBIT: Final = _insert("levy_debits", DebitRow.__struct_fields__)
_FILE: Final = _insert("levy_files", FileRow.__struct_fields__)
_PACKAGE: Final = _insert("levy_packages", PackageRow.__struct_fields__)
_AGREEMENT: Final = _insert("levy_agreements", AgreementRow.__struct_fields__)
#: A delivery that may still go out, on whatever day that will be.
_TO_COME: Final = "('held', 'pending', 'sending', 'waiting', 'dead')"
_OPEN_DAY: Final = "INSERT INTO levy_days (collector, day, count, total, differences, settled, late, updated)"
#: Why a debit is refused before it is sent.
NO_AGREEMENT: Final = "agreement"


# Taking in


def open_file(session: Session, row: FileRow) -> None:
    """Its debits follow. Nothing where it is open already."""
    session.run(f"{_FILE} ON CONFLICT DO NOTHING", astuple(row))


def take_in(session: Session, unit: TakeIn) -> list[int]:
    """A chunk of debits. The numbers in the file of those that contradict what stands in the book are returned, and
    then nothing was written; what stood there before in the same words is noted and left as it is.
    """
    if begin_intake(session, unit.message_id) != (unit.position, False):
        raise Moved  # or what this piece itself has put there would contradict it
    known = _known(session, unit.rows)
    conflicts: list[int] = []
    new: list[DebitRow] = []
    repeats: list[tuple[str, int, str, str]] = []
    for row in unit.rows:
        found = known.get(row.voucher_no)
        if found is None:
            new.append(row)
        elif found.digest != row.digest or found.file == row.file or found.state == "arriving":
            conflicts.append(row.number)
        else:
            repeats.append((row.file, row.number, row.serial, found.id))
        # Once more in this file it is a conflict, whoever had it first.
        known[row.voucher_no] = _Known(row.id, row.digest, row.state, row.file)
    if conflicts:
        return conflicts
    go_on(session, unit.message_id, unit.position, unit.after)
    session.many(_DEBIT, [astuple(row) for row in new])
    session.many("INSERT INTO levy_repeats (file, number, serial, debit_id) VALUES (?, ?, ?, ?)", repeats)
    session.run(
        """UPDATE levy_files SET count = count + ?, total = total + ?, repeated = repeated + ?
            WHERE message_id = ?""",
        (len(new), sum(row.amount for row in new), len(repeats), unit.message_id),
    )
    return []


class _Known(NamedTuple):
    """What is known of a voucher number."""

    id: str
    digest: bytes
    state: str
    file: str


def _known(session: Session, rows: Sequence[DebitRow]) -> dict[str, _Known]:
    """By voucher number. What the file has had already is the file's, though another one had it first."""
    marks = ",".join("?" * len(rows))
    found = session.rows(
        f"""SELECT d.voucher_no, d.id, d.digest, d.state, coalesce(r.file, d.file) FROM levy_debits d
            LEFT JOIN levy_repeats r ON r.debit_id = d.id AND r.file = ?
            WHERE d.voucher_no IN ({marks}) AND d.collector = ?""",
        (rows[0].file, *(row.voucher_no for row in rows), rows[0].collector),
    )
    return {voucher: _Known(id_, bytes(digest), state, file) for voucher, id_, digest, state, file in found}


def confirm(session: Session, message_id: str, partner: str, at: int) -> None:
    """All debits of the file are in: they are asked for, but for those without an agreement."""
    session.run(
        f"""UPDATE levy_debits SET state = CASE code WHEN '{NO_AGREEMENT}' THEN 'refused' ELSE 'asked' END,
            updated = ? WHERE file = ? AND state = 'arriving'""",
        (at, message_id),
    )
    session.run("UPDATE levy_files SET state = 'registered' WHERE message_id = ?", (message_id,))
    _await_day(session, message_id, partner, at)


def _await_day(session: Session, file: str, partner: str, at: int) -> None:
    """The debits of a message are settled by the check of the day they go out on: from the network's present one on, where
    that is known, whatever day their sender wrote."""
    for (day,) in session.rows("SELECT day FROM levy_network WHERE partner = ?", (partner,)):
        session.run("UPDATE levy_debits SET day = ? WHERE file = ?", (day, file))
    session.run(
        f"""{_OPEN_DAY} SELECT DISTINCT collector, day, 0, 0, 0, 0, 0, cast(? AS bigint) FROM levy_debits
            WHERE file = ? AND state = 'asked' ON CONFLICT DO NOTHING""",
        (at, file),
    )


def refuse(session: WriteSession, message_id: str, told: Sequence[Accept]) -> None:
    """Nothing of the file stays but that it was refused; `told` tells its proposer.

    Raises:
        Moved: all of it has been taken in, or refused, meanwhile.
    """
    if begin_intake(session, message_id)[1]:
        raise Moved
    session.run("DELETE FROM levy_debits WHERE file = ? AND state = 'arriving'", (message_id,))
    session.run("DELETE FROM levy_repeats WHERE file = ?", (message_id,))
    session.run(
        "UPDATE levy_files SET state = 'refused', count = 0, total = 0, repeated = 0 WHERE message_id = ?",
        (message_id,),
    )
    end_intake(session, message_id)
    for message in told:
        accept_new(session, message)


def pack(session: WriteSession, row: PackageRow, ids: Sequence[str], message: Accept) -> None:
    """A package with its debits, and the message that carries it.

    Raises:
        Moved: one of them is in a package already.
    """
    session.run(_PACKAGE, astuple(row))
    changed = session.many(
        "UPDATE levy_debits SET package = ? WHERE id = ? AND package IS NULL AND state = 'asked'",
        [(row.batch_no, id_) for id_ in ids],
    )
    if changed != row.count:
        raise Moved
    accept_new(session, message)


def packed(session: Session, message_id: str) -> None:
    """All debits of the file are in packages: it is worked off."""
    session.run(
        "UPDATE levy_files SET state = 'sent', touched = touched + 1 WHERE message_id = ?", (message_id,)
    )
    end_intake(session, message_id)


def ask(session: Session, file: FileRow, row: DebitRow, partner: str) -> str | None:
    """A real-time debit, which goes to the network without the book. Where the book has its voucher number already:
    `same` (the same message), `again` (the same levy, asked for once more) or `conflict` (another one)."""
    found = session.rows(
        "SELECT digest, file FROM levy_debits WHERE voucher_no = ? AND collector = ?",
        (row.voucher_no, row.collector),
    )
    if found:
        [(digest, first)] = found
        return "same" if first == row.file else "again" if bytes(digest) == row.digest else "conflict"
    open_file(session, file)
    session.run(_DEBIT, astuple(row))
    _await_day(session, row.file, partner, row.created)
    return None


# The network


def agree(session: Session, row: AgreementRow) -> None:
    """What was answered about an agreement; the latest answer counts."""
    session.run(
        f"""{_AGREEMENT} ON CONFLICT (collector, tag) DO UPDATE SET state = excluded.state, at = excluded.at,
            message_id = excluded.message_id WHERE excluded.at >= levy_agreements.at""",
        astuple(row),
    )


def new_day(session: Session, partner: str, collectors: Sequence[str], day: str, since: int, at: int) -> None:
    """The network behind a partner has a new working day, as was known from `since` on: what is still to go out goes out on
    it at the earliest, and what has moved since then may have gone out on it.

    An older day than the one that is known changes nothing.
    """
    newer = """INSERT INTO levy_network (partner, day) VALUES (?, ?) ON CONFLICT (partner) DO UPDATE
        SET day = excluded.day WHERE levy_network.day < excluded.day"""
    if not session.run(newer, (partner, day)) or not collectors:
        return
    marks = ",".join("?" * len(collectors))
    single = f"""way = 'single' AND EXISTS (SELECT 1 FROM deliveries d WHERE d.message_id = levy_debits.file
        AND d.partner = ? AND (d.state IN {_TO_COME} OR d.updated > ?))"""
    # A package in doubt may turn out never to have left.
    packaged = f"""EXISTS (SELECT 1 FROM levy_packages p JOIN deliveries d ON d.id = p.delivery_id
        WHERE p.collector = levy_debits.collector AND p.entrusted_on = levy_debits.entrusted_on
        AND p.batch_no = levy_debits.package AND (d.state IN {_TO_COME} OR d.state = 'in-doubt' OR d.updated > ?))"""
    moved = session.run(
        f"""UPDATE levy_debits SET day = ? WHERE collector IN ({marks}) AND day < ?
            AND state IN ('asked', 'sent', 'doubtful')
            AND (({single}) OR {packaged} OR (way = 'batch' AND package IS NULL))""",
        (day, *collectors, day, partner, since, since),
    )
    if moved:
        session.many(
            f"{_OPEN_DAY} VALUES (?, ?, 0, 0, 0, 0, 0, ?) ON CONFLICT DO NOTHING",
            [(name, day, at) for name in collectors],
        )


# People and reports


def close_difference(
    session: WriteSession, n: int, by: str, reason: str, at: int, audit: Sequence[AuditRow]
) -> None:
    """A person has looked into it."""
    closed = """UPDATE levy_differences SET closed_at = ?, closed_by = ?, reason = ?
        WHERE n = ? AND closed_at IS NULL"""
    if not session.run(closed, (at, by, reason, n)):
        raise Moved
    session.add_audit(audit)


def send(session: WriteSession, message: Accept, audit: Sequence[AuditRow]) -> None:
    """A question to the network that a person has asked for."""
    accept_new(session, message)
    session.add_audit(audit)


def looked(session: Session, message_id: str, touched: int) -> None:
    """A file was looked at, and nothing is to be reported; what has touched it since counts."""
    session.run(
        "UPDATE levy_files SET touched = 0 WHERE message_id = ? AND touched = ?", (message_id, touched)
    )


def report(session: WriteSession, message_id: str, touched: int, messages: Sequence[Accept]) -> bool:
    """The results of a file go back to its proposer. False where it has moved since."""
    again = (
        """UPDATE levy_files SET touched = 0, reports = reports + 1 WHERE message_id = ? AND touched = ?"""
    )
    if not session.run(again, (message_id, touched)):
        return False
    for message in messages:
        accept_new(session, message)
    return True
