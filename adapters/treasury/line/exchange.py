"""Puts one message on the partner's queue, once, and waits for the answer that names it.

    ledger.begin ──► put ──confirmed──► ledger.put ──► wait ──► answer, or none in time
                      ├── certainly not put: forgotten, PartnerDown
                      └── nobody knows: wait all the same; an answer shows that it was

Answers are matched by the MsgRef in the document; the receiver hands them over when they are committed. One that comes
later than anybody waited is in the store and the ledger, where the resolver finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred, TimeoutError

from adapters.treasury.line.ledger import Ledger, Request
from gateway.canonical import Body
from gateway.contract import Context, PartnerDown, Reject, Unavailable
from gateway.transports.mq import MqLink, PutUnknown


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network said about one of our messages, committed."""

    number: str  #: MsgNo
    body: Body  #: under our identity
    raw: bytes
    mapping: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one message."""

    request: Request
    answer: Answer | None  #: none in time
    confirmed: bool  #: the queue manager has it; else nobody knows, unless there is an answer


class Exchange:
    """The questions of one partner that wait for their answers."""

    def __init__(self, link: MqLink, ledger: Ledger, context: Context, unsure: Callable[[], None]) -> None:
        """`unsure` is told when the queue manager did not take a message: the session may have gone with it."""
        self._link = link
        self._ledger = ledger
        self._context = context
        self._unsure = unsure
        self._waiting: dict[str, Deferred[Answer | None]] = {}
        self._idle: list[Deferred[None]] = []

    async def ask(
        self, request: Request, sealed: bytes, queue: str, wait: float, vouchers: Sequence[str] = ()
    ) -> Heard:
        """Puts a message, then waits for its answer `wait` seconds at most. `vouchers` are numbers of the debits it asks for.

        Raises:
            PartnerDown: certainly nothing was put.
            Reject: the same, and it never will be.
        """
        answer: Deferred[Answer | None] = Deferred()
        self._waiting[request.id] = answer
        try:
            confirmed = await self._put(request, sealed, queue, vouchers)
            return Heard(request, await self._within(answer, wait), confirmed)
        finally:
            del self._waiting[request.id]
            self._rest()

    def tell(self, identity: str, answer: Answer) -> None:
        """An answer to this MsgID was committed; whoever waits for it goes on."""
        waiter = self._waiting.get(identity)
        if waiter is not None and not waiter.called:
            waiter.callback(answer)

    async def idle(self, within: float) -> None:
        """Returns when nothing waits any more; after `within` seconds nobody waits longer, and what had no answer by
        then is not known."""
        if not self._waiting:
            return
        done: Deferred[None] = Deferred()
        self._idle.append(done)
        call = self._context.reactor.callLater(within, self._give_up)
        await done
        if call.active():
            call.cancel()

    def _give_up(self) -> None:
        for waiter in list(self._waiting.values()):
            waiter.cancel()

    def _rest(self) -> None:
        if not self._waiting:
            idle, self._idle = self._idle, []
            for waiter in idle:
                waiter.callback(None)

    async def _put(self, request: Request, sealed: bytes, queue: str, vouchers: Sequence[str]) -> bool:
        try:
            await self._ledger.begin(request, vouchers)
        except Unavailable as error:
            raise PartnerDown(error.zh, error.en) from None
        try:
            await self._link.put(queue, sealed, message_id=request.id)
        except (PartnerDown, Reject) as error:
            await self._forget(request)
            if isinstance(error, PartnerDown):
                self._unsure()
            raise
        except PutUnknown:
            self._context.log.warning("treasury.put_unknown", number=request.number, id=request.id)
            self._unsure()
            return False
        await self._noted(request)
        return True

    async def _forget(self, request: Request) -> None:
        try:
            await self._ledger.forget(request.id)
        except Unavailable as error:  # then it counts as begun: it is asked about, and not put again
            self._context.log.error("treasury.not_forgotten", id=request.id, reason=error.en)

    async def _noted(self, request: Request) -> None:
        try:
            await self._ledger.put(request.id)
        except Unavailable as error:  # it stays `begun`, from which less can be concluded, and nothing wrong
            self._context.log.error("treasury.put_not_noted", id=request.id, reason=error.en)

    async def _within(self, answer: Deferred[Answer | None], wait: float) -> Answer | None:
        answer.addTimeout(wait, self._context.reactor)
        try:
            return await answer
        except (CancelledError, TimeoutError):
            return None
