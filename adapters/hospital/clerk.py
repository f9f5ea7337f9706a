"""Hands understood requests to the engine, and says what became of them in the hospital's terms."""

from __future__ import annotations

import re

from msgspec import structs

from adapters.hospital.codec import HospitalCodec, Inquiry, receipt
from adapters.hospital.faults import Fault
from adapters.hospital.settings import HospitalSettings
from gateway.canonical import Body
from gateway.canonical.envelope import encode_body
from gateway.canonical.identity import PersonQuery
from gateway.canonical.refusal import RequestRefused
from gateway.canonical.settlement import ReversalDone, ReversalRequested
from gateway.contract import Conflict, Context, Inbound, Pending, Refusal, Reject, Unavailable
from gateway.transports.http import Request
from mappings import MappingError

_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
#: Why a person's data are asked for, as it stands in the audit log.
_PURPOSE = "medical-visit"


class Clerk:
    """One per receiver."""

    def __init__(self, settings: HospitalSettings, context: Context, codec: HospitalCodec) -> None:
        self._settings = settings
        self._inbox = context.inbox
        self._log = context.log
        self._region = settings.region or context.region
        self._codec = codec

    async def answer(self, inquiry: Inquiry, request: Request) -> bytes:
        """The payload of the answer.

        Raises:
            Fault: there is none (yet), or it is no.
            Unavailable: nothing was committed.
        """
        try:
            if isinstance(inquiry.body, ReversalRequested):
                return await self._reverse(inquiry, inquiry.body, request)
            if inquiry.call.one_way:
                return receipt(inquiry.msgid, await self._inbox.accept(self._inbound(inquiry, request)))
            return await self._ask(inquiry, self._inbound(inquiry, request))
        except Conflict:
            raise _conflict(inquiry) from None
        except Reject as error:
            raise Fault(
                code=error.code,
                zh=error.zh,
                en=error.en,
                field=error.field,
                rule=error.rule,
                msgid=inquiry.msgid,
            ) from None

    async def _ask(self, inquiry: Inquiry, inbound: Inbound) -> bytes:
        outcome = await self._inbox.request(inbound, self._settings.reply_timeout)
        if isinstance(outcome, Pending):
            raise _pending(outcome)
        return self._told(inquiry, outcome.reply.data, outcome.message_id)

    async def _reverse(self, inquiry: Inquiry, body: ReversalRequested, request: Request) -> bytes:
        """The platform knows the original by the msgid it was sent on under, the hospital by its own."""
        sent = await self._inbox.reference(body.original_message_id)
        if sent is None:
            return await self._unknown_original(inquiry, body, request)
        translated = structs.replace(body, original_message_id=sent)
        # The same reversal is the same message, whatever its original is called by then.
        inbound = self._inbound(inquiry, request, translated, encode_body(body))
        return await self._ask(inquiry, inbound)

    async def _unknown_original(self, inquiry: Inquiry, body: ReversalRequested, request: Request) -> bytes:
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
        await self.record(fault, request.body)
        done = ReversalDone(
            original_message_id=body.original_message_id, raw_code="0", raw_text=f"{zh} / {en}"
        )
        return self._codec.write(inquiry.call, done)

    def _inbound(
        self, inquiry: Inquiry, request: Request, body: Body | None = None, idempotency: bytes | None = None
    ) -> Inbound:
        trace = request.headers.get("traceparent")
        return Inbound(
            body=body or inquiry.body,
            raw=request.body,
            partner_message_id=inquiry.msgid,
            region=self._region,
            mapping=inquiry.mapping,
            subject=inquiry.subject,
            ordering_key=inquiry.ordering_key,
            purpose=_PURPOSE if isinstance(inquiry.body, PersonQuery) else None,
            traceparent=trace if _TRACE.fullmatch(trace) else None,
            idempotency=idempotency,
        )

    def _told(self, inquiry: Inquiry, reply: Body, message_id: str) -> bytes:
        if isinstance(reply, RequestRefused):
            raise _said_no(reply, message_id)
        if isinstance(reply, ReversalDone) and isinstance(inquiry.body, ReversalRequested):
            reply = structs.replace(reply, original_message_id=inquiry.body.original_message_id)
        try:
            return self._codec.write(inquiry.call, reply)
        except (MappingError, TypeError) as error:
            # It was done all the same: the hospital must not take this for a refusal.
            rule = error.rule if isinstance(error, MappingError) else "type"
            self._log.error("the answer cannot be written", message_id=message_id, rule=rule)
            raise _unspeakable(message_id, rule) from None

    async def record(self, fault: Fault, raw: bytes) -> None:
        """Puts input that was not accepted on record, so that operators find what the hospital asks about.

        Raises:
            Unavailable: it cannot be recorded now, so it is not refused either.
        """
        fault.refusal_id = await self._inbox.refuse(
            Refusal(
                code=fault.code, field=fault.field, rule=fault.rule, raw=raw, partner_message_id=fault.msgid
            )
        )


def _conflict(inquiry: Inquiry) -> Fault:
    return Fault(
        code="duplicate-msgid",
        zh="该 msgid 已用于另一笔内容不同的报文，请换用新的 msgid",
        en="this msgid was used before for a different message: take a new one",
        field="msgid",
        name="发送方报文ID",
        rule="unique",
        msgid=inquiry.msgid,
    )


def _pending(outcome: Pending) -> Fault:
    return Fault(
        code="pending",
        zh="结果未明，请用同一 msgid 再次查询",
        en="the outcome is not known yet: ask again with the same msgid",
        side="Server",
        rule=outcome.state,
        message_id=outcome.message_id,
        record=False,
    )


def _said_no(reply: RequestRefused, message_id: str) -> Fault:
    zh, en = "中心未受理该业务", "the platform refused the request"
    if reply.code != "rejected":  # nobody refused it: the gateway says in its own words what became of it
        zh, _, en = reply.reason.partition(" / ")
    return Fault(
        code=reply.code,
        zh=zh,
        en=en,
        field=reply.field or "",
        infcode=reply.raw_code or "",
        err_msg=reply.raw_text or reply.reason,
        message_id=message_id,
        record=False,
    )


def _unspeakable(message_id: str, rule: str) -> Fault:
    return Fault(
        code="unreadable-answer",
        zh="中心已有答复，但无法按接口格式表示：请勿重新结算，凭 message_id 联系运维",
        en="there is an answer that this interface cannot express: do not settle again, ask by message_id",
        side="Server",
        rule=rule,
        message_id=message_id,
        record=False,
    )


def later(error: Unavailable) -> Fault:
    """Nothing was committed."""
    return Fault(
        code="unavailable",
        zh=f"暂时无法受理，请稍后用同一 msgid 重发（{error.zh}）",
        en=f"cannot take it now: send the same message again later ({error.en})",
        side="Server",
        record=False,
    )
