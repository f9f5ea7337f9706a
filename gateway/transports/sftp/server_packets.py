"""SSH's packets (RFC 4253 section 6): put together, sealed, taken apart.

    CTR:  uint32 length | byte padding length | payload | padding        all encrypted; then a MAC of the plain text
    GCM:  uint32 length | byte padding length | payload | padding | tag  the length only authenticated (RFC 5647)

Conch has neither GCM nor a bound on what it copies while a packet comes in.
"""
# ruff: noqa: N802, N803, N815  the names are Conch's
# mypy: disable-error-code="no-untyped-call,no-untyped-def"

from __future__ import annotations

import hmac
import os
import struct
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from twisted.conch.ssh.transport import (
    DISCONNECT_MAC_ERROR,
    DISCONNECT_PROTOCOL_ERROR,
    MSG_NEWKEYS,
    SSHServerTransport,
)
from twisted.logger import Logger

_KEY_BYTES: Final = {
    b"aes128-gcm@openssh.com": 16, b"aes256-gcm@openssh.com": 32,
    b"aes128-ctr": 16, b"aes256-ctr": 32, b"aes192-ctr": 24,
}  # fmt: skip
_MAC_BYTES: Final = {b"hmac-sha2-256": 32, b"hmac-sha2-512": 64}
CIPHERS: Final = list(_KEY_BYTES)
MACS: Final = list(_MAC_BYTES)
_BLOCK: Final = 16
_TAG: Final = 16
#: Bytes of the largest packet that we take: a channel's largest, with room for its own head. The RFC asks for 35,000.
_LARGEST: Final = 80 << 10
_NUMBERS: Final = 0xFFFFFFFF  #: packets are counted in 32 bits
#: Conch's own log would hold what anybody sends: the words of a disconnect, names typed in, a traceback for each refusal.
QUIET: Final = Logger(observer=lambda event: None)  # type: ignore[arg-type]  # any callable is one


class Malformed(Exception):
    """What came is no packet. Attributes: code: SSH's reason."""

    def __init__(self, code: int = DISCONNECT_PROTOCOL_ERROR) -> None:
        super().__init__(code)
        self.code = code


class Direction(Protocol):
    """How packets are protected, one way. `open` takes one packet from the buffer, as soon as it is all there."""

    def seal(self, payload: bytes) -> bytes: ...
    def open(self, data: bytearray) -> bytes | None: ...


class Plain:
    """Before the first keys."""

    def seal(self, payload: bytes) -> bytes:
        return _packet(payload, 4, 8)

    def open(self, data: bytearray) -> bytes | None:
        if len(data) < 4:
            return None
        length = _length(data, 4, 8)
        if len(data) < 4 + length:
            return None
        return _payload(_taken(data, 4 + length), 4)


class Counter:
    """AES-CTR with HMAC.

    Args:
        sequence: the number of the first packet.
    """

    def __init__(
        self, cipher: bytes, iv: bytes, key: bytes, mac: bytes, mac_key: bytes, sequence: int
    ) -> None:
        context = Cipher(AES(key[: _KEY_BYTES[cipher]]), CTR(iv[:_BLOCK]))
        self._crypt = context.encryptor().update  # the same both ways
        self._hash = mac.removeprefix(b"hmac-").replace(b"sha2-", b"sha").decode()
        self._tag = _MAC_BYTES[mac]
        self._mac_key = mac_key[: self._tag]
        self._sequence = sequence
        self._first = b""  #: the block that says how long the packet is, in plain

    def seal(self, payload: bytes) -> bytes:
        packet = _packet(payload, 4, _BLOCK)
        return bytes(self._crypt(packet)) + self._mac(packet)

    def open(self, data: bytearray) -> bytes | None:
        if not self._first:
            if len(data) < _BLOCK:
                return None
            self._first = bytes(self._crypt(_taken(data, _BLOCK)))
        rest = 4 + _length(self._first, 4, _BLOCK) - _BLOCK
        if len(data) < rest + self._tag:
            return None
        packet, self._first = self._first + self._crypt(_taken(data, rest)), b""
        if not hmac.compare_digest(self._mac(packet), _taken(data, self._tag)):
            raise Malformed(DISCONNECT_MAC_ERROR)
        return _payload(packet, 4)

    def _mac(self, packet: bytes) -> bytes:
        number = struct.pack(">I", self._sequence)
        self._sequence = (self._sequence + 1) & _NUMBERS
        return hmac.digest(self._mac_key, number + packet, self._hash)


class Galois:
    """AES-GCM, as OpenSSH has it."""

    def __init__(self, cipher: bytes, iv: bytes, key: bytes) -> None:
        self._aead = AESGCM(key[: _KEY_BYTES[cipher]])
        self._fixed = iv[:4]
        self._counter = int.from_bytes(iv[4:12], "big")

    def seal(self, payload: bytes) -> bytes:
        packet = _packet(payload, 0, _BLOCK)
        length = packet[:4]
        return length + self._aead.encrypt(self._nonce(), memoryview(packet)[4:], length)

    def open(self, data: bytearray) -> bytes | None:
        if len(data) < 4:
            return None
        length = _length(data, 0, _BLOCK)
        if len(data) < 4 + length + _TAG:
            return None
        head = _taken(data, 4)
        try:
            packet = self._aead.decrypt(self._nonce(), _taken(data, length + _TAG), head)
        except InvalidTag:
            raise Malformed(DISCONNECT_MAC_ERROR) from None
        return _payload(packet, 0)

    def _nonce(self) -> bytes:
        nonce = self._fixed + struct.pack(">Q", self._counter & 0xFFFFFFFFFFFFFFFF)
        self._counter += 1
        return nonce


class Keys:
    """What Conch calls its ciphers: filled with keys at the end of a key exchange, used each way from NEWKEYS on."""

    def __init__(self, agreed: Any, transport: Any) -> None:
        self.outCipType, self.inCipType = agreed.outCipType, agreed.inCipType
        self.outMACType, self.inMACType = agreed.outMACType, agreed.inMACType
        self._transport = transport
        self._given: tuple[bytes, ...] = ()

    def setKeys(self, *given: bytes) -> None:
        self._given = given  #: IV and key outwards, inwards, then the keys of the MACs

    def outwards(self) -> Direction:
        iv, key, _, _, mac_key, _ = self._given
        number = self._transport.outgoingPacketSequence
        return _direction(self.outCipType, iv, key, self.outMACType, mac_key, number)

    def inwards(self) -> Direction:
        _, _, iv, key, _, mac_key = self._given
        number = self._transport.incomingPacketSequence
        return _direction(self.inCipType, iv, key, self.inMACType, mac_key, number)


class PacketTransport(SSHServerTransport):
    """Conch's transport on these packets."""

    transport: Any
    supportedCiphers = CIPHERS
    supportedMACs = MACS
    supportedCompressions = [b"none"]  # noqa: RUF012  Conch's own
    nextEncryptions: Any
    strict = False  #: packets are counted anew with each new key
    carried = 0  #: bytes under these keys, both ways
    _log = QUIET
    _ended = False

    def connectionMade(self) -> None:
        self._in = bytearray()
        self._outwards: Direction = Plain()
        self._inwards: Direction = Plain()
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        self.carried += len(data)
        if not self.gotVersion:
            super().dataReceived(data)  # it reads the line that comes first
            self._in += self._rest()
        else:
            self._in += data
        try:
            while not self._ended and (payload := self._inwards.open(self._in)) is not None:
                self.incomingPacketSequence = (self.incomingPacketSequence + 1) & _NUMBERS
                self.dispatchMessage(payload[0], payload[1:])
        except Malformed as wrong:
            self.sendDisconnect(wrong.code, b"bad packet")

    def _rest(self) -> bytes:
        """What came behind that line."""
        if not self.gotVersion:
            return b""
        rest, self.buf = self.buf, b""
        return rest

    def getPacket(self) -> None:
        """Conch's own reader gets nothing to read."""

    def sendPacket(self, messageType: int, payload: bytes) -> None:
        if self._keyExchangeState != self._KEY_EXCHANGE_NONE and not self._allowedKeyExchangeMessageType(
            messageType
        ):
            self._blockedByKeyExchange.append((messageType, payload))
            return
        packet = self._outwards.seal(bytes((messageType,)) + payload)
        self.transport.write(packet)
        self.carried += len(packet)
        self.outgoingPacketSequence = (self.outgoingPacketSequence + 1) & _NUMBERS
        if messageType == MSG_NEWKEYS:
            self.outgoingPacketSequence *= not self.strict
            self._outwards = self.nextEncryptions.outwards()

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        self._ended = True
        super().sendDisconnect(reason, desc)

    def _keySetup(self, sharedSecret: bytes, exchangeHash: bytes) -> None:
        self.nextEncryptions = Keys(self.nextEncryptions, self)
        super()._keySetup(sharedSecret, exchangeHash)

    def _newKeys(self) -> None:
        self.incomingPacketSequence *= not self.strict
        self._inwards = self.nextEncryptions.inwards()
        self.carried = 0
        super()._newKeys()


def _direction(
    cipher: bytes, iv: bytes, key: bytes, mac: bytes, mac_key: bytes, sequence: int
) -> Counter | Galois:
    if b"gcm" in cipher:
        return Galois(cipher, iv, key)
    return Counter(cipher, iv, key, mac, mac_key, sequence)


def _packet(payload: bytes, counted: int, block: int) -> bytes:
    """Args: counted: bytes of the length field that count towards a whole number of blocks."""
    padding = block - (counted + 1 + len(payload)) % block
    padding += block if padding < 4 else 0
    return b"".join((struct.pack(">IB", 1 + len(payload) + padding, padding), payload, os.urandom(padding)))


def _length(data: bytes | bytearray, counted: int, block: int) -> int:
    """What the first four bytes say. Raises Malformed where no packet can be so long."""
    (length,) = struct.unpack_from(">I", data)
    if not block - counted <= length <= _LARGEST or (length + counted) % block:
        raise Malformed
    return int(length)


def _payload(packet: bytes, begin: int) -> bytes:
    """Args: begin: where the byte with the padding's length stands."""
    end = len(packet) - packet[begin]
    if packet[begin] < 4 or end < begin + 2:
        raise Malformed
    return packet[begin + 1 : end]


def _taken(data: bytearray, size: int) -> bytes:
    with memoryview(data) as view:
        found = bytes(view[:size])
    del data[:size]
    return found
