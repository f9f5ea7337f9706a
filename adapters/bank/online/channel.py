"""What sender, resolver, receiver and checker of one bank share: connections, mappings, memory."""

from __future__ import annotations

from adapters.bank.online.dialects import CdcDialect, Dialect, XmlDialect
from adapters.bank.online.formats import Formats
from adapters.bank.online.ledger import Ledger
from adapters.bank.online.link import Link
from adapters.bank.online.settings import CdcSettings, XmlSettings
from adapters.bank.online.words import Batch, Doubt, Head, Nobody, Refused, doubt
from gateway.contract import Context


class Channel:
    """One bank."""

    def __init__(self, settings: CdcSettings | XmlSettings, context: Context) -> None:
        self.settings = settings
        self.context = context
        self.formats = Formats(settings.mappings, context.mappings)
        self.link = Link(settings, context)
        self.ledger = Ledger(context)
        self.dialect: Dialect = (
            CdcDialect(settings, context, self.formats, self.link)
            if isinstance(settings, CdcSettings)
            else XmlDialect(settings, context, self.formats, self.link)
        )

    async def ask(self, batch: Batch, *, answered: bool = False) -> Head | Nobody | Refused | Doubt:
        """What the bank has of a batch, believed only where it speaks of this one, and of absence only where the bank has
        had time to write it down, or has `answered` what was submitted. Raises PartnerDown."""
        heard = await self.dialect.ask(batch)
        if isinstance(heard, Head):
            return self._about(batch, heard)
        if not isinstance(heard, Nobody):
            return heard
        if batch.request is not None:
            return doubt(
                "银行曾有该批次，如今却查无此批：须人工向银行核实",
                "the bank had this batch and now knows nothing of it: a person must ask the bank",
                heard.raw,
            )
        age = self.context.clock.now().timestamp() - batch.tried.timestamp()
        if not answered and age < self.settings.absent_after:
            return doubt("提交不久，银行可能尚未登记", "too soon to believe that it never came", heard.raw)
        return heard

    def _about(self, batch: Batch, head: Head) -> Head | Doubt:
        body = head.body
        if body.batch_id != batch.reference:
            self.context.log.error("bank.answer_of_another_batch", reference=batch.reference)
            return doubt("应答不是所问的批次", "the answer is about another batch", head.raw)
        if body.number_of_transactions not in (None, batch.count) or body.control_sum not in (
            None,
            batch.total,
        ):
            self.context.log.error("bank.totals_differ", reference=batch.reference)
            return doubt(
                "银行登记的笔数或金额与所提交的不符：须人工向银行核实",
                "number or sum at the bank are not those submitted: a person must ask the bank",
                head.raw,
            )
        return head


_channels: dict[str, Channel] = {}


def channel(settings: CdcSettings | XmlSettings, context: Context) -> Channel:
    """The partner's channel: the same one for all its abilities, a new one after a change of settings."""
    known = _channels.get(context.partner)
    if known is None or known.context is not context or known.settings != settings:
        known = _channels[context.partner] = Channel(settings, context)
    return known
