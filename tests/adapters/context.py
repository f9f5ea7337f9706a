"""A context for adapter tests: real clock and randomness, everything durable kept in memory.

    harness = Harness(tmp_path, partner="province")
    sender = adapter.sender(settings, harness.context)

The harness shows what the adapter did with its context: what it accepted, refused and logged.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gateway.canonical import Attachment, Body, IdSource, Message, type_of
from gateway.contract import Context, Evidence, Handled, Inbound, Pending, Receipt, Refusal, Replied
from gateway.transports.sftp.server_listeners import SftpListeners


@dataclass
class TestClock:
    """The machine's clock, which a test may set off by `offset` seconds or stop at `fixed`."""

    __test__ = False
    offset: float = 0.0
    fixed: dt.datetime | None = None

    def now(self) -> dt.datetime:
        return (self.fixed or dt.datetime.now(dt.UTC)) + dt.timedelta(seconds=self.offset)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class MemorySerials:
    """Series that live as long as the test."""

    last: dict[str, int] = field(default_factory=dict)
    error: Exception | None = None  #: raised, to play a store that cannot commit

    async def next(self, name: str) -> int:
        if self.error is not None:
            raise self.error
        self.last[name] = self.last.get(name, 0) + 1
        return self.last[name]


@dataclass
class MemoryReplay:
    """Remembers tokens by the clock it is given."""

    clock: TestClock
    seen: dict[str, float] = field(default_factory=dict)

    async def first_use(self, token: str, ttl: float) -> bool:
        now = self.clock.now().timestamp()
        if self.seen.get(token, 0.0) > now:
            return False
        self.seen[token] = now + ttl
        return True


@dataclass
class RecordingLog:
    """Keeps what was logged, for assertions that it holds no personal data."""

    entries: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def _add(self, level: str, event: str, facts: dict[str, object]) -> None:
        self.entries.append((level, event, facts))

    def debug(self, event: str, **facts: object) -> None:
        self._add("debug", event, facts)

    def info(self, event: str, **facts: object) -> None:
        self._add("info", event, facts)

    def warning(self, event: str, **facts: object) -> None:
        self._add("warning", event, facts)

    def error(self, event: str, **facts: object) -> None:
        self._add("error", event, facts)


@dataclass
class MemoryAttachments:
    """Keeps contents and records as long as the test lives."""

    contents: dict[str, bytes] = field(default_factory=dict)
    lines: dict[str, list[bytes]] = field(default_factory=dict)

    def read(self, attachment: Attachment) -> Iterator[bytes]:
        content = self.contents[attachment.claim]
        for start in range(0, len(content), 1 << 20):
            yield content[start : start + (1 << 20)]

    def records(self, attachment: Attachment, start: int = 0) -> Iterator[bytes]:
        yield from self.lines[attachment.claim][start:]


#: What a test answers to a request: a reply body, `Pending`, or an exception to raise.
Answerer = Callable[[Inbound], Body | Pending | Exception]


@dataclass
class RecordingInbox:
    """Records what comes in and answers what `answer` says; without it every request stays pending.

    A repeated partner message id is answered from what was stored, as the engine does.
    """

    make: Callable[..., Message]
    answer: Answerer | None = None
    accepted: list[Inbound] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    handled_ones: list[Handled] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)
    replies: dict[str, Replied] = field(default_factory=dict)
    attachments: MemoryAttachments = field(default_factory=MemoryAttachments)
    proofs: dict[str, Evidence] = field(default_factory=dict)
    error: Exception | None = None  #: raised by every method, to play a store that cannot commit

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    async def accept(self, inbound: Inbound) -> Receipt:
        self._check()
        known = [i for i in self.accepted if i.partner_message_id == inbound.partner_message_id]
        self.accepted.append(inbound)
        return Receipt(message_id=f"m-{inbound.partner_message_id}", repeated=bool(known))

    async def request(self, inbound: Inbound, timeout: float) -> Replied | Pending:
        receipt = await self.accept(inbound)
        stored = self.replies.get(inbound.partner_message_id)
        if stored is not None:
            return Replied(message_id=stored.message_id, reply=stored.reply, repeated=True)
        if self.answer is None:
            return Pending(message_id=receipt.message_id, state="sending")
        answer = self.answer(inbound)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Pending):
            return answer
        replied = Replied(message_id=receipt.message_id, reply=self.make(answer))
        self.replies[inbound.partner_message_id] = replied
        return replied

    async def refuse(self, refusal: Refusal) -> str:
        self._check()
        self.refused.append(refusal)
        return f"refused-{len(self.refused)}"

    async def handled(self, handled: Handled) -> str:
        self._check()
        self.handled_ones.append(handled)
        return f"handled-{len(self.handled_ones)}"

    async def keep(
        self,
        file: Path,
        *,
        name: str | None = None,
        media_type: str | None = None,
        records: Iterable[msgspec.Struct] | None = None,
    ) -> Attachment:
        self._check()
        claim = f"claim-{len(self.attachments.contents) + 1}"
        lines = None if records is None else [msgspec.json.encode(record) for record in records]
        content = self.attachments.contents[claim] = file.read_bytes()  # noqa: ASYNC240  small, in a test
        self.attachments.lines[claim] = lines or []
        return Attachment(
            claim=claim,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            name=name,
            media_type=media_type,
            records=None if lines is None else len(lines),
        )

    async def evidence(self, message_id: str) -> Evidence | None:
        self._check()
        return self.proofs.get(message_id)

    async def reference(self, partner_message_id: str) -> str | None:
        self._check()
        return self.references.get(partner_message_id)


class Harness:
    """A context, and the parts it was made of."""

    def __init__(self, folder: Path, *, partner: str = "partner-under-test", region: str = "990101") -> None:
        from twisted.internet import reactor

        self.partner = partner
        self.region = region
        self.clock = TestClock()
        self.serials = MemorySerials()
        self.log = RecordingLog()
        self.replay = MemoryReplay(self.clock)
        self.new_id = IdSource(lambda: int(self.clock.now().timestamp() * 1000), os.urandom)
        self.inbox = RecordingInbox(self.message)
        self.listeners = _listeners()
        self.context = Context(
            partner=partner,
            region=region,
            clock=self.clock,
            random=os.urandom,
            log=self.log,
            serials=self.serials,
            inbox=self.inbox,
            replay=self.replay,
            listeners=self.listeners,
            reactor=reactor,
            state_dir=folder,
            attachments=self.inbox.attachments,
            sftp=SftpListeners(),
        )

    def message(self, body: Body, **attributes: Any) -> Message:
        """A message around a body, as the engine would make it."""
        identity = self.new_id()
        facts: dict[str, Any] = {
            "id": identity,
            "source": f"/partners/{self.partner}",
            "type": type_of(body),
            "time": self.clock.now(),
            "partner": self.partner,
            "correlation_id": identity,
            "region": self.region,
            "data": body,
        }
        return Message(**{**facts, **attributes})


def _listeners() -> Any:
    """The gateway's own shared listeners; None while a test needs none of them."""
    try:
        from gateway.transports import http
    except ImportError:
        return None
    made = getattr(http, "Listeners", None) or getattr(http, "SharedListeners", None)
    return made() if made is not None else None
