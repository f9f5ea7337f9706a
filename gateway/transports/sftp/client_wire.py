"""SFTP version 3 over one channel: paramiko's client, with what it leaves out.

* The server's extensions, which paramiko throws away.
* Definite answers apart from a lost connection: `Said` and `Lost`.
* Requests in flight by a sliding window. paramiko's own prefetch keeps no bound on what has arrived and was not yet
  read, and its pipelined writes lose errors of the last requests.

Blocking: call in a thread. Everything here that paramiko does not promise is in this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import paramiko
from paramiko.sftp import (
    CMD_DATA,
    CMD_EXTENDED,
    CMD_INIT,
    CMD_READ,
    CMD_STATUS,
    CMD_VERSION,
    CMD_WRITE,
    int64,
)

from gateway.transports.sftp.client_errors import Lost, Said

#: Bytes of one read or write. Every server takes this much.
BLOCK: Final = 32768
#: Requests in flight; also how many blocks at the end of a cut upload may have holes between them.
IN_FLIGHT: Final = 64

_OK, _EOF = 0, 1
_KINDS: Final = {2: "missing", 3: "denied", 8: "unsupported"}


class Wire(paramiko.SFTPClient):  # type: ignore[misc]  # paramiko has no types
    """One SFTP session."""

    extensions: frozenset[str] = frozenset()

    def _send_version(self) -> int:
        hello = paramiko.Message()
        hello.add_int(3)
        self._send_packet(CMD_INIT, hello)
        kind, data = self._read_packet()
        if kind != CMD_VERSION:
            raise paramiko.SFTPError("not SFTP")
        answer = paramiko.Message(data)
        version = answer.get_int()
        names = set()
        while answer.get_remainder():
            names.add(answer.get_string().decode("ascii", "replace"))
            answer.get_string()
        self.extensions = frozenset(names)
        return cast(int, version)

    def _convert_status(self, msg: Any) -> None:
        code = msg.get_int()
        if code == _EOF:
            raise EOFError
        if code != _OK:
            raise Said(_KINDS.get(code, "failed"))

    def sync(self, file: Any) -> None:
        """fsync on the server, where it offers that."""
        if "fsync@openssh.com" in self.extensions:
            self._request(CMD_EXTENDED, "fsync@openssh.com", file.handle)

    def write_all(self, file: Any, blocks: Iterator[bytes], offset: int) -> int:
        """Writes blocks of at most `BLOCK` bytes from an offset on; returns where they end.

        Raises:
            Said: the server could not write one of them.
        """
        flight = _Flight(self)
        try:
            for block in blocks:
                while len(flight.waiting) >= IN_FLIGHT:
                    flight.next()
                flight.ask(CMD_WRITE, file.handle, int64(offset), block)
                offset += len(block)
            while flight.waiting:
                flight.next()
        except Said:
            flight.land()
            raise
        return offset

    def read_all(self, file: Any, offset: int, size: int) -> Iterator[bytes]:
        """The bytes from an offset to `size`, in order; fewer where the file ends before."""
        flight = _Flight(self)
        asked = offset
        while offset < size:
            while asked < size and len(flight.waiting) + len(flight.come) < IN_FLIGHT:
                length = min(BLOCK, size - asked)
                flight.ask(CMD_READ, file.handle, int64(asked), length, at=asked)
                asked += length
            while offset not in flight.come:
                flight.next()
            data = flight.come.pop(offset)
            offset += len(data)
            if not data:
                break
            if offset not in flight.come and offset not in flight.waiting.values() and offset < asked:
                asked = flight.restart(offset)  # a short read: the rest of the block is asked for again
            yield data
        while flight.waiting:
            flight.next()


class _Flight:
    """Requests whose answers have not come yet. paramiko hands each answer to `_async_response`, in any order."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.waiting: dict[int, int] = {}  #: request → offset it reads at
        self.come: dict[int, bytes] = {}  #: offset → what stood there; empty at the end of the file

    def ask(self, command: int, *arguments: Any, at: int = -1) -> None:
        self.waiting[self._wire._async_request(self, command, *arguments)] = at

    def next(self) -> None:
        """One answer more."""
        self._wire._read_response()

    def land(self) -> None:
        """Waits until nothing is under way, whatever the answers are."""
        while self.waiting:
            with suppress(Said):
                self.next()

    def restart(self, offset: int) -> int:
        """Waits for what is under way, forgets it, and begins again at an offset."""
        while self.waiting:
            self.next()
        self.come.clear()
        return offset

    def _async_response(self, kind: int, answer: Any, number: int) -> None:
        at = self.waiting.pop(number)
        if kind == CMD_DATA:
            self.come[at] = answer.get_string()
        elif kind == CMD_STATUS:
            try:
                self._wire._convert_status(answer)
            except EOFError:
                self.come[at] = b""


@contextmanager
def losing() -> Iterator[None]:
    """Whatever ends a session comes out as Lost; the server's answers stay what they are."""
    try:
        yield
    except Said:
        raise
    except (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError) as error:
        raise Lost(type(error).__name__) from error
