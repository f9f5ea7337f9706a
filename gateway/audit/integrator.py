"""Takes committed entries into the log: index, tiles, checkpoint, in this order and each durably.

    unsequenced ──sequence()──▶ sequenced in the store ──tiles, bundles──▶ on disk ──checkpoint──▶ published
                                       ▲ a restart resumes here: the store says which entries follow
                                         the published checkpoint, and tiles depend on nothing else

Indices are durable before the first tile, so a step that is interrupted anywhere is repeated with the same
entries at the same indices and gives the same files. A checkpoint is signed only with a proof, read back
from the tiles on disk, that it continues the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.checkpoint import Checkpoint, open_checkpoint, sign_first, sign_next
from gateway.audit.disk import Disk
from gateway.audit.errors import AuditError, LogInconsistent
from gateway.audit.folder import LogFolder
from gateway.audit.merkle import CompactRange, consistency_proof, leaf_hash, subtree_hash
from gateway.audit.note import Signer, Verifier
from gateway.audit.source import AuditSource
from gateway.audit.tiles import MAX_ENTRY, TILE_WIDTH, Edge, pack
from gateway.audit.writer import LogWriter

_RESTORE = "run `gateway audit verify` and restore the log folder from backup"


@dataclass(frozen=True, slots=True)
class IntegrationResult:
    """What a step did.

    Attributes:
        count: entries it took in.
        size: entries in the published log.
        more: others were probably waiting beside them.
    """

    count: int
    size: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    """The published log, as far as it must be known to extend it."""

    checkpoint: Checkpoint
    edge: Edge
    range: CompactRange


class Integrator:
    """Extends one log folder from one store. Not thread-safe; call it from one worker thread.

    Args:
        source: the store.
        path: the log folder; created if absent.
        signer: the log's key; its name is the log's origin.
        limit: the most entries of one step.
        also: further signers, such as a second signature profile.
        trusted: verifiers of earlier keys of this log, for a checkpoint signed before a change of keys.
        rebuild: allow an empty folder though the store has sequenced entries. Only for a folder that was lost.
        disk: the file operations.

    Raises:
        LogBusy: another process extends this folder.
    """

    def __init__(
        self,
        source: AuditSource,
        path: Path,
        signer: Signer,
        *,
        limit: int = 2048,
        also: Sequence[Signer] = (),
        trusted: Sequence[Verifier] = (),
        rebuild: bool = False,
        disk: Disk | None = None,
    ) -> None:
        self._source = source
        self._origin = signer.name
        self._signers = (signer, *also)
        self._verifiers = (signer.verifier, *trusted)
        self._limit = limit
        self._rebuild = rebuild
        self._folder = LogFolder(path)
        self._writer = LogWriter(path, disk or Disk())
        self._state: _State | None = None

    def step(self) -> IntegrationResult:
        """Take in what is waiting, at most `limit` entries, and publish a checkpoint over it.

        After any error the next step reads the state anew from disk and store.

        Raises:
            LogInconsistent: store, tiles and checkpoint contradict each other; the error says what to do.
            BadNote: the published checkpoint is damaged or of another key.
            OSError: the disk; retry.
        """
        state, self._state = self._state or self._load(), None
        entries, resumed = self._next_entries(state.checkpoint.size)
        if entries:
            state = self._advance(state, entries)
        self._state = state
        return IntegrationResult(len(entries), state.checkpoint.size, resumed or len(entries) == self._limit)

    def drain(self) -> IntegrationResult:
        """Steps until what was waiting is in: not until nothing is, since under load something always comes meanwhile,
        and every step costs the same dozen synced files."""
        result = self.step()
        count = result.count
        while result.more:
            result = self.step()
            count += result.count
        return IntegrationResult(count, result.size)

    def close(self) -> None:
        """Release the folder."""
        self._writer.close()

    def _next_entries(self, size: int) -> tuple[list[bytes], bool]:
        """The entries from index `size` on: those an interrupted step left behind (True), else newly sequenced."""
        sequenced = self._source.size()
        if sequenced < size:
            raise LogInconsistent(
                f"the store has {sequenced} entries, the published log {size}",
                "the store was restored from an old backup: restore a newer one, its last entries are in the log",
            )
        if sequenced > size:
            return self._source.sequenced(size, self._limit), True
        waiting = self._source.unsequenced(self._limit)
        for entry_id, entry in waiting:
            if len(entry) > MAX_ENTRY:
                raise AuditError(f"audit entry {entry_id} has {len(entry)} bytes: correct its writer")
        if waiting:
            self._source.sequence(size, [entry_id for entry_id, _ in waiting])
        return [entry for _, entry in waiting], False

    def _advance(self, state: _State, entries: list[bytes]) -> _State:
        edge, files, obsolete = state.edge.grow(entries)
        self._writer.write(files)
        self._writer.drop_partials(obsolete)
        grown = state.range.copy()
        for entry in entries:
            grown.append(leaf_hash(entry))
        checkpoint, note = self._sign(state.checkpoint, grown)
        self._writer.publish(note)
        return _State(checkpoint, edge, grown)

    def _sign(self, earlier: Checkpoint, grown: CompactRange) -> tuple[Checkpoint, bytes]:
        """Sign the grown tree if the tiles on disk give the same root and continue the earlier tree."""
        size, root = grown.size, grown.root()
        nodes = self._folder.nodes(size)
        if subtree_hash(nodes, 0, size) != root:
            raise LogInconsistent(f"the tiles do not give the root of {size} entries", _RESTORE)
        proof = consistency_proof(nodes, earlier.size, size)
        return sign_next(earlier, size, root, proof, self._signers)

    def _load(self) -> _State:
        self._writer.recover()
        self._folder = LogFolder(self._folder.path)  # nothing cached from before an error
        note = self._folder.checkpoint()
        if note is None:
            return self._begin()
        checkpoint = open_checkpoint(note, self._verifiers)
        if checkpoint.origin != self._origin:
            raise LogInconsistent(
                f"the folder is the log of {checkpoint.origin}", "correct the folder or the key"
            )
        size, nodes = checkpoint.size, self._folder.nodes(checkpoint.size)
        if subtree_hash(nodes, 0, size) != checkpoint.root:
            raise LogInconsistent("the tiles do not give the root of the published checkpoint", _RESTORE)
        self._compare_with_store(size)
        tiles, entries = self._folder.edge(size)
        return _State(checkpoint, Edge(size, tiles, pack(entries)), CompactRange.of(nodes, size))

    def _begin(self) -> _State:
        """Publish the empty log, so that from then on a missing checkpoint means a damaged folder."""
        if not self._rebuild and (self._source.size() or (self._folder.path / "tile").exists()):
            raise LogInconsistent(
                "the log has entries but its folder no checkpoint",
                "restore the folder from backup, or if it is lost rebuild it from the store",
            )
        checkpoint, note = sign_first(self._origin, self._signers)
        self._writer.publish(note)
        return _State(checkpoint, Edge(), CompactRange())

    def _compare_with_store(self, size: int) -> None:
        """The last bundle must hold what the store says: a swapped store or folder shows here."""
        if size == 0 or self._source.size() < size:  # the latter is refused before anything is added
            return
        index = (size - 1) // TILE_WIDTH
        first = index * TILE_WIDTH
        stored = self._source.sequenced(first, size - first)
        if self._folder.bundle(index, size - first) != stored:
            raise LogInconsistent(
                f"the entries from index {first} on differ between the store and the log folder",
                "check that this folder belongs to this store, then restore the one that was changed",
            )
