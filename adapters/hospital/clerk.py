"""Hands understood requests to the engine, and says what became of them. Knows nothing of what hospitals speak.

face: bytes ─► Inquiry ─► Clerk.ask / Clerk.take ─► canonical answer or receipt ─► face: bytes
                               └──► Fault ─► Clerk.record ─► face: its own way of saying no
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from msgspec import Struct, structs

from adapters.hospital.faults import Fault, conflict, pending, rejected, said_no
from adapters.hospital.limits import Bucket, Flood
from adapters.hospital.settings import HospitalSettings
from gateway.canonical import Body, type_of
from gateway.canonical.envelope import encode_body
from gateway.canonical.refusal import RequestRefused
from gateway.canonical.settlement import ReversalDone, ReversalRequested
from gateway.contract import Conflict, Context, Inbound, Pending, Receipt, Refusal, Reject
from mappings import MappingError

_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
#: Why a person's data are asked for, as it stands in the audit log.
_PURPOSE = "medical-visit"


class Inquiry(Struct, frozen=True, kw_only=True):
    """A request, understood."""

    operation: str  #: of the manifest
    body: Body
    msgid: str  #: the hospital's own id of the message
    institution: str
    mapping: str  #: `name@version`
    raw: bytes  #: as received
    trace: str = ""  #: W3C traceparent, as received

    @property
    def subject(self) -> str | None:
        """What operators search by: never about a person."""
        if isinstance(self.body, ReversalRequested):
            return self.body.original_message_id
        return _visit(self.body)

    @property
    def ordering_key(self) -> str | None:
        """Changes of one visit stay in order; questions need not wait, and a reversal must be able to overtake."""
        if isinstance(self.body, ReversalRequested) or ".queried." in type_of(self.body):
            return None
        return _visit(self.body)

    @property
    def purpose(self) -> str | None:
        return _PURPOSE if ".queried." in type_of(self.body) else None


def _visit(body: Body) -> str | None:
    """The number of the visit it is about: the centre's, or else the hospital's own."""
    visit: str | None = getattr(body, "visit_id", None) or getattr(body, "encounter_no", None)
    return visit


class Answered(Struct, frozen=True, kw_only=True):
    """The other side did it."""

    body: Body
    message_id: str  #: under which operators find the request


class Clerk:
    """One per partner, for all its faces.

    Args:
        operations: names of what may be asked for.
    """

    def __init__(self, settings: HospitalSettings, context: Context, operations: frozenset[str]) -> None:
        self._settings = settings
        self._operations = operations
        self._inbox = context.inbox
        self._log = context.log
        self._region = settings.region or context.region
        self._networks = tuple(ip_network(network) for network in settings.clients)
        self._bucket = Bucket(settings.rate_limit, context.clock.monotonic)
        self._flood = Flood(context.clock.monotonic)

    @property
    def region(self) -> str:
        """Of this hospital's messages."""
        return self._region

    # -- who may come in -----------------------------------------------------------------------------

    def knows(self, peer: str) -> bool:
        """Whether the client's address (`host:port`) is let in."""
        if not self._networks:
            return True
        try:
            address = ip_address(peer.rpartition(":")[0].strip("[]").partition("%")[0])
        except ValueError:  # not over IP
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)

    async def enter(self, peer: str) -> None:
        """To be asked before anything is read of a request.

        Raises:
            Fault: its address is not let in, or it comes too often.
            Unavailable: the count of what came too often cannot be put on record.
        """
        if not self.knows(peer):
            zh, en = "客户端地址不在允许范围内", "the client's address is not let in"
            raise Fault(code="client-address", zh=zh, en=en, rule="clients")
        if more := self._flood.over():
            await self._inbox.refuse(Refusal(code="too-many", rule=f"{more} more"))
        wait = self._bucket.take()
        if wait:
            zh, en = "请求过于频繁，请稍后用同一 msgid 重发", "too many requests: send the same again later"
            record = self._flood.one_more()
            raise Fault(
                code="too-many", zh=zh, en=en, rule="rate_limit", ours=True, after=wait, record=record
            )

    async def counted(self, fault: Fault, peer: str) -> Fault:
        """What to say of a request that was refused before it was complete; it counts as any other, or refusals
        without end could be put on record.

        Raises:
            Unavailable: as `enter`.
        """
        try:
            await self.enter(peer)
        except Fault as refused:
            return refused
        return fault

    def wait(self) -> float:
        """Seconds until the next message may be taken up; 0 takes one up.

        For faces whose hospitals wait for each answer: there, what comes too often is held back, not refused.
        """
        return self._bucket.take()

    def may(self, operation: str, shown: str = "") -> None:
        """
        Args:
            shown: what the hospital calls the operation.

        Raises:
            Fault: the operation is not open to this hospital.
        """
        if operation not in self._operations:
            shown = shown or operation
            zh, en = f"未开通业务 {shown}", f"operation {shown} is not open to this caller"
            raise Fault(code="operation-not-allowed", zh=zh, en=en, rule="operations")

    def speaks_for(self, institution: str, msgid: str | None = None) -> None:
        """
        Raises:
            Fault: it is another institution's business.
        """
        if institution not in self._settings.institutions:
            raise Fault(
                code="institution",
                zh="不允许代表该定点医药机构",
                en="may not speak for this institution",
                field="fixmedins_code",
                name="定点医药机构编号",
                rule="institutions",
                msgid=msgid,
            )

    # -- what they want ------------------------------------------------------------------------------

    async def ask(self, inquiry: Inquiry) -> Answered:
        """Waits for the answer.

        Raises:
            Fault: there is none (yet), or it is no.
            Unavailable: nothing was committed.
        """
        self._permit(inquiry)
        try:
            if isinstance(inquiry.body, ReversalRequested):
                return await self._reverse(inquiry, inquiry.body)
            return await self._ask(inquiry, self._inbound(inquiry))
        except Conflict:
            raise conflict(inquiry.msgid) from None
        except Reject as error:
            raise rejected(error, inquiry.msgid) from None

    async def take(self, inquiry: Inquiry) -> Receipt:
        """Takes responsibility for a one-way message.

        Raises:
            Fault: it is not taken.
            Unavailable: nothing was committed.
        """
        self._permit(inquiry)
        try:
            return await self._inbox.accept(self._inbound(inquiry))
        except Conflict:
            raise conflict(inquiry.msgid) from None
        except Reject as error:
            raise rejected(error, inquiry.msgid) from None

    async def record(self, fault: Fault, raw: bytes) -> None:
        """Puts input that was not accepted on record, so that operators find what the hospital asks about.

        Raises:
            Unavailable: it cannot be recorded now, so it is not refused either.
        """
        if not fault.record:
            return
        fault.refusal_id = await self._inbox.refuse(
            Refusal(
                code=fault.code, field=fault.field, rule=fault.rule, raw=raw, partner_message_id=fault.msgid
            )
        )

    def unspeakable(self, answered: Answered, error: MappingError | TypeError) -> Fault:
        """There is an answer, and the face cannot write it. It was done all the same: this is no refusal."""
        rule = error.rule if isinstance(error, MappingError) else "type"
        self._log.error("the answer cannot be written", message_id=answered.message_id, rule=rule)
        return Fault(
            code="unreadable-answer",
            zh="中心已有答复，但无法按接口格式表示：请勿重新提交，凭 message_id 联系运维",
            en="there is an answer that this interface cannot express: do not submit again, ask by message_id",
            ours=True,
            rule=rule,
            message_id=answered.message_id,
            record=False,
        )

    # -- how -----------------------------------------------------------------------------------------

    def _permit(self, inquiry: Inquiry) -> None:
        self.may(inquiry.operation)
        self.speaks_for(inquiry.institution, inquiry.msgid)

    async def _ask(self, inquiry: Inquiry, inbound: Inbound) -> Answered:
        outcome = await self._inbox.request(inbound, self._settings.reply_timeout)
        if isinstance(outcome, Pending):
            raise pending(outcome)
        reply = outcome.reply.data
        if isinstance(reply, RequestRefused):
            raise said_no(reply, outcome.message_id)
        if isinstance(reply, ReversalDone) and isinstance(inquiry.body, ReversalRequested):
            reply = structs.replace(reply, original_message_id=inquiry.body.original_message_id)
        return Answered(body=reply, message_id=outcome.message_id)

    async def _reverse(self, inquiry: Inquiry, body: ReversalRequested) -> Answered:
        """The platform knows the original by the msgid it was sent on under, the hospital by its own."""
        sent = await self._inbox.reference(body.original_message_id)
        if sent is None:
            return await self._unknown_original(inquiry, body)
        translated = structs.replace(body, original_message_id=sent)
        # The same reversal is the same message, whatever its original is called by then.
        return await self._ask(inquiry, self._inbound(inquiry, translated, encode_body(body)))

    async def _unknown_original(self, inquiry: Inquiry, body: ReversalRequested) -> Answered:
        zh, en = "没有送出过该原报文，无可冲正", "the original was never sent on: nothing to reverse"
        fault = Fault(
            code="unknown-original",
            zh=zh,
            en=en,
            field="omsgid",
            name="原发送方报文ID",
            rule="reference",
            msgid=inquiry.msgid,
        )
        if self._settings.unknown_original == "fault":
            raise fault
        await self.record(fault, inquiry.raw)
        done = ReversalDone(
            original_message_id=body.original_message_id, raw_code="0", raw_text=f"{zh} / {en}"
        )
        return Answered(body=done, message_id=fault.refusal_id)

    def _inbound(
        self, inquiry: Inquiry, body: Body | None = None, idempotency: bytes | None = None
    ) -> Inbound:
        return Inbound(
            body=body or inquiry.body,
            raw=inquiry.raw,
            partner_message_id=inquiry.msgid,
            region=self._region,
            mapping=inquiry.mapping,
            subject=inquiry.subject,
            ordering_key=inquiry.ordering_key,
            purpose=inquiry.purpose,
            traceparent=inquiry.trace if _TRACE.fullmatch(inquiry.trace) else None,
            idempotency=idempotency,
        )
