"""The network of tax bureaux, treasury and banks (财税库银, TIPS): we are a node and a collector. See `README.md`."""

from __future__ import annotations

from pathlib import Path

from adapters.treasury.line import (
    TreasuryChecker,
    TreasuryReceiver,
    TreasuryResolver,
    TreasurySender,
    channel,
)
from adapters.treasury.settings import TreasurySettings
from adapters.treasury.wire import document_of
from adapters.treasury.wire.problems import problems
from gateway.contract import Adapter, Context, Operation
from gateway.contract.plugins import read_manifest

__all__ = ["adapter"]

_FOLDER = Path(__file__).parent
_MANIFEST = read_manifest(_FOLDER)


def _operations(settings: TreasurySettings) -> list[Operation]:
    return [operation for operation in _MANIFEST.operations if settings.offers(operation)]


def _sender(settings: TreasurySettings, context: Context) -> TreasurySender:
    return TreasurySender(channel(settings, context))


def _resolver(settings: TreasurySettings, context: Context) -> TreasuryResolver:
    return TreasuryResolver(channel(settings, context))


def _receiver(settings: TreasurySettings, context: Context) -> TreasuryReceiver:
    return TreasuryReceiver(channel(settings, context))


def _checker(settings: TreasurySettings, context: Context) -> TreasuryChecker:
    return TreasuryChecker(channel(settings, context))


adapter = Adapter(
    folder=_FOLDER,
    manifest=_MANIFEST,
    settings=TreasurySettings,
    sender=_sender,
    resolver=_resolver,
    receiver=_receiver,
    checker=_checker,
    operations=_operations,
    problems=problems,
    document=document_of,
)
