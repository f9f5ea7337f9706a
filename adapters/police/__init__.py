"""The population register of the police: NCIIC and RBSP, we are the client. See `README.md`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from adapters.police.channel import channel, contract
from adapters.police.checker import PoliceChecker
from adapters.police.formats import Formats
from adapters.police.inbox import PollReceiver, PushReceiver
from adapters.police.sender import PoliceSender
from adapters.police.services import JsonSettings, PushSettings, SurvivalSettings
from adapters.police.settings import PoliceSettings
from adapters.police.stored import document_of
from gateway.contract import Adapter, ConfigError, Context, Operation, Receiver
from gateway.contract.plugins import read_manifest

__all__ = ["adapter"]

_FOLDER = Path(__file__).parent
_MANIFEST = read_manifest(_FOLDER)


def _survival(settings: PoliceSettings) -> SurvivalSettings | None:
    service = settings.service
    return service.survival if isinstance(service, JsonSettings) else None


def _operations(settings: PoliceSettings) -> list[Operation]:
    """Survival checks only where the service offers them."""
    offered = _survival(settings) is not None
    return [o for o in _MANIFEST.operations if offered or not o.name.startswith("survival-")]


def _problems(settings: PoliceSettings) -> Iterator[ConfigError]:
    service = settings.service
    try:
        Formats(settings.mappings)
    except ConfigError as error:
        yield ConfigError(error.zh, error.en, path="mappings")
    if not isinstance(service, JsonSettings):
        try:
            contract(service)
        except ConfigError as error:
            yield error


def _sender(settings: PoliceSettings, context: Context) -> PoliceSender:
    return PoliceSender(channel(settings, context))


def _checker(settings: PoliceSettings, context: Context) -> PoliceChecker:
    return PoliceChecker(channel(settings, context))


def _receiver(settings: PoliceSettings, context: Context) -> Receiver | None:
    survival = _survival(settings)
    if survival is None:
        return None
    delivery = survival.delivery
    if isinstance(delivery, PushSettings):
        return PushReceiver(channel(settings, context), delivery)
    return PollReceiver(channel(settings, context), delivery)


adapter = Adapter(
    folder=_FOLDER,
    manifest=_MANIFEST,
    settings=PoliceSettings,
    sender=_sender,
    receiver=_receiver,
    checker=_checker,
    operations=_operations,
    problems=_problems,
    document=document_of,
)
