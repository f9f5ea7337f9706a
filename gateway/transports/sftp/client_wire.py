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
    CMD_CLOSE,
    CMD_DATA,
    CMD_EXTENDED,
    CMD_HANDLE,
    CMD_INIT,
    CMD_NAME,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_STAT,
    CMD_STATUS,
    CMD_VERSION,
    CMD_WRITE,
    int64,
)

from gateway.transports.sftp.client_errors import Lost, Said

#: Bytes of one read or write that every server takes; with its head it fits into one SSH packet of 32 KiB.
BLOCK: Final = 32256
#: The same for servers that say they take so much: fewer requests, each of which costs paramiko much.
_LARGE_BLOCK: Final = 4 * BLOCK
#: Bytes asked for and not yet answered; also how much at the end of a cut upload may have holes.
IN_FLIGHT_BYTES: Final = 64 * BLOCK

#: Bytes of the longest answer that is taken: a block, or a listing of many names.
_LONGEST: Final = 1 << 20
_OK, _EOF = 0, 1
_KINDS: Final = {2: "missing", 3: "denied", 8: "unsupported"}


class Wire(paramiko.SFTPClient):  # type: ignore[misc]  # paramiko has no types
    """One SFTP session."""

    extensions: frozenset[str] = frozenset()
    block: int = BLOCK  #: bytes of one read or write

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

    def _read_all(self, size: int) -> Any:
        if size > _LONGEST:
            raise paramiko.SFTPError("answer too long")
        return super()._read_all(size)

    def names(self, folder: str) -> Iterator[tuple[bytes, Any]]:
        """What is in a folder, each name with its attributes, but for `.` and `..`.

        paramiko's own listing ends at the first name that is not UTF-8, and nothing of the folder is known.
        """
        kind, answer = self._request(CMD_OPENDIR, folder)
        if kind != CMD_HANDLE:
            raise paramiko.SFTPError("no handle")
        handle = answer.get_string()
        with suppress(EOFError):
            while True:
                kind, answer = self._request(CMD_READDIR, handle)
                if kind != CMD_NAME:
                    raise paramiko.SFTPError("no names")
                for _ in range(answer.get_int()):
                    name = answer.get_string()
                    answer.get_string()  # the line that `ls -l` would show
                    found = paramiko.SFTPAttributes._from_msg(answer)
                    if name not in (b".", b".."):
                        yield name, found
        self._request(CMD_CLOSE, handle)

    def learn(self) -> None:
        """Asks how much the server takes at once, where it can say so."""
        if "limits@openssh.com" in self.extensions:
            _, answer = self._request(CMD_EXTENDED, "limits@openssh.com")
            _packet, most_read, most_written = (answer.get_int64() for _ in range(3))
            if min(most_read, most_written) >= _LARGE_BLOCK:
                self.block = _LARGE_BLOCK

    @property
    def _in_flight(self) -> int:
        return IN_FLIGHT_BYTES // self.block

    def stats(self, *names: str) -> list[Any]:
        """Attributes of files, asked for in one go; None where there is no such file.

        Raises:
            Said: the server does not say.
        """
        return [_present(answer) for answer in self._together(*((CMD_STAT, name.encode()) for name in names))]

    def finish(self, file: Any, name: str, *, sync: bool) -> Any:
        """Closes a file, and gives what is then known of it under its name, as `stats`; all asked for in one go.

        Args:
            sync: to the server's disk first, where it offers that.

        Raises:
            Said: one of that failed. paramiko's own `close` would not say so.
        """
        syncing = ((CMD_EXTENDED, "fsync@openssh.com", file.handle),) if sync and self._syncs else ()
        answers = self._together(*syncing, (CMD_CLOSE, file.handle), (CMD_STAT, name.encode()))
        file._closed = True
        for answer in answers[:-1]:
            if isinstance(answer, Said):
                raise answer
        return _present(answers[-1])

    @property
    def _syncs(self) -> bool:
        return "fsync@openssh.com" in self.extensions

    def _together(self, *requests: tuple[Any, ...]) -> list[Any]:
        """The answers to requests that are sent without waiting; Said is one of them."""
        flight = _Flight(self)
        numbers = [flight.ask(*request) for request in requests]
        flight.land()
        return [flight.told.get(number) for number in numbers]

    def write_all(self, file: Any, blocks: Iterator[bytes], offset: int) -> int:
        """Writes blocks of at most `block` bytes from an offset on; returns where they end.

        Raises:
            Said: the server could not write one of them.
        """
        flight = _Flight(self)
        try:
            for block in blocks:
                while len(flight.waiting) >= self._in_flight:
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
            while asked < size and len(flight.waiting) + len(flight.come) < self._in_flight:
                length = min(self.block, size - asked)
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
        self.waiting: dict[int, int | None] = {}  #: request → offset it reads at
        self.come: dict[int | None, bytes] = {}  #: offset → what stood there; empty at the end of the file
        self.told: dict[int, Any] = {}  #: request that reads nothing → its answer, or Said

    def ask(self, command: int, *arguments: Any, at: int | None = None) -> int:
        number: int = self._wire._async_request(self, command, *arguments)
        self.waiting[number] = at
        return number

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
            except Said as said:
                self.told[number] = said
                raise
        else:
            self.told[number] = answer


def _present(answer: Any) -> Any:
    """The attributes in an answer; None where it says that there is no such file. Raises Said for other refusals."""
    if isinstance(answer, Said):
        if answer.kind == "missing":
            return None
        raise answer
    return paramiko.SFTPAttributes._from_msg(answer)


@contextmanager
def losing() -> Iterator[None]:
    """Whatever ends a session comes out as Lost; the server's answers stay what they are."""
    try:
        yield
    except Said:
        raise
    except (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError) as error:
        raise Lost(type(error).__name__) from error
