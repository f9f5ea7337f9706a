"""The integrator as the store process hosts it: made there, from arguments that can be sent."""

from __future__ import annotations

from pathlib import Path

from gateway.audit.integrator import Integrator
from gateway.audit.keys import load_signer
from gateway.audit.source import AuditSource


def integrator(source: AuditSource, folder: Path, origin: str, key_file: Path) -> Integrator:
    """An integrator of the log in `folder`, signing with the key in `key_file`.

    Raises:
        BadKeyFile: the key cannot be used.
        LogBusy: another process extends this folder.
    """
    return Integrator(source, folder, load_signer(origin, key_file))
