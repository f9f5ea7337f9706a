"""The sender: one message of business becomes one message on a queue, put once.

What moves money and may be on a queue is never put again, whatever happened since: the ledger knows, and the resolver finds
out. Its numbers and its day are given when it is sent, so that a day that has switched meanwhile is no error.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from adapters.treasury.line.business import (
    PACKAGES,
    Business,
    business_of,
    collector_of,
    request_for,
    rows_of,
    wants,
)
from adapters.treasury.line.channel import Channel, Task
from adapters.treasury.line.exchange import Heard
from adapters.treasury.line.identity import dressed
from adapters.treasury.line.ledger import Request
from adapters.treasury.line.verdict import judged, settled
from gateway.canonical import Body, Message
from gateway.canonical.levy import DebitBatchSubmitted
from gateway.canonical.rows import with_rows
from gateway.contract import (
    Accepted,
    Outcome,
    PartnerDown,
    Prepared,
    Reject,
    Rejected,
    Unavailable,
    Unknown,
)

#: Stands where the wire's numbers will, so that what is prepared can be checked and kept.
_SOME: Final = "00000000"


class TreasurySender:
    """Implements `gateway.contract.Sender`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._context = channel.context

    async def prepare(self, message: Message) -> Prepared:
        """Writes the document, as far as it is known before it is sent.

        Raises:
            Reject: this message can never be sent to this network.
        """
        reactor = self._context.reactor
        about = await self._about(message.data)
        # Beside the reactor: a package may be of a thousand debits.
        written: Deferred[Prepared] = deferToThreadPool(
            reactor, reactor.getThreadPool(), self._written, message, about
        )
        return await written

    def _written(self, message: Message, about: Request | None) -> Prepared:
        body = self._whole(message)
        business = business_of(body)
        self._demand_ours(body)
        request = request_for(body, business, message.id, message.time.date(), about)
        request = replace(request, id=_SOME, wire_no=_SOME)
        package = rows_of(body)
        details = () if package is None else (_SOME,) * len(package[1])
        document = self._channel.written(request, dressed(body, request, about, details), message.time)
        reference = request.voucher or request.serial or message.id
        return Prepared(operation=business.operation, reference=reference, content=document)

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """One attempt. Raises PartnerDown where nothing was put."""
        try:
            return await self._send(message)
        except Reject as no:
            return Rejected(code=no.code, reason=no.both, field=no.field or None)
        except Unavailable as error:
            raise PartnerDown(error.zh, error.en) from None

    async def _send(self, message: Message) -> Outcome:
        body = self._whole(message)
        business = business_of(body)
        if business.money:
            before = await self._channel.ledger.of_message(message.id, business.number)
            if before is not None:
                return await settled(self._channel, before, body) or Unknown(
                    reason="此笔可能已放入队列，不再发送 / it may be on the queue already: not put again"
                )
        about = await self._about(body)
        task = Task(body=body, business=business, message=message.id, at=message.time, about=about)
        return self._outcome(business, await self._channel.ask(task, self._wait(business)))

    def _outcome(self, business: Business, heard: Heard) -> Outcome:
        if heard.answer is not None:
            return judged(self._channel, heard.answer)
        packages = self._channel.settings.packages
        silence_will_do = business.number not in PACKAGES or packages.silence_means_taken
        if business.answer is None and heard.confirmed and silence_will_do:
            return Accepted(reference=heard.request.wire_no or heard.request.id)
        missing = (
            f"{self._wait(business):g} 秒内没有应答 / no answer in time"
            if heard.confirmed
            else "放入队列未获确认，也没有应答 / the put was not confirmed, and nothing answered"
        )
        return Unknown(reason=missing)

    def _wait(self, business: Business) -> float:
        settings = self._channel.settings
        return settings.timeout if business.answer is not None else settings.packages.answer_timeout

    def _whole(self, message: Message) -> Body:
        """A large package travels without its debits, which are records of its attachment."""
        body, claim = message.data, message.attachment
        if not isinstance(body, DebitBatchSubmitted) or body.debits or claim is None or not claim.records:
            return body
        whole: Body = with_rows(message, self._context.attachments.records(claim))
        return whole

    async def _about(self, body: Body) -> Request | None:
        """The request that this message is about.

        Raises:
            Reject: we never sent it: by numbers that the network gives to something else, another debit would be meant.
        """
        wanted = wants(body)
        if wanted is None:
            return None
        number, day, serial = wanted
        found = await self._channel.ledger.ours(number, collector_of(body), day, serial)
        if len({request.message for request in found}) > 1:
            raise Reject(
                "该日该流水号的原业务不止一笔，无法断定所指为何",
                "several messages of that day have this serial number: which one is meant is not certain",
                code="ambiguous-original",
                field="serial",
                rule="unique",
            )
        if not found:
            raise Reject(
                "台账中没有所指的原业务：它未曾由本机发出",
                "what this is about is not in the ledger: it was not sent from here",
                code="unknown-original",
                field="serial",
                rule="known",
            )
        return found[0]

    def _demand_ours(self, body: Body) -> None:
        settings = self._channel.settings
        if collector_of(body) not in settings.collectors and collector_of(body):
            raise Reject(
                "征收机关代码不在设置 collectors 之列",
                "the collector is not one of those in `collectors`",
                code="invalid",
                field="collector_code",
                rule="collectors",
            )
        package = rows_of(body)
        if package is not None and not 0 < len(package[1]) <= settings.packages.size:
            raise Reject(
                f"每包须有 1 至 {settings.packages.size} 笔；整份扣款文件请先送 levies 分包",
                f"a package has 1 to {settings.packages.size} rows: have whole files of debits go to `levies` first, which"
                " splits them",
                code="invalid",
                field=package[0],
                rule="count",
            )
