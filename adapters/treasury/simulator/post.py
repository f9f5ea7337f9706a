"""What one node sends: numbered, signed, put on the right queue; and spoilt, lost or late where a fault says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred

from adapters.treasury.simulator.documents import Value, write
from adapters.treasury.simulator.faults import Fault, Faults

#: Messages that travel on the BATCH queues; all others go ONLINE.
BATCH: Final = frozenset(
    ("1102", "2102", "3102", "3111", "2111", "3122", "3200", "3201", "9111", "9113", "9117")
)
CENTRE: Final = "100000000000"
_NOBODY: Final = "0" * 20


class Queues(Protocol):
    """Where messages are put; `gateway.transports.mq` as far as this needs it."""

    async def put(
        self, queue: str, body: bytes, *, message_id: str, correlation_id: str | None = None
    ) -> None: ...


class Seals(Protocol):
    """`adapters.treasury.wire.seal.Seal`."""

    def seal(self, document: bytes) -> bytes: ...

    def open(self, raw: bytes) -> bytes: ...


class Post:
    """Of one node.

    Args:
        identify: a MsgID, never the same twice.
        work_date: of the head.
    """

    def __init__(
        self,
        node: str,
        queues: Queues,
        seals: Seals,
        faults: Faults,
        reactor: Any,
        identify: Callable[[], str],
        work_date: Callable[[], str],
    ) -> None:
        self.node = node
        self.faults = faults
        self._queues = queues
        self._seals = seals
        self._reactor = reactor
        self._identify = identify
        self._work_date = work_date

    async def send(
        self,
        to: str,
        number: str,
        body: Mapping[str, Value],
        reference: str = "",
        *,
        batch: bool | None = None,
    ) -> None:
        """Sends a message.

        Args:
            reference: MsgID of what it answers.
            batch: where its number does not say on which kind of queue.
        """
        kind = "BATCH" if (number in BATCH if batch is None else batch) else "ONLINE"
        queue = f"PBC.EXT.{kind}.IN" if to == CENTRE else f"PBC.{to}.{kind}.OUT"
        if self.faults.strikes("lose", number):
            return
        if self.faults.strikes("wrong-reference", number):
            reference = _NOBODY
        if self.faults.strikes("wrong-serial", number):
            body = _another(body)
        spoilt = self.faults.strikes("bad-seal", number) is not None
        late = self.faults.strikes("late", number)
        for _ in range(2 if self.faults.strikes("twice", number) else 1):
            identity, raw = self._sealed(to, number, body, reference, spoilt)
            if late is None:
                await self._queues.put(queue, raw, message_id=identity)
            else:
                self._later(late, queue, raw, identity)

    def open(self, raw: bytes) -> bytes:
        """The document of what came; raises what the seal raises."""
        return self._seals.open(raw)

    def _sealed(
        self, to: str, number: str, body: Mapping[str, Value], reference: str, spoilt: bool
    ) -> tuple[str, bytes]:
        identity = self._identify()
        head = {
            "SRC": self.node, "DES": to, "MsgNo": number, "MsgID": identity, "MsgRef": reference or identity,
            "WorkDate": self._work_date(),
        }  # fmt: skip
        document = write(head, body)
        raw = self._seals.seal(document)
        if not spoilt:
            return identity, raw
        other = write({**head, "MsgID": _NOBODY}, body)
        return identity, document + self._seals.seal(other)[len(other) :]

    def _later(self, late: Fault, queue: str, raw: bytes, identity: str) -> None:
        def put() -> None:
            Deferred.fromCoroutine(self._queues.put(queue, raw, message_id=identity))

        self._reactor.callLater(late.seconds, put)


def _another(body: Mapping[str, Value]) -> Mapping[str, Value]:
    """The same about another debit."""
    changed: dict[str, Value] = {}
    for name, value in body.items():
        if isinstance(value, Mapping):
            changed[name] = _another(value)
        elif name == "OriTraNo" and isinstance(value, str):
            changed[name] = f"{(int(value) + 1) % 10**8:08d}"
        else:
            changed[name] = value
    return changed
