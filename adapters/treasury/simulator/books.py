"""The centre's books: its working day, its nodes, every question with its answer, every debit. One SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeVar

from msgspec import Struct

from adapters.treasury.simulator.documents import Value

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS nodes (node TEXT PRIMARY KEY, password TEXT NOT NULL, present INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS arrivals (
    source TEXT NOT NULL, id TEXT NOT NULL, number TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (source, id));
CREATE TABLE IF NOT EXISTS questions (
    number TEXT NOT NULL, sender TEXT NOT NULL, day TEXT NOT NULL, serial TEXT NOT NULL, node TEXT NOT NULL,
    id TEXT NOT NULL, own TEXT NOT NULL DEFAULT '', answer_number TEXT NOT NULL DEFAULT '',
    answer TEXT NOT NULL DEFAULT '', PRIMARY KEY (number, sender, day, serial));
CREATE TABLE IF NOT EXISTS debits (
    collector TEXT NOT NULL, day TEXT NOT NULL, serial TEXT NOT NULL, pack TEXT NOT NULL, node TEXT NOT NULL,
    voucher TEXT NOT NULL, amount INTEGER NOT NULL, payee TEXT NOT NULL, payee_bank TEXT NOT NULL,
    bank TEXT NOT NULL, branch TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, agreement TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'process', code TEXT NOT NULL DEFAULT '', text TEXT NOT NULL DEFAULT '',
    debited_on TEXT NOT NULL DEFAULT '', PRIMARY KEY (collector, day, serial));
CREATE TABLE IF NOT EXISTS sent (
    number TEXT NOT NULL, day TEXT NOT NULL, pack TEXT NOT NULL, part TEXT NOT NULL, node TEXT NOT NULL,
    org TEXT NOT NULL, count INTEGER NOT NULL, total INTEGER NOT NULL, body TEXT NOT NULL, reference TEXT NOT NULL,
    PRIMARY KEY (number, day, pack, part, org));
"""

T = TypeVar("T", bound=Struct)
State = Literal["process", "success", "refused", "reversed"]


class Question(Struct, frozen=True, kw_only=True):
    """Something a node asked, by a number of its own."""

    number: str
    sender: str
    day: str
    serial: str
    node: str
    id: str  #: MsgID
    own: str = ""  #: PackNo by which the centre asked the bank
    answer_number: str = ""
    answer: str = ""  #: JSON; empty while it is in process


class Entry(Struct, frozen=True, kw_only=True):
    """A debit as the centre has it."""

    collector: str
    day: str
    serial: str
    pack: str
    node: str
    voucher: str
    amount: int
    payee: str
    payee_bank: str
    bank: str
    branch: str
    account: str
    name: str
    agreement: str
    state: State = "process"
    code: str = ""
    text: str = ""
    debited_on: str = ""


class Sent(Struct, frozen=True, kw_only=True):
    """A package that was sent, and can be sent again."""

    number: str
    day: str  #: EntrustDate, or ChkDate
    pack: str
    part: str
    node: str
    org: str
    count: int
    total: int
    body: str
    reference: str


class Books:
    """All of it. Each call is a transaction."""

    def __init__(self, file: Path, work_date: str) -> None:
        self._books = sqlite3.connect(file, isolation_level=None, timeout=10.0)
        self._books.execute("PRAGMA journal_mode = WAL")
        self._books.execute("PRAGMA synchronous = NORMAL")
        self._books.executescript(_TABLES)
        self._books.execute(
            "INSERT INTO facts VALUES ('work_date', ?), ('system_state', '1') ON CONFLICT DO NOTHING",
            (work_date,),
        )

    def close(self) -> None:
        """Ends using the file."""
        self._books.close()

    # The day, the nodes

    @property
    def work_date(self) -> str:
        """The network's working day, yyyyMMdd."""
        return self._fact("work_date")

    @work_date.setter
    def work_date(self, day: str) -> None:
        self._books.execute("UPDATE facts SET value = ? WHERE name = 'work_date'", (day,))

    @property
    def system_state(self) -> str:
        """SysStat."""
        return self._fact("system_state")

    @system_state.setter
    def system_state(self, state: str) -> None:
        self._books.execute("UPDATE facts SET value = ? WHERE name = 'system_state'", (state,))

    def next(self, name: str) -> int:
        """1, 2, 3 … by this name."""
        self._books.execute(
            "INSERT INTO facts VALUES (?, '1') ON CONFLICT (name) DO UPDATE SET value = value + 1", (name,)
        )
        return int(self._fact(name))

    def enter(self, node: str, password: str) -> None:
        """A node that may log in; one that is known keeps its password."""
        self._books.execute(
            "INSERT INTO nodes (node, password) VALUES (?, ?) ON CONFLICT DO NOTHING", (node, password)
        )

    def password(self, node: str) -> str | None:
        """Of a node; None of nobody."""
        row = self._books.execute("SELECT password FROM nodes WHERE node = ?", (node,)).fetchone()
        return None if row is None else str(row[0])

    def log_in(self, node: str, password: str) -> None:
        """It may do business now."""
        self._books.execute("UPDATE nodes SET present = 1, password = ? WHERE node = ?", (password, node))

    def log_out(self, node: str) -> None:
        """It may not any more."""
        self._books.execute("UPDATE nodes SET present = 0 WHERE node = ?", (node,))

    def present(self) -> list[str]:
        """The nodes that are logged in."""
        return [row[0] for row in self._books.execute("SELECT node FROM nodes WHERE present = 1")]

    def arrived(self, source: str, identity: str, number: str) -> None:
        """Counts what came."""
        self._books.execute(
            "INSERT INTO arrivals (source, id, number) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET times = times + 1",
            (source, identity, number),
        )

    def arrivals(self, number: str) -> list[tuple[str, int]]:
        """MsgID and how often it came, of all messages of a number."""
        rows = self._books.execute(
            "SELECT id, times FROM arrivals WHERE number = ? ORDER BY rowid", (number,)
        )
        return [(row[0], row[1]) for row in rows]

    # Questions and answers

    def ask(self, question: Question) -> None:
        """Notes that it is in process now."""
        self._insert("questions", question)

    def question(self, number: str, sender: str, day: str, serial: str) -> Question | None:
        """One that was asked."""
        return self._question(
            "number = ? AND sender = ? AND day = ? AND serial = ?", number, sender, day, serial
        )

    def question_of(self, number: str, own: str) -> Question | None:
        """One by the number the centre gave it."""
        return self._question("number = ? AND own = ?", number, own)

    def answer(self, question: Question, number: str, body: Mapping[str, Value]) -> None:
        """Its answer, which is given to whoever asks again."""
        self._books.execute(
            "UPDATE questions SET answer_number = ?, answer = ?"
            " WHERE number = ? AND sender = ? AND day = ? AND serial = ?",
            (number, json.dumps(body), question.number, question.sender, question.day, question.serial),
        )

    def received(self, day: str, number: str, sender: str) -> list[Question]:
        """All of a day and a sender."""
        found = self._books.execute(
            "SELECT * FROM questions WHERE day = ? AND number = ? AND sender = ?", (day, number, sender)
        )
        return [_made(Question, row) for row in found]

    # Debits

    def enter_debits(self, entries: Iterable[Entry]) -> None:
        """All of them, or none. Raises sqlite3.IntegrityError where one is known."""
        self._books.execute("BEGIN")
        try:
            for entry in entries:
                self._insert("debits", entry)
        except BaseException:
            self._books.execute("ROLLBACK")
            raise
        self._books.execute("COMMIT")

    def debit(self, collector: str, day: str, serial: str) -> Entry | None:
        """One debit."""
        row = self._books.execute(
            "SELECT * FROM debits WHERE collector = ? AND day = ? AND serial = ?", (collector, day, serial)
        ).fetchone()
        return None if row is None else _made(Entry, row)

    def package(self, collector: str, day: str, pack: str) -> list[Entry]:
        """The debits of a package."""
        rows = self._books.execute(
            "SELECT * FROM debits WHERE collector = ? AND day = ? AND pack = ? ORDER BY rowid",
            (collector, day, pack),
        )
        return [_made(Entry, row) for row in rows]

    def settle(self, key: tuple[str, str, str], state: State, code: str, text: str, debited_on: str) -> None:
        """What became of a debit (collector, day, serial)."""
        self._books.execute(
            "UPDATE debits SET state = ?, code = ?, text = ?, debited_on = ?"
            " WHERE collector = ? AND day = ? AND serial = ?",
            (state, code, text, debited_on, *key),
        )

    def debited(self, on: str) -> list[Entry]:
        """All debits that took effect on a day."""
        rows = self._books.execute(
            "SELECT * FROM debits WHERE debited_on = ? AND state = 'success' ORDER BY rowid", (on,)
        )
        return [_made(Entry, row) for row in rows]

    def close_day(self, day: str) -> None:
        """No debit of that day is in process any more, and none can be made on it; banks are told by what their list lacks."""
        self._books.execute(
            "UPDATE debits SET state = 'refused', code = '90001', text = '日终未成功'"
            " WHERE day = ? AND pack = '' AND state = 'process'",
            (day,),
        )
        self._books.execute("INSERT OR REPLACE INTO facts VALUES ('closed', ?)", (day,))

    def closed(self, day: str) -> bool:
        """Whether debits of that day have been compared already."""
        row = self._books.execute("SELECT value FROM facts WHERE name = 'closed'").fetchone()
        return row is not None and day <= str(row[0])

    def pairs(self) -> list[tuple[str, str]]:
        """All banks (付款行) with the treasuries (收款行) they pay to."""
        rows = self._books.execute("SELECT DISTINCT bank, payee_bank FROM debits")
        return [(row[0], row[1]) for row in rows]

    def collectors(self) -> list[tuple[str, str]]:
        """All collectors with their nodes."""
        rows = self._books.execute("SELECT DISTINCT collector, node FROM debits")
        return [(row[0], row[1]) for row in rows]

    # Packages that can be sent again

    def remember(self, sent: Sent) -> None:
        """A package, or a part of one."""
        self._books.execute(
            "INSERT OR REPLACE INTO sent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [getattr(sent, name) for name in Sent.__struct_fields__],
        )

    def sent(self, day: str, org: str, number: str = "%", pack: str = "%") -> list[Sent]:
        """Those of a day to an organisation."""
        rows = self._books.execute(
            "SELECT * FROM sent WHERE day = ? AND org = ? AND number LIKE ? AND pack LIKE ? ORDER BY rowid",
            (day, org, number, pack),
        )
        return [_made(Sent, row) for row in rows]

    # Within

    def _fact(self, name: str) -> str:
        return str(self._books.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()[0])

    def _question(self, where: str, *values: str) -> Question | None:
        row = self._books.execute(f"SELECT * FROM questions WHERE {where}", values).fetchone()  # noqa: S608 - our own texts
        return None if row is None else _made(Question, row)

    def _insert(self, table: str, one: Question | Entry) -> None:
        names = one.__struct_fields__
        columns, marks = ", ".join(names), ", ".join("?" * len(names))
        self._books.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 - our own names
            [getattr(one, name) for name in names],
        )


def _made(kind: type[T], row: tuple[object, ...]) -> T:
    return kind(**dict(zip(kind.__struct_fields__, row, strict=True)))
