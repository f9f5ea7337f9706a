"""The SFTP channel of a connection: what has come is worked on in batches, and no faster than the client reads.

    client ── window ──► queue ── up to 64 requests, 1 MiB ──► thread ── answers ──► window of the client ──► client

Two things bound the memory of a channel. The client may send only what the window allows, and gets room back for what
has been worked on, not for what has come. A batch is begun only when the answers of the last one are gone. So a client
that asks for a whole file at once (as paramiko's prefetch does) gets it as fast as it reads.
"""
# ruff: noqa: N802, N803  the names are Conch's
# mypy: disable-error-code="no-untyped-call,no-untyped-def"

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import structlog
from twisted.conch.error import ConchError
from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.connection import SSHConnection
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from gateway.transports.sftp import server_answers as answers
from gateway.transports.sftp.server_accounts import Account, Event

_log = structlog.get_logger(__name__)
WINDOW: Final = 2 << 20
_PACKET: Final = 64 << 10
_BATCH_REQUESTS: Final = 64
_BATCH_BYTES: Final = 1 << 20
_SMALLEST_PACKET: Final = 1024


class Connection(SSHConnection):
    """`ssh-connection` without forwarding; the window is given back by the channel."""

    transport: Any

    def serviceStarted(self) -> None: ...

    def ssh_CHANNEL_DATA(self, packet: bytes) -> None:
        number, length = struct.unpack_from(">2L", packet)
        channel: Channel = self.channels[number]
        if length > channel.localWindowLeft or length > channel.localMaxPacket:
            raise answers.BadPacket
        channel.localWindowLeft -= length
        channel.dataReceived(packet[8 : 8 + length])

    def ssh_CHANNEL_EXTENDED_DATA(self, packet: bytes) -> None:
        raise answers.BadPacket  # clients have nothing to say there

    def gotGlobalRequest(self, requestType: bytes, data: bytes) -> int:
        return 0

    def getChannel(self, channelType: bytes, windowSize: int, maxPacket: int, data: bytes) -> Any:
        if channelType != b"session" or maxPacket < _SMALLEST_PACKET:
            raise ConchError("sessions only", 1)
        if len(self.channels) >= self.transport.factory.limits.channels:
            raise ConchError("too many sessions", 4)
        channel = Channel(self.transport.avatar, self.transport, windowSize, min(maxPacket, _PACKET))
        channel.conn = self
        return channel


class Channel(SSHChannel):
    """One SFTP session. No shell, no command, no terminal."""

    name = b"session"
    conn: Any

    def __init__(self, account: Account, transport: Any, window: int, packet: int) -> None:
        super().__init__(
            localWindow=WINDOW, localMaxPacket=_PACKET, remoteWindow=window, remoteMaxPacket=packet
        )
        self._account = account
        self._ssh = transport
        self._peer: str = transport.peer
        self._answers: answers.Answers | None = None
        self._input = bytearray()
        self._queue: deque[bytes] = deque()
        self._owed = 0  #: bytes worked on whose window has not been given back
        self._busy = False
        self._gone = False

    def requestReceived(self, requestType: bytes, data: bytes) -> int:
        if requestType != b"subsystem" or self._answers is not None or getNS(data)[0] != b"sftp":
            return 0
        try:
            self._answers = answers.Answers(self._account, self._peer)
        except OSError as error:
            _log.error("sftp.folders", account=self._account.name, error=type(error).__name__)
            return 0
        self._ssh.factory.sessions.add(self)
        return 1

    def channelOpen(self, specificData: bytes) -> None: ...

    def dataReceived(self, data: bytes) -> None:
        if self._answers is None:
            raise answers.BadPacket
        self._ssh.active()
        self._input += data
        at = 0
        while len(self._input) - at >= 4:
            (length,) = struct.unpack_from(">I", self._input, at)
            if not 0 < length <= answers.MAX_PACKET:
                raise answers.BadPacket
            if len(self._input) - at < 4 + length:
                break
            self._queue.append(bytes(self._input[at + 4 : at + 4 + length]))
            at += 4 + length
        del self._input[:at]
        self.go()

    def addWindowBytes(self, data: int) -> None:
        super().addWindowBytes(data)
        self.go()

    def eofReceived(self) -> None:
        self.loseConnection()

    def closed(self) -> None:
        self._gone = True
        self._queue.clear()
        if not self._busy:
            self._end()

    def go(self) -> None:
        """Begins the next batch, if there is one and the client has taken the answers of the last."""
        if self._busy or self._gone or not self._queue or self.buf or self.closing:
            return
        if self._ssh.full or self.remoteWindowLeft == 0:
            return
        batch = self._batch()
        self._busy = True
        work = Deferred.fromCoroutine(self._work(batch))
        work.addErrback(self._failed).addBoth(self._worked)

    def _batch(self) -> list[bytes]:
        batch: list[bytes] = []
        expected = 0
        while self._queue and len(batch) < _BATCH_REQUESTS and expected < _BATCH_BYTES:
            packet = self._queue.popleft()
            batch.append(packet)
            expected += len(packet)
            if packet[0] == answers.READ and len(packet) >= 4:
                expected += min(int.from_bytes(packet[-4:], "big"), answers.MAX_DATA)
        return batch

    async def _work(self, batch: list[bytes]) -> None:
        assert self._answers is not None
        done = await self._in_thread(self._answers.work, batch)
        for event in done.events:
            await self._account.watch(event)
        if done.uploaded:
            self._account.uploaded()
        if self._gone:
            return
        self.write(bytes(done.answers))
        self._owed += sum(map(len, batch)) + 4 * len(batch)
        if self._owed >= WINDOW // 8:
            self.conn.adjustWindow(self, self._owed)
            self._owed = 0

    def _failed(self, failure: Any) -> None:
        """Not SFTP; or it could not be put on record: then the client is told nothing, and tries again."""
        _log.warning("sftp.session", account=self._account.name, peer=self._peer, error=failure.type.__name__)
        self._ssh.abort()

    def _worked(self, _: object) -> None:
        self._busy = False
        if self._gone:
            self._end()
        else:
            self._ssh.active()
            self.go()

    def _end(self) -> None:
        if self._answers is None:
            return
        ending, self._answers = self._answers, None
        self._busy = True  # nothing more is begun
        Deferred.fromCoroutine(self._ended(ending)).addErrback(self._unrecorded).addBoth(self._over)

    def _over(self, _: object) -> None:
        self._ssh.factory.sessions.discard(self)

    async def _ended(self, ending: answers.Answers) -> None:
        events: list[Event] = await self._in_thread(ending.end)
        for event in events:
            await self._account.watch(event)

    def _unrecorded(self, failure: Any) -> None:
        _log.error("sftp.unrecorded", account=self._account.name, error=failure.type.__name__)

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        factory = self._ssh.factory
        return await deferToThreadPool(factory.reactor, factory.pool, work, *arguments)
