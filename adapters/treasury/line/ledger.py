"""What is remembered of requests, in one small SQLite file of `state_dir`: how we know each, and how the network does.

    begin ──► begun ──the queue manager has it──► put ──an answer came──► answered
                │                                                            ▲
                ├── nobody knows whether it has; an answer may show it ──────┘
                └── certainly not put: forgotten

The store knows what became of a delivery; this knows what stands on the wire. `begin` is durable before anything is put,
so that whatever may be on a queue is on record here, and is never put there a second time; nor is a voucher number, by
whichever message it is asked for, in a package or alone. It holds no personal data.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool

from gateway.contract import Context, Reject, Unavailable

_T = TypeVar("_T")
_FILE: Final = "network.db"
_BUSY: Final = 10.0
_LAYOUT: Final = """
CREATE TABLE IF NOT EXISTS requests (
  id TEXT PRIMARY KEY, number TEXT NOT NULL, message TEXT NOT NULL, collector TEXT NOT NULL, wire_day TEXT NOT NULL,
  wire_no TEXT NOT NULL, day TEXT NOT NULL, serial TEXT NOT NULL, about TEXT NOT NULL, voucher TEXT NOT NULL,
  payer_bank TEXT NOT NULL, count INTEGER NOT NULL, total INTEGER NOT NULL, at REAL NOT NULL, state TEXT NOT NULL,
  code TEXT, answered_by TEXT, debited_on TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS requests_message ON requests (message);
CREATE INDEX IF NOT EXISTS requests_wire ON requests (wire_day, wire_no);
CREATE INDEX IF NOT EXISTS requests_ours ON requests (day, serial);
CREATE INDEX IF NOT EXISTS requests_about ON requests (about) WHERE about <> '';
CREATE INDEX IF NOT EXISTS requests_at ON requests (at);
CREATE TABLE IF NOT EXISTS vouchers (
  collector TEXT NOT NULL, voucher TEXT NOT NULL, id TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (collector, voucher)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS vouchers_id ON vouchers (id);
CREATE INDEX IF NOT EXISTS vouchers_at ON vouchers (at);
CREATE TABLE IF NOT EXISTS heard (
  source TEXT NOT NULL, id TEXT NOT NULL, digest BLOB NOT NULL, at REAL NOT NULL, PRIMARY KEY (source, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS heard_at ON heard (at);
CREATE TABLE IF NOT EXISTS packages (
  number TEXT NOT NULL, day TEXT NOT NULL, pack_no TEXT NOT NULL, part INTEGER NOT NULL, count INTEGER NOT NULL,
  total INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (number, day, pack_no, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

State = Literal["begun", "put", "answered"]


class Request(Struct, frozen=True, kw_only=True):
    """One message that we put on a queue, or were about to. `wire_…` is how the network knows it, the rest how we do."""

    id: str  #: MsgID
    number: str  #: MsgNo
    message: str  #: of the delivery it was made for; empty where it was the adapter's own idea
    collector: str
    wire_day: dt.date  #: EntrustDate
    wire_no: str = ""  #: TraNo, PackNo, VCNo, CancelNo
    day: dt.date  #: `entrusted_on` of the message that asked
    serial: str = ""  #: its `serial`, `batch_no`, `request_no`, `reversal_no`
    about: str = ""  #: MsgID of the request that this one asks about, or undoes
    voucher: str = ""  #: voucher number of a debit
    payer_bank: str = ""
    count: int = 0  #: of a package's debits
    total: int = 0  #: fen
    at: float = 0.0  #: unix seconds
    state: State = "begun"
    code: str | None = None  #: of the answer
    answered_by: str | None = None  #: MsgNo of the answer
    debited_on: dt.date | None = None


class Package(Struct, frozen=True, kw_only=True):
    """A package, or a part of one, that the network sent."""

    number: str
    day: dt.date
    pack_no: str
    part: int = 1
    count: int
    total: int


_COLUMNS: Final = ", ".join(Request.__struct_fields__)


class Ledger:
    """Opened when it is first asked for something. Everything raises Unavailable where the file cannot be used."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = DeferredLock()
        self._opened: sqlite3.Connection | None = None

    # Requests

    async def begin(self, request: Request, vouchers: Sequence[str] = ()) -> None:
        """Notes, before it is put, that a message is about to be, which asks for the debits of these voucher numbers.

        Raises:
            Reject: one of them was asked for before; nothing is noted.
        """
        marks = ", ".join("?" * len(Request.__struct_fields__))
        taken = [(request.collector, voucher, request.id, request.at) for voucher in vouchers]

        def work(database: sqlite3.Connection) -> None:
            database.execute(f"INSERT INTO requests ({_COLUMNS}) VALUES ({marks})", _row(request))  # noqa: S608 - ours
            new = database.executemany("INSERT OR IGNORE INTO vouchers VALUES (?, ?, ?, ?)", taken).rowcount
            if taken and new != len(taken):
                raise Reject(
                    "税（费）票号码已发出过扣款，以先前那笔的结果为准；确未扣款的，请用新的票号",
                    "a debit of this voucher number was sent before, and what became of that one counts; where no money was"
                    " taken, ask under a new number",
                    code="voucher-taken",
                    field="voucher_no",
                    rule="unique",
                )

        await self._run(work)

    async def put(self, identity: str) -> None:
        """The queue manager has it."""
        await self._do("UPDATE requests SET state = 'put' WHERE id = ? AND state = 'begun'", identity)

    async def forget(self, identity: str) -> None:
        """It was certainly not put, or certainly had no effect and may be tried once more."""

        def work(database: sqlite3.Connection) -> None:
            database.execute("DELETE FROM requests WHERE id = ?", (identity,))
            database.execute("DELETE FROM vouchers WHERE id = ?", (identity,))

        await self._run(work)

    async def answered(
        self, identity: str, code: str, answered_by: str, debited_on: dt.date | None = None
    ) -> None:
        """An answer came, timely or late. A later word replaces an earlier one: which of them holds is for the book."""
        await self._do(
            "UPDATE requests SET state = 'answered', code = ?, answered_by = ?, debited_on = ? WHERE id = ?",
            code, answered_by, None if debited_on is None else debited_on.isoformat(), identity,
        )  # fmt: skip

    async def known(self, identity: str) -> Request | None:
        """By MsgID."""
        return await self._one("id = ?", identity)

    async def of_message(self, message: str, number: str) -> Request | None:
        """The latest request of that MsgNo which was made for a message of ours."""
        return await self._one("message = ? AND number = ?", message, number)

    async def undoing(self, about: str) -> list[Request]:
        """All reversals that were asked for of a request, latest first."""
        query = f"SELECT {_COLUMNS} FROM requests WHERE about = ? AND number = '1021' ORDER BY at DESC"  # noqa: S608
        return [_request(row) for row in await self._rows(query, about)]

    async def on_wire(self, number: str, collector: str, day: dt.date, wire_no: str) -> Request | None:
        """By the network's identity."""
        return await self._one(
            "wire_day = ? AND wire_no = ? AND number = ? AND collector = ?",
            day.isoformat(), wire_no, number, collector,
        )  # fmt: skip

    async def ours(self, number: str, collector: str, day: dt.date, serial: str) -> list[Request]:
        """By our identity, latest first. Serial numbers are their senders' own, so that several may have the same."""
        query = f"""SELECT {_COLUMNS} FROM requests WHERE day = ? AND serial = ? AND number = ? AND collector = ?
            ORDER BY at DESC, id DESC"""  # noqa: S608 - ours
        rows = await self._rows(query, day.isoformat(), serial, number, collector)
        return [_request(row) for row in rows]

    # What was heard

    async def heard(self, source: str, identity: str) -> bytes | None:
        """Digest of the message that came under this identity."""
        rows = await self._rows("SELECT digest FROM heard WHERE source = ? AND id = ?", source, identity)
        return rows[0][0] if rows else None

    async def note_heard(self, source: str, identity: str, digest: bytes, package: Package | None) -> None:
        """It was dealt with: to be called last."""
        now = self._now()

        def work(database: sqlite3.Connection) -> None:
            database.execute(
                "INSERT OR IGNORE INTO heard VALUES (?, ?, ?, ?)", (source, identity, digest, now)
            )
            if package is not None:
                row = (*msgspec.to_builtins(msgspec.structs.astuple(package)), now)
                database.execute("INSERT OR REPLACE INTO packages VALUES (?, ?, ?, ?, ?, ?, ?)", row)

        await self._run(work)

    async def came(self, number: str, day: dt.date, pack_no: str) -> tuple[int, int] | None:
        """Count and sum of a package, over all its parts that came; None where none did."""
        rows = await self._rows(
            "SELECT count(*), sum(count), sum(total) FROM packages WHERE number = ? AND day = ? AND pack_no = ?",
            number, day.isoformat(), pack_no,
        )  # fmt: skip
        parts, count, total = rows[0]
        return (count, total) if parts else None

    # Facts of the session

    async def fact(self, name: str) -> str | None:
        rows = await self._rows("SELECT value FROM facts WHERE name = ?", name)
        return rows[0][0] if rows else None

    async def note(self, **facts: str) -> None:
        """Durable, all together, when it returns."""

        def work(database: sqlite3.Connection) -> None:
            database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", list(facts.items()))

        await self._run(work)

    async def clean(self, before: float) -> None:
        """Forgets what is older than this, in unix seconds."""

        def work(database: sqlite3.Connection) -> None:
            for table in ("requests", "vouchers", "heard", "packages"):
                database.execute(f"DELETE FROM {table} WHERE at < ?", (before,))  # noqa: S608 - named above

        await self._run(work)

    async def close(self) -> None:
        """Closes the file; the next question opens it again."""

        def work() -> None:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

        await self._lock.run(self._in_thread, work)

    # How

    async def _one(self, where: str, *values: object) -> Request | None:
        order = f"SELECT {_COLUMNS} FROM requests WHERE {where} ORDER BY at DESC, id DESC LIMIT 1"  # noqa: S608 - ours
        rows = await self._rows(order, *values)
        return _request(rows[0]) if rows else None

    async def _do(self, statement: str, *values: object) -> None:
        await self._run(lambda database: database.execute(statement, values) and None)

    async def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return await self._run(lambda database: database.execute(query, values).fetchall())

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        def whole() -> _T:
            database = self._opened = self._opened or self._open()
            with database:
                database.execute("BEGIN IMMEDIATE")
                return work(database)

        done: Deferred[_T] = self._lock.run(self._in_thread, whole)
        try:
            return await done
        except sqlite3.Error as error:
            name = type(error).__name__
            raise Unavailable(f"台账不可用：{name}", f"the ledger cannot be used: {name}") from None

    def _in_thread(self, work: Callable[[], _T]) -> Deferred[_T]:
        reactor = self._context.reactor
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    def _open(self) -> sqlite3.Connection:
        folder = self._context.state_dir
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / _FILE
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
        database = sqlite3.connect(file, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        # FULL: what may be on a queue must not be forgotten in a power cut.
        database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_LAYOUT}")
        # From when on it is complete: what was sent before, and is not here, may have been put all the same.
        database.execute("INSERT OR IGNORE INTO facts VALUES ('since', ?)", (str(self._now()),))
        return database

    def _now(self) -> float:
        return self._context.clock.now().timestamp()


def _row(request: Request) -> tuple[object, ...]:
    return tuple(msgspec.to_builtins(value) for value in msgspec.structs.astuple(request))


def _request(row: tuple[Any, ...]) -> Request:
    return msgspec.convert(dict(zip(Request.__struct_fields__, row, strict=True)), Request)
