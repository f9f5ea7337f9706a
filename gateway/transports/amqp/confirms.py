"""Remembers which publishes the broker has not yet answered for.

The broker numbers what is published on a channel from 1, and answers with single numbers or with "all up to".
A message without a queue comes back as a return first and is confirmed afterwards: the return settles it, the
confirmation then finds nothing to do.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from gateway.transports.amqp.errors import BrokerError


class Window:
    """Publishes that were written together: answered for when the last of them is, by the first refusal if any."""

    def __init__(self, count: int) -> None:
        self.answer: Deferred[None] = Deferred()
        self._left = count
        self._refusal: BaseException | None = None

    def callback(self, _: None) -> None:
        """One of them is confirmed."""
        self._left -= 1
        if not self._left:
            self._end()

    def errback(self, error: BaseException) -> None:
        """One of them is not."""
        self._refusal = self._refusal or error
        self.callback(None)

    def _end(self) -> None:
        if self.answer.called:
            return  # whoever waited has given up
        if self._refusal is None:
            self.answer.callback(None)
        else:
            self.answer.errback(self._refusal)


class Confirms:
    """The unanswered publishes of one channel, oldest first."""

    def __init__(self) -> None:
        self.last_tag = 0
        self._waiting: dict[int, Deferred[None] | Window] = {}
        self._oldest = 1  # no publish before this one is waiting
        self._seen_by_watch = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def expect(self) -> Deferred[None]:
        """Count a publish, number `last_tag`, and return what fires when it is answered."""
        self.last_tag += 1
        answer: Deferred[None] = Deferred()
        self._waiting[self.last_tag] = answer
        return answer

    def expect_many(self, count: int) -> Deferred[None]:
        """Count as many publishes, and return what fires when all of them are answered."""
        window = Window(count)
        first = self.last_tag + 1
        self.last_tag += count
        self._waiting.update(dict.fromkeys(range(first, self.last_tag + 1), window))
        return window.answer

    def confirmed(self, tag: int, multiple: bool) -> None:
        """The broker has taken responsibility."""
        for answer in self._take(tag, multiple):
            answer.callback(None)

    def failed(self, tag: int, multiple: bool, error: BrokerError) -> None:
        """The broker refused, or returned the message."""
        for answer in self._take(tag, multiple):
            answer.errback(error)

    def fail_all(self, error: BrokerError) -> None:
        """No answers will come any more."""
        self.failed(self.last_tag, True, error)

    def fail_overdue(self, error: BrokerError) -> None:
        """Fail what waited already when this was called the last time."""
        overdue, self._seen_by_watch = self._seen_by_watch, self.last_tag
        if overdue:
            self.failed(overdue, True, error)

    def forget_watch(self) -> None:
        """Begin the watch anew: the broker had said that it would not answer for a while."""
        self._seen_by_watch = 0

    def _take(self, tag: int, multiple: bool) -> list[Deferred[None] | Window]:
        """Remove before anything is fired: what is called then may publish again."""
        if not multiple:
            answer = self._waiting.pop(tag, None)
            return [] if answer is None else [answer]
        # In AMQP, "all up to 0" means all.
        last = min(tag, self.last_tag) if tag else self.last_tag
        numbers = range(self._oldest, last + 1)
        self._oldest = max(self._oldest, last + 1)
        return [answer for number in numbers if (answer := self._waiting.pop(number, None)) is not None]
