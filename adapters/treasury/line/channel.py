"""What sender, resolver, receiver and checker of one node share: queues, formats, memory, the session."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from adapters.treasury.line.business import Business, request_for, rows_of, vouchers_of
from adapters.treasury.line.exchange import Exchange, Heard
from adapters.treasury.line.identity import dressed
from adapters.treasury.line.ledger import Ledger, Request
from adapters.treasury.line.numbers import Numbers
from adapters.treasury.line.session import Session
from adapters.treasury.settings import TreasurySettings
from adapters.treasury.wire import Formats, Head, Seal, make_seal
from adapters.treasury.wire.formats import RESULTS
from gateway.canonical import Body
from gateway.canonical.levy_network import ReceiptGiven
from gateway.contract import Context, PartnerDown, Unavailable
from gateway.transports.mq import MqLink, connect

_LEADING: Final = {"nine": "9", "date": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A message of business, ready for its numbers."""

    body: Body
    business: Business
    message: str  #: id of the delivery's message; empty where it is the adapter's own idea
    at: dt.datetime  #: decides which mapping holds
    about: Request | None = None  #: the earlier request that it asks about, or undoes


class Channel:
    """One node."""

    def __init__(self, settings: TreasurySettings, context: Context) -> None:
        self.settings = settings
        self.context = context
        self.formats = Formats(settings.mappings, context.mappings)
        self.ledger = Ledger(context)
        self.numbers = Numbers(context.serials, _LEADING[settings.message_ids])
        self.session = Session(settings, context, self.ledger, self._call, self.succeeded)

    @cached_property
    def seal(self) -> Seal:
        return make_seal(self.settings.seal, self.settings.mq.largest_body)

    @cached_property
    def link(self) -> MqLink:
        return connect(self.settings.mq, self.context.reactor, self.context.log)

    @cached_property
    def exchange(self) -> Exchange:
        return Exchange(self.link, self.ledger, self.context, lambda: self.session.lost("put"))

    async def ask(self, task: Task, wait: float) -> Heard:
        """Gives a message its numbers, of the working day that holds now; puts it once, and waits for its answer.

        Raises:
            PartnerDown: certainly nothing was put.
            Reject: the same, and it cannot be said to this network.
        """
        day = None
        # It may switch, or the session be lost, while the message is made.
        while day != (day := self.session.day()):
            try:
                request, sealed = await self._made(task, day)
            except Unavailable as error:  # the store gave no numbers
                raise PartnerDown(error.zh, error.en) from None
        queue = self.settings.queue_for(request.number)
        return await self.exchange.ask(request, sealed, queue, wait, vouchers_of(task.body))

    async def _made(self, task: Task, day: dt.date) -> tuple[Request, bytes]:
        kind, body = task.business.kind, task.body
        request = request_for(body, task.business, task.message, day, task.about)
        wire_no = "" if kind is None else await self.numbers.one(kind, day)
        package = rows_of(body)
        details = () if package is None else await self.numbers.several("tra", day, len(package[1]))
        request = await self._numbered(replace(request, wire_no=wire_no, serial=request.serial or wire_no))
        worn = dressed(body, request, task.about, details)
        reactor = self.context.reactor
        # Beside the reactor: a package may be of a thousand debits.
        sealing: Deferred[bytes] = deferToThreadPool(
            reactor, reactor.getThreadPool(), self._sealed, request, worn, day, task.at
        )
        return request, await sealing

    async def reply(self, number: str, body: Body, to: Head, arrived_on: str) -> None:
        """Puts an answer to a message of the network's, on the queue of the same kind. Nothing is remembered of it.

        Raises:
            PartnerDown, PutUnknown, Reject: it is not, or perhaps not, on its way.
        """
        settings, now = self.settings, self.context.clock.now()
        day = self.session.known_day
        identity = await self.numbers.message_id(day or now.date())
        head = self._head(number, identity, to.id, day)
        queue = dict(zip(settings.queues_in, settings.queues_out, strict=True))[arrived_on]
        sealed = self.seal.seal(self.formats.write(number, body, head, now))
        await self.link.put(queue, sealed, message_id=identity)

    def succeeded(self, code: str) -> bool:
        """Whether a result code means success."""
        return self.meaning(code) == "success"

    def meaning(self, code: str, table: str = RESULTS) -> str:
        """What the code table says of a result code; empty where it says nothing, so that it proves nothing."""
        found = self.formats.meaning(code, self.context.clock.now(), table)
        return "" if found is None else found.outcome

    def not_logged_in(self, receipt: ReceiptGiven) -> bool:
        """Whether the network says that it took nothing because we are not logged in; only by what settings name."""
        known = self.settings.session
        words = receipt.raw_text or ""
        return receipt.raw_code in known.not_logged_in_codes or any(
            w in words for w in known.not_logged_in_words
        )

    def written(self, request: Request, body: Body, at: dt.datetime) -> bytes:
        """The document of a request, without its seal. Raises Reject."""
        return self._written(request, body, request.wire_day, at)

    async def _call(self, number: str, body: Body, wait: float) -> Heard:
        """A message of the session, which has a MsgID and nothing else to be known by."""
        now = self.context.clock.now()
        known = self.session.known_day
        day = known or now.date()  # of the MsgID; the head says no day that the network has not told
        request = Request(id="", number=number, message="", collector="", wire_day=day, day=day)
        request = await self._numbered(request)
        sealed = self._sealed(request, body, known, now)
        return await self.exchange.ask(request, sealed, self.settings.queue_for(number), wait)

    async def _numbered(self, request: Request) -> Request:
        identity = await self.numbers.message_id(request.wire_day)
        return replace(request, id=identity, at=self.context.clock.now().timestamp())

    def _sealed(self, request: Request, body: Body, day: dt.date | None, at: dt.datetime) -> bytes:
        return self.seal.seal(self._written(request, body, day, at))

    def _written(self, request: Request, body: Body, day: dt.date | None, at: dt.datetime) -> bytes:
        """A request refers to itself."""
        return self.formats.write(
            request.number, body, self._head(request.number, request.id, request.id, day), at
        )

    def _head(self, number: str, identity: str, reference: str, day: dt.date | None) -> Head:
        settings = self.settings
        return Head(
            source=settings.node, destination=settings.centre, application=settings.application,
            number=number, id=identity, reference=reference, work_date=day,
        )  # fmt: skip

    async def close(self) -> None:
        """Lets go of queues and file; whoever asks next opens them again."""
        link = self.link
        for made in ("link", "exchange"):
            self.__dict__.pop(made, None)
        await link.close()
        await self.ledger.close()


_channels: dict[str, Channel] = {}


def channel(settings: TreasurySettings, context: Context) -> Channel:
    """The partner's channel: the same one for all its abilities, a new one after a change of settings."""
    known = _channels.get(context.partner)
    if known is None or known.context is not context or known.settings != settings:
        known = _channels[context.partner] = Channel(settings, context)
    return known
