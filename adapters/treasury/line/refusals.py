"""What the network sent and nobody can use: on record, and told by a 9120 where that is wanted and possible."""

from __future__ import annotations

from typing import Final

from adapters.treasury.line.business import RECEIPT
from adapters.treasury.line.channel import Channel
from adapters.treasury.wire import Head, Unreadable, document_of, read_head
from gateway.canonical.levy_network import ReceiptGiven
from gateway.contract import PartnerDown, Refusal, Reject
from gateway.transports.mq import Arrived, PutUnknown

#: The one code for this that was seen in working front ends.
_UNUSABLE: Final = "92001"
_TEXTS: Final = {
    "signature": "签名核验不通过",
    "duplicate-msgid": "报文标识重复而内容不同",
    "unknown-operation": "报文编号无法识别",
}


class Refused(Exception):
    """A message that is not taken. Texts never quote a value."""

    def __init__(
        self, code: str, field: str, rule: str, head: Head | None = None, *, tell: bool = True
    ) -> None:
        super().__init__(code)
        self.code, self.field, self.rule, self.head, self.tell = code, field, rule, head, tell


class Refusals:
    """Those of one node."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def refuse(self, arrived: Arrived, no: Refused) -> None:
        """Puts it on record; then tells its sender, best effort. Raises Unavailable."""
        head = no.head or _head(arrived.body)
        await self._channel.context.inbox.refuse(
            Refusal(
                code=no.code,
                field=no.field,
                rule=no.rule,
                raw=arrived.body,
                partner_message_id=None if head is None else f"{head.source}{head.id}",
            )
        )
        # Never about a 9120: two nodes that do not understand each other would go on for ever.
        if self._channel.settings.answer_errors and no.tell and head is not None and head.number != RECEIPT:
            text = f"{_TEXTS.get(no.code, '报文无法识别')} {no.field}".strip()
            body = ReceiptGiven(original_message=head.number, raw_code=_UNUSABLE, raw_text=text)
            try:
                await self._channel.reply(RECEIPT, body, head, arrived.queue)
            except (PartnerDown, PutUnknown, Reject) as error:
                self._channel.context.log.warning("treasury.refusal_not_told", reason=error.en)


def _head(raw: bytes) -> Head | None:
    """Of what may be forged or damaged: only to say which message is meant."""
    try:
        return read_head(document_of(raw))
    except Unreadable:
        return None
