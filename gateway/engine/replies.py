"""Those who wait for a reply, and the replies when they come."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gateway.canonical import Message


class Replies:
    """Waiters by the id of the message they asked with. A reply nobody waits for is simply in the store."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting: dict[str, list[Deferred[Message | None]]] = {}

    def wait(self, message_id: str, timeout: float) -> Deferred[Message | None]:
        """Fires with the reply, or with None when `timeout` seconds have passed."""
        waiter: Deferred[Message | None] = Deferred()
        self._waiting.setdefault(message_id, []).append(waiter)
        call = self._reactor.callLater(max(timeout, 0.0), self._give_up, message_id, waiter)

        def done(reply: Message | None) -> Message | None:
            if call.active():
                call.cancel()
            return reply

        return waiter.addCallback(done)

    def settle(self, message_id: str, reply: Message) -> None:
        """Hands the reply to everybody who waits for it."""
        for waiter in self._waiting.pop(message_id, ()):
            waiter.callback(reply)

    def forget(self, message_id: str) -> None:
        """Nobody will answer this id (its acceptance failed)."""
        for waiter in self._waiting.pop(message_id, ()):
            waiter.callback(None)

    def _give_up(self, message_id: str, waiter: Deferred[Message | None]) -> None:
        waiters = self._waiting.get(message_id, [])
        if waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self._waiting[message_id]
            waiter.callback(None)
