"""Whose turn it is while keys are agreed, and when they are worn out (RFC 4253 sections 7 and 9).

    hello ── KEXINIT ──► half ── the client's half of the key ──► keys ── NEWKEYS ──► open
                          ▲                                                            │
                          └──────── KEXINIT: the client's, or its answer to ours ──────┘

Conch looks at no order: it answers as many halves as come, each with a signature, and takes NEWKEYS twice, which would
use up the same nonces again. Here whatever comes out of turn ends the connection.

Where the client knows strict key exchange (`kex-strict-c-v00@openssh.com`, the answer to Terrapin, CVE-2023-48795),
nothing else at all may come before the first keys, and packets are counted anew with each of them. Terrapin's truncation
needs ChaCha20-Poly1305 or a MAC over what is encrypted; neither is offered, so that other clients are safe from it, too.
"""
# ruff: noqa: N802, N803  the names are Conch's
# mypy: disable-error-code="no-untyped-call,no-untyped-def"

from __future__ import annotations

from typing import Any, Final

from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.transport import (
    DISCONNECT_PROTOCOL_ERROR,
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXDH_INIT,
    MSG_KEXINIT,
    MSG_NEWKEYS,
    MSG_UNIMPLEMENTED,
)

from gateway.transports.sftp.server_packets import PacketTransport

_STRICT_CLIENT: Final = b"kex-strict-c-v00@openssh.com"
_STRICT_SERVER: Final = b"kex-strict-s-v00@openssh.com"
_COOKIE: Final = 16
_ANY_TIME: Final = (MSG_DISCONNECT, MSG_IGNORE, MSG_UNIMPLEMENTED, MSG_DEBUG)
_KEX_METHOD: Final = range(30, 50)  #: messages of one method of exchanging keys
#: Keys are renewed after so much or so long, as RFC 4253 section 9 recommends. AES and the count of packets, which must
#: not come round under one key (RFC 4344 section 3), would last far longer.
RENEW_BYTES: Final = 1 << 30
RENEW_SECONDS: Final = 3600.0


class ExchangeTransport(PacketTransport):
    """Packets in their order, keys that are renewed."""

    factory: Any
    # The names that Conch adds to its methods of key exchange; they are no methods.
    _EXT_INFO_S = b"ext-info-s," + _STRICT_SERVER
    _awaited: int | None = MSG_KEXINIT  #: None: the exchange is over, and anything else may come

    def connectionMade(self) -> None:
        self._keyed_at = self.factory.reactor.seconds()
        super().connectionMade()

    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:
        if self.ignoreNextPacket and messageNum in _KEX_METHOD:
            self.ignoreNextPacket = 0  # of a method that the client guessed and we do not use
        elif self._in_turn(messageNum):
            super().dispatchMessage(messageNum, payload)
        else:
            self.sendDisconnect(DISCONNECT_PROTOCOL_ERROR, b"out of turn")

    def _in_turn(self, number: int) -> bool:
        if number == self._awaited:
            return True
        if number in (MSG_KEXINIT, MSG_NEWKEYS) or number in _KEX_METHOD:
            return number == MSG_KEXINIT and self._awaited is None
        if self._awaited is None or number == MSG_DISCONNECT:
            return True
        return number in _ANY_TIME and not (self.strict and self.sessionID is None)

    def ssh_KEXINIT(self, packet: bytes) -> None:
        if self.sessionID is None:
            self.strict = _STRICT_CLIENT in getNS(packet[_COOKIE:])[0].split(b",")
            if self.strict and self.incomingPacketSequence != 1:
                self.sendDisconnect(DISCONNECT_PROTOCOL_ERROR, b"KEXINIT was not the first packet")
                return
        self._awaited = MSG_KEXDH_INIT
        super().ssh_KEXINIT(packet)

    def ssh_KEX_DH_GEX_REQUEST_OLD(self, packet: bytes) -> None:
        """All methods that are offered begin with a message of this number."""
        self._awaited = MSG_NEWKEYS
        super().ssh_KEX_DH_GEX_REQUEST_OLD(packet)

    def _newKeys(self) -> None:
        self._awaited = None
        self._keyed_at = self.factory.reactor.seconds()
        super()._newKeys()

    @property
    def keying(self) -> bool:
        """Whether keys are being exchanged, so that nothing else can be sent."""
        return bool(self._keyExchangeState != self._KEY_EXCHANGE_NONE)

    def renew(self) -> None:
        """Asks for new keys where these are worn out."""
        worn = self.carried >= RENEW_BYTES or self.factory.reactor.seconds() >= self._keyed_at + RENEW_SECONDS
        if worn and not self.keying and not self._ended:
            self.sendKexInit()
