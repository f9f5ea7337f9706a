"""Any further agency, by settings alone: operations, mappings, and a way to travel. See `README.md`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from adapters.generic.checker import GenericChecker
from adapters.generic.desk import Desk
from adapters.generic.sender import GenericSender
from adapters.generic.settings import GenericSettings, problems
from adapters.generic.transports.link import Reaching
from gateway.contract import Adapter, Context, Operation, Receiver
from gateway.contract.plugins import read_manifest

__all__ = ["adapter"]

_FOLDER = Path(__file__).parent


def _operations(settings: GenericSettings) -> list[Operation]:
    return [operation.described() for operation in settings.operations]


_senders: dict[str, tuple[Context, GenericSender]] = {}


def _sender(settings: GenericSettings, context: Context) -> GenericSender | None:
    """The same for sending and settling, so that both share connections."""
    if settings.outbound is None:
        return None
    known = _senders.get(context.partner)
    if known is None or known[0] is not context:
        link = settings.outbound.link(settings.formats, context)
        known = _senders[context.partner] = context, GenericSender(settings.formats, link, context)
    return known[1]


def _receiver(settings: GenericSettings, context: Context) -> Receiver | None:
    if settings.inbound is None:
        return None
    return settings.inbound.serve(Desk(settings.formats, context, settings.reply_timeout))


def _checker(settings: GenericSettings, context: Context) -> GenericChecker | None:
    ways = []
    if settings.outbound is not None:
        ways.append(settings.outbound.link(settings.formats, context).check)
    if isinstance(settings.inbound, Reaching):
        ways.append(partial(settings.inbound.check, context))
    return GenericChecker(settings, ways) if ways else None


adapter = Adapter(
    folder=_FOLDER,
    manifest=read_manifest(_FOLDER),
    settings=GenericSettings,
    operations=_operations,
    problems=problems,
    sender=_sender,
    resolver=_sender,
    receiver=_receiver,
    checker=_checker,
)
