"""The SFTP channel of a connection: what has come is worked on in batches, and no faster than the client reads.

    client ── window ──► buffer ── up to 64 requests, 1 MiB ──► thread ── answers ──► window of the client ──► client

Two things bound the memory of a channel. The client may send only what the window allows, and gets room back for what
has been worked on, not for what has come. A batch is begun only when the answers of the last one are gone. So a client
that asks for a whole file at once (as paramiko's prefetch does) gets it as fast as it reads.
"""
# ruff: noqa: N802, N803  the names are Conch's
# mypy: disable-error-code="no-untyped-call,no-untyped-def"

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

import structlog
from twisted.conch.error import ConchError
from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.connection import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_GLOBAL_REQUEST,
    SSHConnection,
)
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from gateway.transports.sftp import server_wire as wire
from gateway.transports.sftp.server_accounts import Account, Event
from gateway.transports.sftp.server_answers import Answers
from gateway.transports.sftp.server_packets import QUIET

_log = structlog.get_logger(__name__)
WINDOW: Final = 2 << 20
_PACKET: Final = 64 << 10
_BATCH_REQUESTS: Final = 64
_BATCH_BYTES: Final = 1 << 20
_SMALLEST_PACKET: Final = 1024
#: The others answer what a server asks, and we ask nothing. Conch believes them: a channel that a client "confirms" takes
#: packets of one byte from then on, and one that it "refuses" is forgotten with its files open.
_CLIENTS_SAY: Final = frozenset({
    MSG_GLOBAL_REQUEST, MSG_CHANNEL_OPEN, MSG_CHANNEL_WINDOW_ADJUST, MSG_CHANNEL_DATA, MSG_CHANNEL_EOF,
    MSG_CHANNEL_CLOSE, MSG_CHANNEL_REQUEST,
})  # fmt: skip


class Connection(SSHConnection):
    """`ssh-connection` without forwarding; the window is given back by the channel."""

    transport: Any
    _log = QUIET

    def serviceStarted(self) -> None: ...

    def packetReceived(self, messageNum: int, packet: bytes) -> Any:
        if messageNum not in _CLIENTS_SAY:
            raise wire.BadPacket
        return super().packetReceived(messageNum, packet)

    def ssh_CHANNEL_DATA(self, packet: bytes) -> None:
        number, length = struct.unpack_from(">2L", packet)
        channel: Channel = self.channels[number]
        if length > channel.localWindowLeft or length > channel.localMaxPacket:
            raise wire.BadPacket
        channel.localWindowLeft -= length
        channel.dataReceived(packet[8 : 8 + length])

    def gotGlobalRequest(self, requestType: bytes, data: bytes) -> int:
        return 0

    def getChannel(self, channelType: bytes, windowSize: int, maxPacket: int, data: bytes) -> Any:
        if channelType != b"session" or maxPacket < _SMALLEST_PACKET:
            raise ConchError("sessions only", 1)
        if len(self.channels) >= self.transport.factory.limits.channels:
            raise ConchError("too many sessions", 4)
        channel = Channel(self.transport.account, self.transport, windowSize, min(maxPacket, _PACKET))
        channel.conn = self
        return channel


class Channel(SSHChannel):
    """One SFTP session. No shell, no command, no terminal."""

    name = b"session"
    conn: Any
    _log = QUIET

    def __init__(self, account: Account, transport: Any, window: int, packet: int) -> None:
        super().__init__(
            localWindow=WINDOW, localMaxPacket=_PACKET, remoteWindow=window, remoteMaxPacket=packet
        )
        self._account = account
        self._ssh = transport
        self._peer: str = transport.peer
        self._answers: Answers | None = None
        self._input = bytearray()  #: whole requests first; no longer than the window
        self._batch: list[bytes] = []  #: taken from it, to be worked on
        self._owed = 0  #: bytes worked on whose window has not been given back
        self._busy = False
        self._all_sent = False  #: the client has nothing more to say
        self._gone = False
        self.files = 0  #: open now

    def requestReceived(self, requestType: bytes, data: bytes) -> int:
        if requestType != b"subsystem" or self._answers is not None or getNS(data)[0] != b"sftp":
            return 0
        if self._ssh.sessions >= self._ssh.factory.limits.channels:
            return 0
        try:
            self._answers = Answers(self._account, self._peer)
        except OSError as error:
            _log.error("sftp.folders", account=self._account.name, error=type(error).__name__)
            return 0
        self._ssh.factory.sessions[self] = self._account
        self._ssh.sessions += 1
        return 1

    def channelOpen(self, specificData: bytes) -> None: ...

    def dataReceived(self, data: bytes) -> None:
        if self._answers is None:
            raise wire.BadPacket
        self._ssh.active()
        self._input += data
        self.go()

    def addWindowBytes(self, data: int) -> None:
        super().addWindowBytes(data)
        self.go()

    def eofReceived(self) -> None:
        self._all_sent = True
        self.go()

    def closeReceived(self) -> None:
        self.buf = b""  # it takes nothing more
        self.loseConnection()

    def closed(self) -> None:
        self._gone = True
        self._batch = []  # the thread may still have the other one
        self._input.clear()
        if not self._busy:
            self._end()

    def go(self) -> None:
        """Begins the next batch, if there is one and the client has taken the answers of the last."""
        if self._busy or self._gone or self.buf or self.closing:
            return
        if self._ssh.full or self._ssh.keying or self.remoteWindowLeft == 0:
            return
        self._batch = self._batch or self._requests()
        if self._batch:
            self._busy = True
            work = Deferred.fromCoroutine(self._work(self._batch))
            work.addErrback(self._failed).addBoth(self._worked)
        elif self._all_sent:
            self.loseConnection()

    def _requests(self) -> list[bytes]:
        """Takes the requests that are there in whole, so many as make a batch.

        Raises:
            BadPacket: one is too long, or empty.
        """
        found: list[bytes] = []
        at = 0
        with memoryview(self._input) as data:
            while len(data) - at >= 4 and len(found) < _BATCH_REQUESTS and at < _BATCH_BYTES:
                (length,) = struct.unpack_from(">I", data, at)
                if not 0 < length <= wire.MAX_PACKET:
                    raise wire.BadPacket
                if len(data) - at < 4 + length:
                    break
                found.append(bytes(data[at + 4 : at + 4 + length]))
                at += 4 + length
        del self._input[:at]
        return found

    async def _work(self, batch: list[bytes]) -> None:
        assert self._answers is not None
        done = await self._in_thread(self._answers.work, batch, self._account.shut())
        for event in done.events:
            await self._account.watch(event)
        if done.uploaded:
            self._account.uploaded()
        if self._gone:
            return
        if done.files != self.files:
            self._ssh.handled()
        self.files = done.files
        self.write(bytes(done.answers))
        self._owed += sum(map(len, batch[: done.requests])) + 4 * done.requests
        del batch[: done.requests]
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
            self._ssh.guarded(self.go)

    def _end(self) -> None:
        if self._answers is None:
            return
        ending, self._answers = self._answers, None
        self._busy = True  # nothing more is begun
        Deferred.fromCoroutine(self._ended(ending)).addErrback(self._unrecorded).addBoth(self._over)

    def _over(self, _: object) -> None:
        self._ssh.sessions -= 1
        self._ssh.factory.sessions.pop(self)

    async def _ended(self, ending: Answers) -> None:
        events: list[Event] = await self._in_thread(ending.end)
        for event in events:
            await self._account.watch(event)

    def _unrecorded(self, failure: Any) -> None:
        _log.error("sftp.unrecorded", account=self._account.name, error=failure.type.__name__)

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        factory = self._ssh.factory
        return await deferToThreadPool(factory.reactor, factory.pool, work, *arguments)
