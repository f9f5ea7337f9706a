"""Takes what a partner sent, whatever carried it: from a parsed message to the engine and back to an answer.

transport ── tree ──► Desk.take ── Inbound ──► inbox ── committed ──► answer ──► transport
                         └──► Refused ──► Desk.record (audited) ──► transport
"""

from __future__ import annotations

import re
from typing import Any

from adapters.generic import refusals
from adapters.generic.formats import Format, Formats, key_of, label
from adapters.generic.refusals import Refused
from gateway.canonical import Body
from gateway.canonical.receipt import MessageReceived
from gateway.canonical.refusal import RequestRefused
from gateway.contract import Context, Inbound, Pending, Refusal, Reject, Unavailable
from mappings import MappingError

_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Desk:
    """One per partner. `take` gives the canonical answer: a receipt, or the reply."""

    def __init__(self, formats: Formats, context: Context, patience: float) -> None:
        self.formats = formats
        self.context = context
        self._inbox = context.inbox
        self._patience = patience

    async def take(self, form: Format, tree: Any, raw: bytes, traceparent: str = "") -> Body:
        """One message, parsed by `form.request.parse` or the transport's own parser of the same format.

        Raises:
            Refused: the message is wrong, or there is no answer (yet).
        """
        return await self.accept(form, self.understood(form, tree, raw, traceparent))

    async def accept(self, form: Format, inbound: Inbound) -> Body:
        """Hands a message that is understood to the engine. Raises as `take`."""
        try:
            if form.one_way:
                receipt = await self._inbox.accept(inbound)
                state = "already-accepted" if receipt.repeated else "accepted"
                return MessageReceived(
                    message_id=receipt.message_id, partner_message_id=inbound.partner_message_id, state=state
                )
            outcome = await self._inbox.request(inbound, self._patience)
        except Reject as error:
            refused = refusals.rejected(error)
            refused.partner_message_id = inbound.partner_message_id
            raise refused from None
        except Unavailable as error:
            raise refusals.later(error) from None
        if isinstance(outcome, Pending):
            raise refusals.pending(outcome)
        if isinstance(outcome.reply.data, RequestRefused):
            raise refusals.said_no(outcome.reply.data, outcome.message_id)
        return outcome.reply.data

    def written(self, form: Format, answer: Body) -> bytes | None:
        """The answer in the partner's form; None for a receipt that no mapping says how to write.

        Raises:
            Refused: there is an answer that this form cannot say.
        """
        if form.reply is None:
            return None
        try:
            return form.reply.encode(answer)
        except (MappingError, TypeError) as error:
            rule = error.rule if isinstance(error, MappingError) else "type"
            self.context.log.error("the answer cannot be written", operation=form.name, rule=rule)
            raise Refused(
                code="unreadable-answer",
                zh="已有答复，但无法按接口格式表示：请勿重复办理，联系运维",
                en="there is an answer that this interface cannot express: do not ask again, call operations",
                rule=rule,
                ours=True,
                record=False,
            ) from None

    async def record(self, refused: Refused, raw: bytes) -> None:
        """Puts input that was not accepted on record; what it was about is in the answer's `refusal_id`.

        Raises:
            Refused: it cannot be recorded now, so it is not refused either.
        """
        if not refused.record or refused.refusal_id:
            return
        try:
            refused.refusal_id = await self._inbox.refuse(
                Refusal(
                    code=refused.code,
                    field=refused.field,
                    rule=refused.rule,
                    raw=raw,
                    partner_message_id=refused.partner_message_id,
                )
            )
        except Unavailable as error:
            raise refusals.later(error) from None

    def understood(self, form: Format, tree: Any, raw: bytes, traceparent: str = "") -> Inbound:
        """What a message says. Raises Refused where it is wrong."""
        own = form.settings
        try:
            envelope = form.request.read_envelope(tree)
            body = form.request.decode_tree(tree)
        except MappingError as error:
            raise refusals.invalid(error) from None
        identity = key_of(body, envelope, own.id)
        if not identity:
            zh, en = f"缺少报文编号 {own.id}", f"{own.id}, the message's own id, is missing"
            raise Refused(code="invalid", zh=zh, en=en, field=own.id or "", rule="missing")
        return Inbound(
            body=body,
            raw=raw,
            partner_message_id=identity,
            region=self.context.region,
            mapping=label(form.request),
            subject=key_of(body, {}, own.subject),
            ordering_key=key_of(body, {}, own.order_by),
            # A body that says why it asks says it for the audit log too.
            purpose=getattr(body, "purpose", None),
            traceparent=traceparent if _TRACE.fullmatch(traceparent) else None,
        )
