"""That the audit log holds what was accepted: entry and proof, for partners to keep."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from gateway.audit import LogInconsistent, NotInLog, Prover
from gateway.audit.entry import decode
from gateway.contract import Evidence
from gateway.engine.keeping import Keeping
from gateway.engine.vault import Vault
from gateway.store.api import MessageRow, Store


class Proofs:
    """Reads what the integrator has written; the files of the log are read in a thread."""

    def __init__(self, folder: Path, store: Store, vault: Vault, keeping: Keeping) -> None:
        self._folder = folder
        self._store = store
        self._vault = vault
        self._keeping = keeping

    async def of(self, partner: str, message_id: str) -> Evidence | None:
        """See `gateway.contract.Inbox.evidence`; None also where that partner never sent such a message."""
        row = await self._store.message(message_id)
        if row is None or row.partner != partner:
            return None
        for index, _, entry in await self._store.audit_of(message_id):
            if index is not None and decode(entry).event == "message.accepted":
                evidence: Evidence | None = await self._keeping.in_thread(
                    partial(self._prove, row, index, entry)
                )
                return evidence
        return None

    def _prove(self, row: MessageRow, index: int, entry: bytes) -> Evidence | None:
        try:
            # The cache of a prover holds tiles as they were: a new one for each proof.
            proof = Prover(self._folder).receipt(index)
        except (NotInLog, LogInconsistent):
            return None  # the next checkpoint covers it; what is wrong with the folder, the integrator says
        vkey = (self._folder / "vkey").read_text(encoding="utf-8").strip()
        return Evidence(index=index, entry=entry, proof=proof, vkey=vkey, salt=self._salt(row))

    def _salt(self, row: MessageRow) -> bytes | None:
        if not row.body:
            return None  # erased
        if self._vault.open_message(row.body, row.id).attachment is not None:
            return self._keeping.chest.salt(row.id)
        return self._vault.salt(row.raw, row.id, "raw") if row.raw else None
