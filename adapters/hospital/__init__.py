"""Hospitals: they call us to settle treatments, to undo that, and to ask; in whichever language they speak."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.hospital.faces import Faces, offered, wrong
from adapters.hospital.hl7.codec import document_of as in_hl7
from adapters.hospital.national.envelope import document_of as in_json
from adapters.hospital.operations import FOLDER, MANIFEST
from adapters.hospital.settings import HospitalSettings
from adapters.hospital.soap.stored import document_of as in_soap
from gateway.contract import Adapter, ConfigError, Operation


def _operations(settings: HospitalSettings) -> list[Operation]:
    names = offered(settings)
    return [operation for operation in MANIFEST.operations if operation.name in names]


def _problems(settings: HospitalSettings) -> Iterable[ConfigError]:
    return wrong(settings)


def _document(raw: bytes) -> bytes:
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return in_json(raw)
    return in_hl7(raw) if raw.startswith(b"MSH") else in_soap(raw)


adapter: Adapter[HospitalSettings] = Adapter(
    folder=FOLDER,
    manifest=MANIFEST,
    settings=HospitalSettings,
    operations=_operations,
    receiver=Faces,
    problems=_problems,
    document=_document,
)
