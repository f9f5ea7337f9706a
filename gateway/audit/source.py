"""What the audit log asks of the store. The store's author implements it; calls come from a worker thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class AuditSource(Protocol):
    """Audit entries in the store: committed with what they record, later given their index in the log."""

    def unsequenced(self, limit: int) -> list[tuple[str, bytes]]:
        """(entry id, entry bytes) of entries that are committed but have no index, in commit order."""
        ...

    def sequence(self, first_index: int, entry_ids: Sequence[str]) -> None:
        """Give consecutive indices, durably and in one transaction.

        The integrator calls this *before* it writes tiles. An index never changes afterwards.
        """
        ...

    def sequenced(self, first_index: int, limit: int) -> list[bytes]:
        """The bytes of the entries from `first_index` on, in order of index."""
        ...

    def size(self) -> int:
        """How many entries have an index; they are the indices from 0 up to this number."""
        ...

    def find(self, message_id: str) -> list[tuple[int | None, str, bytes]]:
        """(index or None, entry id, entry bytes) of all entries of a message, in order."""
        ...
