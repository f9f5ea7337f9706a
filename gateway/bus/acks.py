"""Gathers what a consumer settles during one turn of the reactor, and says it in as few frames as possible.

"Acknowledged, all up to n" settles everything before n: so n must never pass a message that is still being
worked on, nor come before a refusal has been said. And n itself must be unsettled, else the broker closes the
channel.
"""

from __future__ import annotations

from gateway.transports.amqp.frames import write_ack, write_nack


class AckBatch:
    """The unsettled messages of one channel."""

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._open: dict[int, None] = {}  # in the order of delivery, so of rising tags
        self._acked: list[int] = []
        self._nacks: list[bytes] = []

    def __len__(self) -> int:
        return len(self._open)

    @property
    def due(self) -> bool:
        """Tell whether there is something to be said."""
        return bool(self._acked or self._nacks)

    def holds(self, tag: int) -> bool:
        """Tell whether the message is still unsettled."""
        return tag in self._open

    def delivered(self, tag: int) -> None:
        """A message was handed out."""
        self._open[tag] = None

    def ack(self, tag: int) -> None:
        """A message is dealt with."""
        del self._open[tag]
        self._acked.append(tag)

    def nack(self, tag: int, requeue: bool) -> None:
        """A message is handed back."""
        del self._open[tag]
        self._nacks.append(write_nack(self._channel, tag, requeue))

    def frames(self) -> bytes:
        """Return the frames that say it, and begin anew. Refusals come first."""
        acked, self._acked = self._acked, []
        frames, self._nacks = self._nacks, []
        oldest_open = next(iter(self._open), None)
        settled = [tag for tag in acked if oldest_open is None or tag < oldest_open]
        if settled:
            frames.append(write_ack(self._channel, max(settled), True))
        if len(settled) < len(acked):
            frames += [write_ack(self._channel, tag, False) for tag in acked if tag > (oldest_open or 0)]
        return b"".join(frames)
