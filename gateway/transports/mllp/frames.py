"""The frame: 0x0B, the message, 0x1C 0x0D.

A message may hold any other bytes. GBK never gets in the way: its trail bytes begin at 0x40.
"""

from __future__ import annotations

from typing import Final, Literal

START: Final = b"\x0b"
END: Final = b"\x1c\r"
#: What some systems put between frames.
_BETWEEN: Final = b"\r\n"

Reason = Literal["no-start", "too-large", "nested-start", "incomplete"]


class BadFrame(Exception):
    """The bytes are no frames. What follows them cannot be told apart, so the connection has to end."""

    def __init__(self, reason: Reason, data: bytes) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.data = data  #: what came, up to the limit


class Frames:
    """Takes bytes as they come, gives whole messages.

    Args:
        limit: bytes of the largest message.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0  #: nothing before this position ends the message: each byte is looked at once

    @property
    def begun(self) -> bool:
        """Whether part of a message has come."""
        return bool(self._buffer)

    @property
    def rest(self) -> bytes:
        """What has come of a message that is not complete."""
        return bytes(self._buffer)

    def add(self, data: bytes) -> None:
        """Takes what has come."""
        self._buffer += data

    def next(self) -> bytes | None:
        """The next message that is complete; None until one is.

        Raises:
            BadFrame: no frame begins here, it is too large, or another one begins within it.
        """
        buffer = self._buffer
        skip = len(buffer) - len(buffer.lstrip(_BETWEEN))
        if skip:
            del buffer[:skip]
        if not buffer:
            return None
        if buffer[:1] != START:
            raise BadFrame("no-start", bytes(buffer[: self._limit]))
        end = buffer.find(END, max(1, self._searched - 1))
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) > self._limit + 1:
                raise BadFrame("too-large", bytes(buffer[: self._limit]))
            return None
        message = bytes(buffer[1:end])
        del buffer[: end + len(END)]
        self._searched = 0
        if len(message) > self._limit:
            raise BadFrame("too-large", message[: self._limit])
        if START in message:
            raise BadFrame("nested-start", message)
        return message


def frame(message: bytes) -> bytes:
    """A message in its frame."""
    return START + message + END
