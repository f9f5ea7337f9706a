"""What the network sends, one message at a time: proven, put on record, noted, and only then off its queue.

    open the seal ─► read ─► translate to our identity ─► inbox ─► ledger, session ─► whoever waits
         └───────────┴──── refused, on record; told by a 9120 where settings say so ─► off the queue

Where the store is not there, it stays on the queue. Each step may be repeated: a message that comes twice is one message,
known by its node and MsgID, and the same MsgID with other bytes is refused.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Final

from twisted.internet.defer import DeferredLock
from twisted.internet.threads import deferToThreadPool

from adapters.treasury.line.business import ANSWERED, BATCH, PACKAGES, RECEIPT, Answered, awaited
from adapters.treasury.line.channel import Channel
from adapters.treasury.line.exchange import Answer
from adapters.treasury.line.identity import answers, code_of, undressed, word_on
from adapters.treasury.line.ledger import Request
from adapters.treasury.line.packages import Packages, package_of
from adapters.treasury.line.refusals import Refusals, Refused
from adapters.treasury.wire import BadSeal, Head, Unreadable, read_head
from gateway.canonical import Body
from gateway.canonical.levy import DebitAnswered, DebitBatchReturned
from gateway.canonical.levy_day import PackagesAnnounced
from gateway.canonical.levy_network import (
    DebitStateAnswered,
    NodeLogInAnswered,
    ReceiptGiven,
    WorkingDayChanged,
)
from gateway.canonical.levy_refund import PackageAnswered
from gateway.contract import Handled, Inbound, Reject
from gateway.transports.mq import Arrived

#: What stands for the meaning of a state, as its setting says it: the codes of `tips_result` that were seen.
_STATES: Final = {"success": "90000", "rejected": "90001"}
#: Bytes from which on a message is read beside the reactor: a package may be of a thousand debits.
_LARGE: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the network's, proven and read."""

    head: Head
    body: Body
    raw: bytes  #: with its seal
    document: bytes
    mapping: str

    @property
    def identity(self) -> str:
        """How the inbox knows it."""
        return f"{self.head.source}{self.head.id}"


class Inward:
    """Takes what arrives on one node's queues."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._context = channel.context
        self._ledger = channel.ledger
        self._packages = Packages(channel)
        self._refusals = Refusals(channel)
        self._locks: dict[str, DeferredLock] = {}  #: of messages under way

    async def take(self, arrived: Arrived) -> None:
        """Deals with one message: when it returns, that is committed. Raises Unavailable where it cannot be."""
        try:
            await self._take(arrived)
        except Refused as no:
            await self._refusals.refuse(arrived, no)

    async def _take(self, arrived: Arrived) -> None:
        letter = await self._letter(arrived.body)
        lock = self._locks.setdefault(letter.identity, DeferredLock())
        await lock.acquire()  # it may be here twice, at once
        try:
            await self._once(letter)
        finally:
            lock.release()
            if not lock.locked:
                self._locks.pop(letter.identity, None)

    async def _once(self, letter: Letter) -> None:
        head, digest = letter.head, hashlib.sha256(letter.document).digest()
        heard = await self._ledger.heard(head.source, head.id)
        if heard == digest:
            self._context.log.info("treasury.repeated", number=head.number, id=head.id)
            return
        if heard is not None:
            raise Refused("duplicate-msgid", "HEAD/MsgID", "unique", head)
        await self._deal(letter)
        await self._ledger.note_heard(head.source, head.id, digest, package_of(head.number, letter.body))

    async def _letter(self, raw: bytes) -> Letter:
        if len(raw) < _LARGE:
            return self._read(raw)
        reactor = self._context.reactor
        return await deferToThreadPool(reactor, reactor.getThreadPool(), self._read, raw)

    def _read(self, raw: bytes) -> Letter:
        settings, formats, now = self._channel.settings, self._channel.formats, self._context.clock.now()
        try:
            document = self._channel.seal.open(raw)
            head = read_head(document)
        except BadSeal as error:
            self._context.log.error("treasury.seal_wrong", rule=error.rule)
            raise Refused("signature", "", error.rule) from None
        except Unreadable as error:
            raise Refused("malformed", error.field, error.rule) from None
        if (head.destination, head.source) != (settings.node, settings.centre):
            raise Refused(
                "invalid", "HEAD/DES" if head.source == settings.centre else "HEAD/SRC", "node", head
            )
        if not formats.knows(head.number):
            raise Refused("unknown-operation", "HEAD/MsgNo", "unknown", head)
        try:
            body = formats.read(head.number, document, now)
        except Unreadable as error:
            raise Refused("invalid", error.field, error.rule, head) from None
        return Letter(head, body, raw, document, formats.label(head.number, now))

    async def _deal(self, letter: Letter) -> None:
        if isinstance(letter.body, ReceiptGiven):
            await self._receipt(letter, letter.body)
        elif letter.head.number in ANSWERED:
            await self._answer(letter)
        else:
            await self._news(letter)

    # A general answer

    async def _receipt(self, letter: Letter, receipt: ReceiptGiven) -> None:
        request = await self._ledger.known(letter.head.reference)
        if request is None:
            self._context.log.warning("treasury.receipt_of_nothing", number=receipt.original_message)
            await self._on_record(letter)
            return
        if receipt.original_message != request.number:
            raise self._not_ours(letter)
        if self._channel.not_logged_in(receipt):
            await self._on_record(letter)
            await self._ledger.forget(request.id)
            self._channel.session.lost("9120")
            self._tell(request, letter, receipt)
            return
        meaning = self._channel.meaning(receipt.raw_code)
        refused = word_on(request, receipt.raw_code, receipt.raw_text) if meaning == "rejected" else None
        await self._hand_on(letter, refused)
        if meaning == "success" and awaited(request.number):
            return  # taken; its own answer is still to come
        await self._note(request, receipt.raw_code, RECEIPT)
        self._tell(request, letter, refused or receipt)

    # An answer of its own

    async def _answer(self, letter: Letter) -> None:
        head, body = letter.head, letter.body
        request = await self._asked(head, body)
        about = await self._ledger.known(request.about) if request is not None and request.about else None
        if request is None or not answers(head.number, body, request, about):
            raise self._not_ours(letter)
        ours = undressed(body, request, about)
        proven = await self._state(ours, about)
        await self._hand_on(letter, proven or ours)
        debited_on = body.debited_on if isinstance(body, DebitAnswered) else None
        await self._note(request, code_of(body), head.number, debited_on)
        self._tell(request, letter, ours)

    async def _asked(self, head: Head, body: Body) -> Request | None:
        request = await self._ledger.known(head.reference)
        if isinstance(body, DebitBatchReturned):
            named = (BATCH, body.collector_code, body.original_entrusted_on, body.original_batch_no)
        elif isinstance(body, PackageAnswered):
            named = (body.original_message, body.sender_code, body.entrusted_on, body.batch_no)
        else:
            return request
        # What the MsgRef of a return is, is not certain: its own MsgID will do, but not that of another request.
        package = await self._ledger.on_wire(*named)
        return package if request is None or package is None or request.id == package.id else None

    async def _state(self, body: Body, about: Request | None) -> Body | None:
        """What a state proves of the request that was asked about, noted with it; in the words of its business."""
        wanted = self._channel.settings.state_query
        if wanted is None or about is None or not isinstance(body, DebitStateAnswered):
            return None
        code = _STATES.get(wanted.states.get(body.state, ""))
        if code is None:
            return None
        await self._note(about, code, Answered.STATE)
        if about.number in PACKAGES and code == _STATES["success"]:
            return None  # taken; its results come by themselves
        return word_on(about, code, f"9004 OpStat {body.state}")

    # All the rest

    async def _news(self, letter: Letter) -> None:
        head, body = letter.head, letter.body
        request = await self._ledger.known(head.reference) if head.reference != head.id else None
        await self._hand_on(letter, self._day(letter))
        await self._channel.session.hear(body, head, request)
        if isinstance(body, PackagesAnnounced):
            await self._packages.compare(body)
        if request is not None:
            await self._note(request, code_of(body), head.number)
            self._tell(request, letter, body)

    def _day(self, letter: Letter) -> Body:
        """The working day that a log-in tells concerns the house, as its change does."""
        body, day = letter.body, letter.head.work_date
        if (
            not isinstance(body, NodeLogInAnswered)
            or day is None
            or not self._channel.succeeded(body.raw_code)
        ):
            return body
        return WorkingDayChanged(working_day=day, system_state=body.system_state or "-")

    # How

    async def _hand_on(self, letter: Letter, body: Body | None) -> None:
        """To whomever a route names; where none does, it is on record."""
        if body is None:
            await self._on_record(letter)
            return
        inbound = Inbound(
            body=body,
            raw=letter.raw,
            partner_message_id=letter.identity,
            region=self._context.region,
            mapping=letter.mapping,
            subject=_subject(body),
            idempotency=letter.document,
        )
        try:
            await self._context.inbox.accept(inbound)
        except Reject as no:
            if no.code != "no-route":
                raise Refused(no.code, no.field, no.rule, letter.head) from None
            await self._on_record(letter)

    async def _on_record(self, letter: Letter) -> None:
        await self._context.inbox.handled(
            Handled(kind=letter.head.number, raw=letter.raw, partner_message_id=letter.identity)
        )

    async def _note(
        self, request: Request, code: str, number: str, debited_on: dt.date | None = None
    ) -> None:
        """The first word that proves something stays; what contradicts it is for the book to show."""
        meaning = self._channel.meaning(request.code) if request.code is not None else ""
        if meaning in ("success", "rejected") and request.code != code:
            self._context.log.error("treasury.answers_differ", id=request.id, first=request.code, then=code)
            return
        await self._ledger.answered(request.id, code, number, debited_on)

    def _tell(self, request: Request, letter: Letter, body: Body) -> None:
        answer = Answer(letter.head.number, body, letter.raw, letter.mapping)
        self._channel.exchange.tell(request.id, answer)

    def _not_ours(self, letter: Letter) -> Refused:
        head = letter.head
        self._context.log.error("treasury.answer_of_another", number=head.number, id=head.id)
        return Refused("answer-mismatch", "HEAD/MsgRef", "original", head, tell=False)


def _subject(body: Body) -> str | None:
    """What operators find it by."""
    for name in ("voucher_no", "original_batch_no", "batch_no", "original_serial", "request_no"):
        found: str | None = getattr(body, name, None)
        if found:
            return found
    return None
