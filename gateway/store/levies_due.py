"""What the duty of the book of levies looks for, every few seconds: each question is answered from an index of what is open."""

# ruff: noqa: S608 (only names of columns, and conditions that this program defines, are put into the texts)

from __future__ import annotations

from gateway.store.levies import OPEN_SQL, EarlyRow, FileRow, PackageRow
from gateway.store.levies_reads import columns, rows
from gateway.store.session import Session

#: As the index on what falls due says it.
_UNSETTLED = "d.state IN ('held', 'waiting', 'in-doubt', 'dead') AND d.state <> 'held'"
#: The check of the debit's day is in, and does not have it.
_NOT_IN_CHECK = """b.listed_on IS NULL AND EXISTS (SELECT 1 FROM levy_days y
    WHERE y.collector = b.collector AND y.day = b.day AND y.batch_no IS NOT NULL)"""
_IN_PACKAGE = "b.package = p.batch_no AND b.entrusted_on = p.entrusted_on AND b.collector = p.collector"


def ended_packages(session: Session, limit: int) -> list[tuple[PackageRow, str]]:
    """Packages whose delivery has ended, and who do not know it, each with the delivery's state."""
    found = session.rows(
        f"""SELECT {columns(PackageRow, "p.")}, d.state FROM levy_packages p
            JOIN deliveries d ON d.id = p.delivery_id
            WHERE p.state = 'released' AND d.state IN ('accepted', 'rejected', 'reversed') LIMIT ?""",
        (limit,),
    )
    return [(rows(PackageRow, [row[:-1]])[0], str(row[-1])) for row in found]


def ended_singles(session: Session, collector: str, partner: str, limit: int) -> list[tuple[str, str, str]]:
    """(debit, delivery, its state) of real-time debits without a word whose delivery has ended."""
    return [
        (debit, delivery, state)
        for debit, delivery, state in session.rows(
            """SELECT b.id, d.id, d.state FROM levy_debits b JOIN deliveries d ON d.message_id = b.file
                WHERE b.collector = ? AND b.way = 'single' AND b.state = 'asked' AND d.partner = ?
                AND d.state IN ('accepted', 'rejected', 'reversed') LIMIT ?""",
            (collector, partner, limit),
        )
    ]


def unsettled(session: Session, partner: str, limit: int) -> list[tuple[str, bool]]:
    """(delivery, whether it took effect) of deliveries to a partner that nobody knows the fate of but the book.

    A package took effect where its results have come or any debit of it succeeded, and had none where all were settled so.
    A real-time debit is left to its adapter, which has the answer for those who wait, until the day's check is in and says
    the same as the book: whether that has settled the debit, or a word that came too late for the adapter.
    """
    took = session.rows(
        f"""SELECT d.id FROM deliveries d JOIN levy_packages p ON p.delivery_id = d.id
            WHERE {_UNSETTLED} AND d.partner = ? AND p.state IN ('sent', 'closed')
            AND (p.answered = 1 OR EXISTS (SELECT 1 FROM levy_debits b WHERE {_IN_PACKAGE} AND b.state = 'success'))
            UNION SELECT d.id FROM deliveries d JOIN levy_debits b ON b.file = d.message_id AND b.way = 'single'
            WHERE {_UNSETTLED} AND d.partner = ? AND b.state = 'success'
            AND b.listed_on IS NOT NULL LIMIT ?""",
        (partner, partner, limit),
    )
    without = session.rows(
        f"""SELECT d.id FROM deliveries d JOIN levy_packages p ON p.delivery_id = d.id
            WHERE {_UNSETTLED} AND d.state <> 'waiting' AND d.partner = ? AND p.state = 'closed' AND p.answered = 0
            AND NOT EXISTS (SELECT 1 FROM levy_debits b WHERE {_IN_PACKAGE} AND b.state <> 'no-effect')
            UNION SELECT d.id FROM deliveries d JOIN levy_debits b ON b.file = d.message_id AND b.way = 'single'
            WHERE {_UNSETTLED} AND d.state <> 'waiting' AND d.partner = ?
            AND b.state IN ('no-effect', 'refused', 'reversed') AND {_NOT_IN_CHECK} LIMIT ?""",
        (partner, partner, limit),
    )
    return [(id_, True) for (id_,) in took] + [(id_, False) for (id_,) in without]


def early(session: Session, limit: int) -> list[tuple[EarlyRow, str]]:
    """Words that had come too early, with the voucher numbers of their debits, which are there now."""
    early_columns = f"{columns(EarlyRow, 'e.')}, d.voucher_no"
    found = session.rows(
        f"""SELECT {early_columns} FROM levy_early e JOIN levy_debits d ON d.voucher_no = e.voucher_no
            AND d.collector = e.collector WHERE d.state <> 'arriving'
            UNION ALL SELECT {early_columns} FROM levy_early e JOIN levy_debits d ON d.serial = e.serial
            AND d.entrusted_on = e.entrusted_on AND d.collector = e.collector AND d.way = 'single'
            WHERE e.voucher_no IS NULL ORDER BY 1 LIMIT ?""",
        (limit,),
    )
    return [(rows(EarlyRow, [row[:-1]])[0], str(row[-1])) for row in found]


def untold(session: Session, before: int, limit: int) -> list[EarlyRow]:
    """Words that have been waiting for their debits since before then, of which people do not know."""
    return rows(
        EarlyRow,
        session.rows(
            f"SELECT {columns(EarlyRow)} FROM levy_early WHERE told = 0 AND created < ? ORDER BY n LIMIT ?",
            (before, limit),
        ),
    )


def touched(session: Session, limit: int) -> list[tuple[FileRow, bool]]:
    """Files of which a debit has come to an end, and whether all of them have."""
    found = rows(
        FileRow,
        session.rows(
            f"SELECT {columns(FileRow)} FROM levy_files WHERE touched > 0 ORDER BY message_id LIMIT ?",
            (limit,),
        ),
    )
    waiting = f"""SELECT 1 FROM levy_debits WHERE file = ? AND state IN ({OPEN_SQL})
        UNION ALL SELECT 1 FROM levy_repeats r JOIN levy_debits d ON d.id = r.debit_id
        WHERE r.file = ? AND d.state IN ({OPEN_SQL}) LIMIT 1"""
    return [
        (row, row.state in ("sent", "single") and not session.rows(waiting, (row.message_id,) * 2))
        for row in found
    ]


def awaited(session: Session, collector: str, until: str) -> list[str]:
    """Days up to `until` with debits whose check is not complete, and of which people have not been told."""
    found = session.rows(
        """SELECT y.day FROM levy_days y WHERE y.collector = ? AND y.batch_no IS NULL AND y.late = 0
            AND y.day <= ? AND (EXISTS (SELECT 1 FROM levy_check_parts c
                    WHERE c.collector = y.collector AND c.day = y.day)
                OR EXISTS (SELECT 1 FROM levy_debits d WHERE d.collector = y.collector AND d.day = y.day
                    AND d.state IN ('asked', 'sent', 'doubtful'))
                OR EXISTS (SELECT 1 FROM levy_debits d WHERE d.collector = y.collector
                    AND d.debited_on = y.day AND d.state = 'success')) ORDER BY y.day""",
        (collector, until),
    )
    return [day for (day,) in found]
