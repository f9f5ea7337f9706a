"""What goes wrong on the way from a hospital's engine, and bad input of every kind somebody can send.

Each is a coroutine on a `HospitalEngine` and returns what came back. None may be accepted but the messages named
in `HARMLESS`, which are good ones sent badly.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol

from adapters.hospital.simulator.hl7 import Ack, read_ack
from gateway.transports.mllp.frames import BadFrame, Frames, frame

if TYPE_CHECKING:
    from adapters.hospital.simulator.hl7 import HospitalEngine
    from adapters.hospital.simulator.ward import Hl7Message

Attack = Callable[["HospitalEngine"], Awaitable[Ack]]
#: Good messages: acknowledged in the end, and taken once.
HARMLESS: Final = frozenset({"lost-answer", "twice-at-once", "in-pieces"})

_HUGE: Final = 20_000_000
_MANY: Final = 1_000_000


class _Wire(Protocol):
    """A connection on which anything may be written."""

    transport: Any

    def __init__(self) -> None:
        self.data = b""
        self.closed: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        self.data += data

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802  Twisted's name
        self.closed.callback(None)


async def _connect(engine: HospitalEngine) -> _Wire:
    endpoint: Any = HostnameEndpoint(engine.reactor, engine.host, engine.port)
    wire: _Wire = await endpoint.connect(Factory.forProtocol(_Wire))
    return wire


async def _answers(engine: HospitalEngine, wire: _Wire, wanted: int = 1) -> list[Ack]:
    """The answers that come within the timeout, until the connection is closed."""
    found, frames, taken = [], Frames(1 << 20), 0
    for _ in range(int(engine.timeout / 0.02)):
        ended = wire.closed.called
        frames.add(wire.data[taken:])
        taken = len(wire.data)
        try:
            while (message := frames.next()) is not None:
                found.append(read_ack(message, engine.charset))
        except BadFrame:
            break
        if ended or len(found) >= wanted:
            break
        await engine.sleep(0.02)
    wire.transport.abortConnection()
    return found


def _bytes(make: Callable[[bytes], bytes]) -> Attack:
    """What `make` makes of a good message, written as it is."""

    async def attack(engine: HospitalEngine) -> Ack:
        wire = await _connect(engine)
        wire.transport.write(make(_good(engine).data))
        return next(iter(await _answers(engine, wire)), Ack(reason="closed"))

    return attack


def _message(change: Callable[[Hl7Message], Hl7Message | bytes], event: str = "ADT^A01") -> Attack:
    """A good message in which one thing is changed."""

    async def attack(engine: HospitalEngine) -> Ack:
        return await engine.send(change(_good(engine, event)))

    return attack


def _good(engine: HospitalEngine, event: str = "ADT^A01") -> Hl7Message:
    return engine.ward.message(event, engine.number())


def _after(mark: str, old: str, new: str) -> Callable[[Hl7Message], bytes]:
    """Changes what matches `old` first after `mark`."""

    def change(message: Hl7Message) -> bytes:
        head, _, tail = message.text.partition(mark)
        assert re.search(old, tail)
        return (head + mark + re.sub(old, new, tail, count=1)).encode(message.charset)

    return change


async def _half(engine: HospitalEngine) -> Ack:
    """The line breaks in the middle of a message."""
    wire, data = await _connect(engine), frame(_good(engine).data)
    wire.transport.write(data[: len(data) // 2])
    await engine.sleep(0.05)
    wire.transport.loseConnection()
    return next(iter(await _answers(engine, wire)), Ack(reason="closed"))


async def _dripping(engine: HospitalEngine) -> Ack:
    """A byte now and then, for as long as we are let."""
    wire = await _connect(engine)
    for byte in frame(_good(engine).data):
        if wire.closed.called or wire.data:
            break
        wire.transport.write(bytes([byte]))
        await engine.sleep(0.02)
    return next(iter(await _answers(engine, wire)), Ack(reason="closed"))


async def _lost_answer(engine: HospitalEngine) -> Ack:
    """The line breaks before the answer has come; the message is sent again."""
    message, wire = _good(engine), await _connect(engine)
    wire.transport.write(frame(message.data))
    await engine.sleep(0.02)
    wire.transport.abortConnection()
    return await engine.send(message)


async def _twice_at_once(engine: HospitalEngine) -> Ack:
    """The same message twice without waiting."""
    wire = await _connect(engine)
    wire.transport.write(frame(_good(engine).data) * 2)
    answers = await _answers(engine, wire, 2)
    return answers[-1] if answers else Ack(reason="closed")


async def _in_pieces(engine: HospitalEngine) -> Ack:
    wire, data = await _connect(engine), frame(_good(engine).data)
    for start in range(0, len(data), 50):
        wire.transport.write(data[start : start + 50])
        await engine.sleep(0.005)
    return next(iter(await _answers(engine, wire)), Ack(reason="closed"))


async def _id_used_again(engine: HospitalEngine) -> Ack:
    """One control id for two messages."""
    message = _good(engine)
    await engine.send(message)
    return await engine.send(message.with_("|I|", "|O|"))


ATTACKS: Final[dict[str, Attack]] = {
    "lost-answer": _lost_answer,
    "twice-at-once": _twice_at_once,
    "in-pieces": _in_pieces,
    "half": _half,
    "dripping": _dripping,
    "no-start": _bytes(lambda data: data + b"\x1c\r"),
    "http": _bytes(lambda _: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "nested-start": _bytes(lambda data: frame(data[:100] + b"\x0b" + data[100:])),
    "empty": _bytes(lambda _: frame(b"")),
    "noise": _bytes(lambda _: frame(bytes(range(32, 256)) * 4)),
    "huge": _bytes(lambda data: frame(data + b"ZZZ|" + b"x" * _HUGE)),
    "segments": _bytes(lambda data: frame(data + b"ZZZ\r" * (_MANY // 4))),
    "repetitions": _message(lambda m: m.with_("PID|1||", "PID|1||" + "~x" * (_MANY // 4))),
    "fields": _message(lambda m: m.with_("EVN|", "EVN|" + "|" * 5000)),
    "nul": _message(lambda m: m.with_("D990101000001", "D99\0")),
    "wrong-charset": _message(lambda m: m.text.replace("CHN|GBK", "CHN|UTF-8").encode("gbk")),
    "delimiters": _message(lambda m: m.with_("MSH|^~\\&|", "MSH|||||")),
    "second-head": _message(lambda m: m.with_("EVN|", "MSH|")),
    "escape": _message(lambda m: m.with_("\\T\\", "\\Q\\")),
    "unknown-event": _message(lambda m: m.with_("ADT^A01", "ADT^A99")),
    "version": _message(lambda m: m.with_("|P|2.4|", "|P|2.3|")),
    "debugging": _message(lambda m: m.with_("|P|2.4|", "|D|2.4|")),
    "stranger": _message(lambda m: m.with_("|NHIS|DEMO|", "|NHIS|OTHER|")),
    "no-control-id": _message(lambda m: m.with_(m.control_id, "")),
    "missing-field": _message(_after("PV1|", r"ZY\d+", "")),
    "bad-time": _message(lambda m: m.with_("EVN|A01|2", "EVN|A01|9999")),
    "bad-amount": _message(_after("FT1|", r"\^\^", "^^1,0"), "DFT^P03"),
    "two-visits": _message(lambda m: m.with_("PV1|", "PV1|1|I|||\rPV1|")),
    "id-used-again": _id_used_again,
}
