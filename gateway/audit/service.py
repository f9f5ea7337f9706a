"""The integrator as the store process hosts it: made there, from arguments that can be sent."""

from __future__ import annotations

from pathlib import Path

from gateway.audit.integrator import Integrator
from gateway.audit.keys import load_signers
from gateway.audit.source import AuditSource


def integrator(source: AuditSource, folder: Path, origin: str, key_file: Path) -> Integrator:
    """An integrator of the log in `folder`, signing with the key in `key_file` and with those that came before it.

    Raises:
        BadKeyFile: the key cannot be used.
        LogBusy: another process extends this folder.
    """
    signer, *earlier = load_signers(origin, key_file)
    return Integrator(source, folder, signer, also=earlier, trusted=[one.verifier for one in earlier])
