"""What sender, receiver and checker of one partner share: connections, mappings, memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from adapters.police.answers import Answers
from adapters.police.contracts import SHIPPED, Call, call_of
from adapters.police.dialects import Dialect, JsonDialect, NciicDialect, RbspDialect
from adapters.police.dialects.dialect import Soap
from adapters.police.dialects.nciic import PARAMETERS as NCIIC
from adapters.police.dialects.rbsp import PARAMETERS as RBSP
from adapters.police.formats import Formats
from adapters.police.link import Link
from adapters.police.memory import Memory
from adapters.police.quota import Quota
from adapters.police.services import JsonSettings, NciicSettings, RbspSettings
from adapters.police.settings import PoliceSettings
from gateway.contract import Context


class Channel:
    """One partner."""

    def __init__(self, settings: PoliceSettings, context: Context) -> None:
        self.settings = settings
        self.context = context
        self.formats = Formats(settings.mappings, context.mappings)
        self.link = Link(settings, context)
        self.memory = Memory(settings, context)
        self.quota = Quota(settings, context, self.memory)
        self.answers = Answers(settings, context, self.memory)
        self.dialect = self._dialect()

    def _dialect(self) -> Dialect:
        service = self.settings.service
        if isinstance(service, JsonSettings):
            return JsonDialect(service, self.formats, self.link)
        soap = Soap(self.link, self._contract(service))
        if isinstance(service, NciicSettings):
            return NciicDialect(service, self.formats, soap, self.context.log)
        return RbspDialect(service, self.formats, soap)

    def _contract(self, service: NciicSettings | RbspSettings) -> Callable[[], Awaitable[Call]]:
        reactor = self.context.reactor

        def read() -> Awaitable[Call]:
            found: Deferred[Call] = deferToThreadPool(reactor, reactor.getThreadPool(), contract, service)
            return found

        return read


def contract(service: NciicSettings | RbspSettings) -> Call:
    """The operation of the partner's WSDL, or of the shipped one. Blocks.

    Raises:
        ConfigError: it cannot be used.
    """
    file = service.wsdl or SHIPPED / f"{service.kind}.wsdl"
    return call_of(file, service.operation, NCIIC if isinstance(service, NciicSettings) else RBSP)


_channels: dict[str, Channel] = {}


def channel(settings: PoliceSettings, context: Context) -> Channel:
    """The partner's channel: the same one for all its abilities, a new one after a change of settings."""
    known = _channels.get(context.partner)
    if known is None or known.context is not context or known.settings != settings:
        known = _channels[context.partner] = Channel(settings, context)
    return known
