"""The bank's books: accounts, agreements (三方协议), what was asked for, and every movement of money. One SQLite file.

`Σ balance == Σ opening + Σ movements` holds after every transaction, and `twice` names every voucher that was paid twice.
"""

from __future__ import annotations

import csv
import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS accounts (
    account TEXT PRIMARY KEY, holder TEXT NOT NULL, opening INTEGER NOT NULL, balance INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS agreements (
    agreement TEXT PRIMARY KEY, collector TEXT NOT NULL, contributor TEXT NOT NULL, name TEXT NOT NULL,
    account TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0, verified INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS debits (
    collector TEXT NOT NULL, day TEXT NOT NULL, serial TEXT NOT NULL, pack TEXT NOT NULL, voucher TEXT NOT NULL,
    account TEXT NOT NULL, amount INTEGER NOT NULL, payee_bank TEXT NOT NULL, state TEXT NOT NULL,
    code TEXT NOT NULL, text TEXT NOT NULL, debited_on TEXT NOT NULL, PRIMARY KEY (collector, day, serial));
CREATE TABLE IF NOT EXISTS movements (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, amount INTEGER NOT NULL, kind TEXT NOT NULL,
    voucher TEXT NOT NULL, collector TEXT NOT NULL, day TEXT NOT NULL, serial TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS moved ON movements (voucher);
"""

#: `blocked`: its reversal came before it did.
State = Literal["success", "refused", "reversed", "blocked"]


class Debit(Struct, frozen=True, kw_only=True):
    """One debit as the bank has it."""

    collector: str
    day: str  #: EntrustDate
    serial: str  #: TraNo
    pack: str = ""  #: PackNo of the 3102
    voucher: str = ""
    account: str = ""
    amount: int = 0  #: fen
    payee_bank: str = ""
    state: State
    code: str
    text: str
    debited_on: str = ""


class Order(Struct, frozen=True, kw_only=True):
    """What the bank is asked to take."""

    collector: str
    day: str
    serial: str
    pack: str = ""
    voucher: str
    account: str
    holder: str
    name: str  #: of the contributor
    agreement: str
    amount: int
    payee_bank: str


class Accounts:
    """The books; a transaction for each call, or for all within `together`."""

    def __init__(self, file: Path) -> None:
        self._books = sqlite3.connect(file, isolation_level=None, timeout=10.0)
        self._books.execute("PRAGMA journal_mode = WAL")
        self._books.execute("PRAGMA synchronous = NORMAL")
        self._books.executescript(_TABLES)

    def close(self) -> None:
        """Ends using the file."""
        self._books.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All or nothing."""
        self._books.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._books.execute("ROLLBACK")
            raise
        self._books.execute("COMMIT")

    def enter(self, file: Path) -> None:
        """Takes accounts and agreements from a CSV file with a head: agreement, collector, contributor, name, account, holder,
        balance in fen, verified (1 or 0). Those that are known already stay as they are."""
        with file.open(encoding="utf-8", newline="") as rows, self.together():
            for row in csv.DictReader(rows):
                self.agree(row)

    def agree(self, row: Mapping[str, str]) -> None:
        """One account with its agreement; see `enter`."""
        self._books.execute(
            "INSERT INTO accounts VALUES (:account, :holder, :balance, :balance) ON CONFLICT DO NOTHING",
            {**row, "balance": int(row["balance"])},
        )
        self._books.execute(
            "INSERT INTO agreements (agreement, collector, contributor, name, account, verified)"
            " VALUES (:agreement, :collector, :contributor, :name, :account, :verified) ON CONFLICT DO NOTHING",
            dict(row),
        )

    def find(self, collector: str, day: str, serial: str) -> Debit | None:
        """A debit that was asked for before."""
        row = self._books.execute(
            "SELECT * FROM debits WHERE collector = ? AND day = ? AND serial = ?", (collector, day, serial)
        ).fetchone()
        return None if row is None else _debit(row)

    def take(self, order: Order, work_date: str) -> Debit:
        """Takes the money, or refuses to: what became of it is on record either way. Once for a number: the same again is
        answered as it was."""
        known = self.find(order.collector, order.day, order.serial)
        if known is not None:
            return known
        text = self._objection(order)
        done = Debit(
            collector=order.collector, day=order.day, serial=order.serial, pack=order.pack,
            voucher=order.voucher, account=order.account, amount=order.amount, payee_bank=order.payee_bank,
            state="refused" if text else "success", code="90001" if text else "90000",
            text=text or "成功", debited_on="" if text else work_date,
        )  # fmt: skip
        self._record(done)
        if not text:
            self._move(done, "debit", -done.amount)
        return done

    def reverse(self, collector: str, day: str, serial: str, work_date: str) -> bool:
        """Gives the money back where it was taken, and sees to it that it is not taken later. Whether nothing is taken now."""
        known = self.find(collector, day, serial)
        if known is None:
            self._record(
                Debit(
                    collector=collector, day=day, serial=serial, state="blocked", code="90001",
                    text="已冲正", debited_on=work_date,
                )
            )  # fmt: skip
            return True
        if known.state == "success":
            self._books.execute(
                "UPDATE debits SET state = 'reversed', code = '90001', text = '已冲正'"
                " WHERE collector = ? AND day = ? AND serial = ?",
                (collector, day, serial),
            )
            self._move(known, "reversal", known.amount)
        return known.state in ("success", "reversed", "blocked")

    def prove(self, asked: Mapping[str, str], *, revoke: bool) -> str | None:
        """Verifies an agreement, or ends it: None, or what is wrong with it.

        Args:
            asked: TaxOrgCode, TaxPayCode, TaxPayName, PayAcct, HandOrgName, ProtocolNo.
        """
        row = self._agreement(asked["ProtocolNo"])
        if row is None or row["state"] != 0:
            return "三方协议不存在或已撤销"
        given = [asked[n] for n in ("TaxOrgCode", "TaxPayCode", "TaxPayName", "PayAcct", "HandOrgName")]
        stored = [row[n] for n in ("collector", "contributor", "name", "account", "holder")]
        if list(map(plain, given)) != list(map(plain, stored)):
            return "三方协议要素不符"
        change = "state = 1, verified = 2" if revoke else "verified = 1"
        self._books.execute(
            f"UPDATE agreements SET {change} WHERE agreement = ?",  # noqa: S608 - one of two texts of our own
            (asked["ProtocolNo"],),
        )
        return None

    def made(self, debited_on: str, payee_bank: str) -> list[Debit]:
        """All debits of a day that stand."""
        rows = self._books.execute(
            "SELECT * FROM debits WHERE debited_on = ? AND payee_bank = ? AND state = 'success' ORDER BY rowid",
            (debited_on, payee_bank),
        )
        return [_debit(row) for row in rows]

    # What a test asks

    def debited(self) -> dict[str, int]:
        """Of each voucher how much is taken now, in fen; nothing where all was given back."""
        rows = self._books.execute(
            "SELECT voucher, -sum(amount) FROM movements GROUP BY voucher HAVING sum(amount) != 0"
        )
        return dict(rows.fetchall())

    def twice(self) -> list[str]:
        """Vouchers for which money was taken again while it was taken already: none, ever."""
        rows = self._books.execute(
            "SELECT DISTINCT voucher FROM (SELECT voucher, sum(iif(kind = 'debit', 1, -1))"
            " OVER (PARTITION BY voucher ORDER BY id) AS taken FROM movements) WHERE taken > 1"
        )
        return [row[0] for row in rows]

    def movements(self, voucher: str) -> list[str]:
        """What was done for a voucher, in order: `debit`, `reversal`."""
        rows = self._books.execute("SELECT kind FROM movements WHERE voucher = ? ORDER BY id", (voucher,))
        return [row[0] for row in rows]

    def balanced(self) -> bool:
        """Whether all balances are what the movements make of the openings."""
        [(difference,)] = self._books.execute(
            "SELECT (SELECT coalesce(sum(balance - opening), 0) FROM accounts)"
            " - (SELECT coalesce(sum(amount), 0) FROM movements)"
        )
        return bool(difference == 0)

    # Within

    def _objection(self, order: Order) -> str | None:
        row = self._agreement(order.agreement)
        if row is None or row["state"] != 0:
            return "三方协议不存在或已撤销"
        if not row["verified"]:
            return "三方协议未验证"
        given = [order.collector, order.account, order.holder, order.name]
        stored = [row[n] for n in ("collector", "account", "holder", "name")]
        if list(map(plain, given)) != list(map(plain, stored)):
            return "三方协议要素不符"
        return "余额不足" if row["balance"] < order.amount else None

    def _agreement(self, number: str) -> dict[str, Any] | None:
        found = self._books.execute(
            "SELECT * FROM agreements JOIN accounts USING (account) WHERE agreement = ?", (number,)
        )
        row = found.fetchone()
        return None if row is None else {c[0]: v for c, v in zip(found.description, row, strict=True)}

    def _record(self, debit: Debit) -> None:
        values = [getattr(debit, name) for name in Debit.__struct_fields__]
        self._books.execute("INSERT INTO debits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def _move(self, debit: Debit, kind: str, amount: int) -> None:
        self._books.execute(
            "INSERT INTO movements (account, amount, kind, voucher, collector, day, serial)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (debit.account, amount, kind, debit.voucher, debit.collector, debit.day, debit.serial),
        )
        self._books.execute(
            "UPDATE accounts SET balance = balance + ? WHERE account = ?", (amount, debit.account)
        )


def plain(text: object) -> str:
    """Full-width letters, digits and spaces as half-width ones, as banks compare names."""
    return unicodedata.normalize("NFKC", str(text)).replace(" ", "")


def _debit(row: tuple[object, ...]) -> Debit:
    return Debit(**dict(zip(Debit.__struct_fields__, row, strict=True)))  # type: ignore[arg-type]
