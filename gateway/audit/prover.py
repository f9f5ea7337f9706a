"""Proofs from the log folder alone: a handful of tile reads each, whatever the size of the log."""

from __future__ import annotations

from pathlib import Path

from gateway.audit.checkpoint import Checkpoint, parse_checkpoint
from gateway.audit.errors import LogInconsistent, NotInLog
from gateway.audit.folder import LogFolder
from gateway.audit.merkle import consistency_proof, inclusion_proof
from gateway.audit.note import split_note
from gateway.audit.proof import Receipt, format_receipt
from gateway.audit.tiles import TILE_WIDTH, width_of


class Prover:
    """Proves what a log folder holds. It trusts the folder; whoever receives a proof does not have to."""

    def __init__(self, path: Path) -> None:
        self._folder = LogFolder(path)

    def published(self) -> tuple[Checkpoint, bytes]:
        """The checkpoint as published, and its signed bytes.

        Raises:
            LogInconsistent: there is none.
        """
        note = self._folder.checkpoint()
        if note is None:
            raise LogInconsistent("the folder has no checkpoint", "start the gateway, or correct the folder")
        return parse_checkpoint(split_note(note)[0]), note

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The inclusion proof of an entry in the log of `size` entries (default: the published size).

        Raises:
            NotInLog: no such entry in a log of that size.
        """
        size = self._within_published(size)
        _check_index(index, size)
        return inclusion_proof(self._folder.nodes(size), index, size)

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """The proof that the log of `new` entries (default: the published size) begins with that of `old`.

        Raises:
            NotInLog: `old` is beyond `new`.
        """
        new = self._within_published(new)
        if not 0 <= old <= new:
            raise NotInLog(
                f"a log of {new} entries had no state of {old}: check which checkpoint is the older"
            )
        return consistency_proof(self._folder.nodes(new), old, new)

    def receipt(self, index: int, extra: bytes | None = None) -> bytes:
        """The receipt of an entry under the published checkpoint, as a file to hand out.

        Raises:
            NotInLog: not covered yet; the integrator publishes within about a second.
        """
        checkpoint, note = self.published()
        _check_index(index, checkpoint.size)
        hashes = inclusion_proof(self._folder.nodes(checkpoint.size), index, checkpoint.size)
        return format_receipt(Receipt(index, tuple(hashes), note, extra))

    def entry(self, index: int) -> bytes:
        """The bytes of an entry.

        Raises:
            NotInLog: not covered by the published checkpoint.
        """
        size = self._within_published(None)
        _check_index(index, size)
        bundle, place = divmod(index, TILE_WIDTH)
        return self._folder.bundle(bundle, width_of(0, bundle, size))[place]

    def _within_published(self, size: int | None) -> int:
        published = self.published()[0].size
        if size is None:
            return published
        if size > published:
            raise NotInLog(f"the log has {published} entries, not {size}: wait for the next checkpoint")
        return size


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise NotInLog(f"entry {index} is not among the {size} published: wait for the next checkpoint")
