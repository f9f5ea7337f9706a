"""How the gateway is: asked every three seconds, and remembered for twenty minutes.

The gateway is asked at its admin listener, from outside, as a load balancer would. The store is asked beside it, so that its
figures remain when the gateway does not answer.
"""

from __future__ import annotations

import datetime as dt
import http.client
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
import structlog

from gateway.console import readings
from gateway.console.readings import Reading
from gateway.console.written import Written
from gateway.contract import GatewayError
from gateway.engine.config import Configuration
from gateway.store import Reader, console_proposals, open_reader, overview_reads

_log = structlog.get_logger()
_CHINA: Final = dt.timezone(dt.timedelta(hours=8))
INTERVAL: Final = 3.0  #: seconds between two looks
KEPT: Final = 20 * 60.0  #: seconds of history
_PATIENCE: Final = 5.0  #: seconds for one answer: `/readyz` gives its parts two
_LARGEST: Final = 16 << 20
_OLD: Final = 20_000  #: milliseconds after which a look tells nothing of now
#: Counting the day reads all its rows: of the time at most one part in so many is spent on it.
_DAY_SHARE: Final = 50
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  what a listener may say; nobody is there


@dataclass(frozen=True, slots=True)
class Part:
    """One line of `/readyz`."""

    name: str
    ok: bool
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Day:
    """What the store has of today, in China's time."""

    begin: int  #: its midnight, milliseconds
    counted: int  #: when, milliseconds
    took: float  #: milliseconds
    messages: int  #: that partners sent
    deliveries: Mapping[str, int]  #: begun today, by their state


@dataclass(frozen=True, slots=True)
class Books:
    """What the store says."""

    at: int = 0  #: milliseconds; 0: it has not been read yet
    counts: Mapping[tuple[str, str], int] = field(
        default_factory=dict
    )  #: (partner, state) → deliveries, ever
    people: Mapping[str, int] = field(default_factory=dict)  #: state → deliveries that need a person
    proposals: int = 0  #: that wait for a second person
    alive: bool = False  #: a gateway has said of late that it runs
    day: Day | None = None
    problem: tuple[str, str] | None = None  #: why the figures are those of `at` and not of now


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look."""

    at: int  #: milliseconds
    books: Books
    ready: bool = False
    parts: tuple[Part, ...] = ()
    reading: Reading | None = None  #: None: the gateway did not answer
    silence: tuple[str, str] | None = None  #: in which way it did not answer
    hangs: bool = False  #: connections are taken, and nothing comes back
    silent_since: int | None = None  #: its last answer, or the first look at it
    unseen: bool = False  #: it has never answered this console

    @property
    def answers(self) -> bool:
        """Whether the gateway answered."""
        return self.reading is not None

    @property
    def old(self) -> bool:
        """Whether later looks are missing: then nothing is known of now."""
        return time.time() * 1000 - self.at > _OLD

    @property
    def work(self) -> int:
        """How many deliveries need a person."""
        return sum(self.books.people.values())

    @property
    def proposals(self) -> int:
        """How many proposals wait for a second person."""
        return self.books.proposals

    def backlog(self, partner: str, *states: str) -> int:
        """Deliveries to a partner in these states."""
        return sum(self.books.counts.get((partner, state), 0) for state in states)


class Silence(Exception):
    """The gateway does not answer, or something else does."""

    def __init__(self, zh: str, en: str, *, hangs: bool = False) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.hangs = hangs


class Pulse:
    """Looks at one gateway and its store; its methods may be called from any thread."""

    def __init__(self, configuration: Configuration, interval: float = INTERVAL) -> None:
        self._configuration = configuration
        self._interval = interval
        self._history: deque[Snapshot] = deque(maxlen=round(KEPT / interval) + 1)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.written = Written(configuration)

    def start(self) -> None:
        """Looks from now on."""
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Looks no more; a look under way is not waited for longer than a second."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def now(self) -> Snapshot:
        """The latest look."""
        return self.history()[-1]

    def history(self) -> list[Snapshot]:
        """All that is remembered, oldest first; one look at least."""
        with self._lock:
            known = list(self._history)
        return known or [self.look()]

    def look(self) -> Snapshot:
        """Looks now."""
        before = self._history[-1] if self._history else None
        at = int(time.time() * 1000)
        books = self._books(at, before.books if before is not None else Books())
        seen = self._ask(at, before, books)
        with self._lock:
            self._history.append(seen)
        return seen

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                self.look()
            except Exception as error:  # a defect of ours must not end the pulse
                _log.error("pulse.failed", error=type(error).__name__, exc_info=True)
            self._over.wait(max(0.2, self._interval - (time.monotonic() - began)))

    def _ask(self, at: int, before: Snapshot | None, books: Books) -> Snapshot:
        listen = self._configuration.gateway.admin.listen
        try:
            status, told = _get(listen, "/readyz")
            parts = _parts(told)
            reading = _reading(_get(listen, "/metrics")[1])
        except Silence as silence:
            unseen = before is None or before.unseen
            since = at if before is None else (before.at if before.answers else before.silent_since)
            return Snapshot(
                at,
                books,
                silence=(silence.zh, silence.en),
                hangs=silence.hangs,
                silent_since=since,
                unseen=unseen,
            )
        return Snapshot(at, books, ready=status == http.client.OK, parts=parts, reading=reading)

    def _books(self, at: int, before: Books) -> Books:
        try:
            with open_reader(self._configuration.gateway.store) as reader:
                return Books(
                    at=at,
                    counts=reader.counts(),
                    people=reader.ask(overview_reads.for_people_counts),
                    proposals=reader.ask(console_proposals.count_open),
                    alive=bool(reader.live_owners("instance:", at)),
                    day=_day(reader, at, before.day),
                )
        except GatewayError as error:
            return replace(before, alive=False, problem=(error.zh, error.en))


def _day(reader: Reader, at: int, before: Day | None) -> Day:
    midnight = dt.datetime.fromtimestamp(at / 1000, _CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = int(midnight.timestamp() * 1000)
    if before is not None and before.begin == begin and 0 <= at - before.counted < before.took * _DAY_SHARE:
        return before
    began = time.monotonic()
    messages, deliveries = reader.ask(overview_reads.since, begin)
    return Day(begin, at, (time.monotonic() - began) * 1000, messages, deliveries)


def _get(listen: str, path: str) -> tuple[int, bytes]:
    """Status and body. Straight to the address: no proxy of the environment is asked."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    connection = http.client.HTTPConnection(_ANYWHERE.get(host, host), int(port), timeout=_PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(_LARGEST)
    except TimeoutError:
        raise Silence(
            f"{_PATIENCE:g} 秒内没有应答",
            f"no answer within {_PATIENCE:g} s",
            hangs=connection.sock is not None,
        ) from None
    except ConnectionRefusedError:
        raise Silence("端口没有打开", "nothing listens there") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Silence(f"无法连接：{reason}", f"cannot be reached: {reason}") from None
    except http.client.HTTPException as error:
        raise _stranger(error) from None
    finally:
        connection.close()


def _parts(told: bytes) -> tuple[Part, ...]:
    try:
        parts: dict[str, dict[str, Any]] = msgspec.json.decode(told)["parts"]
        return tuple(Part(name, bool(p["ok"]), str(p["zh"]), str(p["en"])) for name, p in parts.items())
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise _stranger(error) from None


def _reading(exposition: bytes) -> Reading:
    try:
        return readings.read(exposition.decode())
    except (ValueError, KeyError) as error:
        raise _stranger(error) from None


def _stranger(error: Exception) -> Silence:
    kind = type(error).__name__
    return Silence(
        f"该端口的应答不是网关的（{kind}）：请核对 admin.listen",
        f"what answers there is no gateway ({kind}): compare admin.listen",
    )
