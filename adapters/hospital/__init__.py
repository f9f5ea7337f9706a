"""Hospitals: they call us by SOAP, to settle treatments, to undo that, and to ask about persons."""

from __future__ import annotations

from pathlib import Path

from adapters.hospital.server import HospitalReceiver
from adapters.hospital.settings import HospitalSettings
from gateway.contract import Adapter, Context
from gateway.contract.plugins import read_manifest

_FOLDER = Path(__file__).parent
_MANIFEST = read_manifest(_FOLDER)


def _receiver(settings: HospitalSettings, context: Context) -> HospitalReceiver:
    return HospitalReceiver(settings, context, _MANIFEST)


adapter: Adapter[HospitalSettings] = Adapter(
    folder=_FOLDER, manifest=_MANIFEST, settings=HospitalSettings, receiver=_receiver
)
