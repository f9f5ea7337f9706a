"""The faces of one hospital, all in front of one clerk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from adapters.hospital.clerk import Clerk
from adapters.hospital.formats import Formats
from adapters.hospital.hl7 import events
from adapters.hospital.hl7 import settings as hl7
from adapters.hospital.hl7.server import Hl7Server
from adapters.hospital.national.server import NationalServer
from adapters.hospital.national.transactions import OPERATIONS as BY_NUMBER
from adapters.hospital.settings import HospitalSettings
from adapters.hospital.soap import styles
from adapters.hospital.soap.server import SoapServer
from gateway.contract import ConfigError, Context


class Face(Protocol):
    """One language."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


def spoken(settings: HospitalSettings) -> frozenset[str]:
    """Names of the operations that the faces of these settings know."""
    return frozenset().union(
        styles.spoken(settings.soap) if settings.soap else (),
        BY_NUMBER if settings.national else (),
        events.spoken(settings.hl7.events) if settings.hl7 else (),
    )


def offered(settings: HospitalSettings) -> frozenset[str]:
    """Names of those that are open to this hospital."""
    known = spoken(settings)
    return known if settings.operations is None else known & set(settings.operations)


def wrong(settings: HospitalSettings) -> Iterable[ConfigError]:
    """What is wrong with settings beyond their declaration."""
    for i, name in enumerate(settings.operations or ()):
        if name not in spoken(settings):
            zh, en = f"所开接口没有操作 {name}", f"none of its faces has operation {name}"
            yield ConfigError(zh, en, path=f"operations[{i}]")
    if settings.hl7 is not None:
        yield from hl7.wrong(settings.hl7, settings.institutions, settings.clients)
    for code, institution in settings.soap.hip.organisations.items() if settings.soap else ():
        if institution not in settings.institutions:
            zh, en = "该机构不在 institutions 中", "the institution is none of institutions"
            yield ConfigError(zh, en, path=f"soap.hip.organisations.{code}")
    try:
        # Code tables of the operator's own lie beside the files that use them.
        Formats(settings.mappings, tuple(dict.fromkeys(file.parent for file in settings.mappings)))
    except ConfigError as error:
        yield error


class Faces:
    """The receiver: starts and stops them together."""

    def __init__(self, settings: HospitalSettings, context: Context) -> None:
        operations = offered(settings)
        clerk = Clerk(settings, context, operations)
        formats = Formats(settings.mappings, context.mappings)
        tolerance = settings.line_tolerance
        self.faces: list[Face] = []
        if settings.soap is not None:
            self.faces.append(SoapServer(settings.soap, context, clerk, formats, operations, tolerance))
        if settings.national is not None:
            region = settings.region or context.region
            self.faces.append(NationalServer(settings.national, context, clerk, formats, region, tolerance))
        if settings.hl7 is not None:
            self.faces.append(Hl7Server(settings, settings.hl7, context, clerk, formats))

    async def start(self) -> None:
        for face in self.faces:
            await face.start()

    async def stop(self) -> None:
        for face in self.faces:
            await face.stop()
