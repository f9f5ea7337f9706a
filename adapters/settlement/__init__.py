"""A province's settlement platform: national JSON interface, we are the client. See `README.md`."""

from __future__ import annotations

from pathlib import Path

from adapters.settlement.channel import channel
from adapters.settlement.checker import SettlementChecker
from adapters.settlement.client import SettlementSender
from adapters.settlement.codec import document_of
from adapters.settlement.resolver import SettlementResolver
from adapters.settlement.session import Session
from adapters.settlement.settings import SettlementSettings
from gateway.contract import Adapter, Context
from gateway.contract.plugins import read_manifest

__all__ = ["adapter"]

_FOLDER = Path(__file__).parent


def _sender(settings: SettlementSettings, context: Context) -> SettlementSender:
    shared = channel(settings, context)
    return SettlementSender(shared, SettlementResolver(shared))


def _resolver(settings: SettlementSettings, context: Context) -> SettlementResolver:
    return SettlementResolver(channel(settings, context))


def _checker(settings: SettlementSettings, context: Context) -> SettlementChecker:
    return SettlementChecker(channel(settings, context))


def _receiver(settings: SettlementSettings, context: Context) -> Session | None:
    wanted = settings.sign_in
    return Session(channel(settings, context)) if wanted is not None and wanted.sign_out else None


adapter = Adapter(
    folder=_FOLDER,
    manifest=read_manifest(_FOLDER),
    settings=SettlementSettings,
    sender=_sender,
    resolver=_resolver,
    receiver=_receiver,
    checker=_checker,
    document=document_of,
)
