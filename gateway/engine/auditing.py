"""The audit log as a running gateway keeps it. The integrator works where the store's writer is, so that neither
signing nor fsync ever holds up a message."""

from __future__ import annotations

import time
from typing import Any

from gateway.audit.keys import create_signer, load_signers, write_vkey
from gateway.audit.service import integrator
from gateway.engine.config import Configuration
from gateway.store import SqlStore

_SERVICE = "audit"


class AuditLog:
    """The log of one gateway."""

    def __init__(self, configuration: Configuration, store: SqlStore) -> None:
        self._folder = configuration.audit_folder
        self._key = configuration.audit_key_file
        self._origin = configuration.gateway.audit.origin
        self._store = store
        self.size = 0
        self.checkpoint_at = 0.0  #: when the last step ended well, seconds since 1970

    async def start(self) -> None:
        """Makes the key where there is none, and opens the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._key.parent.mkdir(parents=True, exist_ok=True)
        if not self._key.exists():
            create_signer(self._origin, self._key)
        signer, *earlier = load_signers(self._origin, self._key)
        write_vkey(signer.vkey, self._folder / "vkey")
        for one in earlier:
            write_vkey(one.vkey, self._folder / f"vkey-{one.key_id.hex()}")
        await self._store.host(_SERVICE, integrator, self._folder, self._origin, self._key)

    async def step(self) -> None:
        """Takes in what is committed and publishes a checkpoint over it."""
        result: Any = await self._store.invoke(_SERVICE, "drain")
        self.size = result.size
        self.checkpoint_at = time.time()

    async def stop(self) -> None:
        """Releases the folder."""
        await self._store.invoke(_SERVICE, "close")
