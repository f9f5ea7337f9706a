"""MLLP over real sockets: frames in any pieces, peers that break them, peers that vanish."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol

from gateway.transports.mllp import (
    BadAnswer,
    BadFrame,
    Broken,
    Frames,
    MllpClient,
    MllpLimits,
    MllpServer,
    NoAnswer,
    NotSent,
    Peer,
    frame,
)
from tests.twisted_runner import sleep

Handler = Callable[[bytes | Broken, Peer], Awaitable[bytes | None]]
messages = st.lists(
    st.binary(max_size=60).filter(
        lambda b: b"\x1c\r" not in b and b"\x0b" not in b and not b.endswith(b"\x1c")
    ),
    max_size=5,
)


@given(messages, st.data())
def test_frames_come_out_whole_however_they_come_in(sent: list[bytes], data: st.DataObject) -> None:
    wire = b"\r\n".join(frame(m) for m in sent)
    frames, found = Frames(100), []
    while wire:
        cut = data.draw(st.integers(1, len(wire)))
        frames.add(wire[:cut])
        wire = wire[cut:]
        while (message := frames.next()) is not None:
            found.append(message)
    assert found == sent
    assert not frames.begun


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"MSH|^~\\&|", "no-start"),
        (b"\x0b" + b"x" * 200, "too-large"),
        (b"\x0b" + b"x" * 200 + b"\x1c\r", "too-large"),
        (b"\x0bMSH\x0bMSH\x1c\r", "nested-start"),
    ],
)
def test_what_is_no_frame_is_said_to_be_none(wire: bytes, reason: str) -> None:
    frames = Frames(100)
    frames.add(wire)
    with pytest.raises(BadFrame) as caught:
        frames.next()
    assert caught.value.reason == reason
    assert len(caught.value.data) <= 100


def test_gbk_never_looks_like_the_end_of_a_frame() -> None:
    text = "".join(chr(c) for c in range(0x4E00, 0x9FA6)).encode("gb18030")
    frames = Frames(len(text))
    frames.add(frame(text))
    assert frames.next() == text


async def echo(what: bytes | Broken, _: Peer) -> bytes | None:
    return b"broken: " + what.reason.encode() if isinstance(what, Broken) else b"ack " + what


@asynccontextmanager
async def serving(handler: Handler = echo, **limits: object) -> AsyncIterator[tuple[MllpServer, int]]:
    networks = limits.pop("networks", ())
    server = MllpServer(handler, MllpLimits(**limits), networks=networks)  # type: ignore[arg-type]
    port = await server.listen(TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"))
    try:
        yield server, port
    finally:
        await server.stop(0.2)


class Wire(Protocol):
    """A peer that does what it likes."""

    def __init__(self) -> None:
        self.data = b""
        self.closed: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: object = None) -> None:
        self.closed.callback(None)

    async def until(self, expected: bytes) -> None:
        for _ in range(1500):
            if self.data == expected:
                return
            await sleep(0.02)
        raise AssertionError(self.data)


async def wire(port: int) -> Wire:
    made: Wire = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(Factory.forProtocol(Wire))
    return made


async def test_a_kept_connection_carries_many_messages() -> None:
    async with serving() as (server, port):
        client = MllpClient("127.0.0.1", port)
        assert [await client.send(b"%d" % n) for n in range(20)] == [b"ack %d" % n for n in range(20)]
        assert len(server.open) == 1
        await client.close()


async def test_messages_sent_together_are_answered_in_order() -> None:
    async with serving() as (_, port):
        peer = await wire(port)
        peer.transport.write(b"".join(frame(b"%d" % n) for n in range(50)))
        await peer.until(b"".join(frame(b"ack %d" % n) for n in range(50)))
        peer.transport.loseConnection()


async def test_a_server_of_one_message_closes_after_it_and_the_client_connects_anew() -> None:
    async with serving(one_message=True) as (server, port):
        client = MllpClient("127.0.0.1", port)
        assert await client.send(b"1") == b"ack 1"
        await sleep(0.1)
        assert await client.send(b"2") == b"ack 2"
        await client.close()
        await sleep(0.1)
        assert not server.open


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"no-start"),
        (b"\x0b" + b"x" * 5000, b"too-large"),
        (b"\x0bMSH", b"incomplete"),
    ],
)
async def test_a_bad_frame_is_answered_and_closed_and_the_listener_goes_on(
    sent: bytes, reason: bytes
) -> None:
    async with serving(message=1000, arrival=0.3) as (_, port):
        for _ in range(3):
            peer = await wire(port)
            peer.transport.write(frame(b"good") + sent)
            await peer.closed
            assert peer.data == frame(b"ack good") + frame(b"broken: " + reason)
        client = MllpClient("127.0.0.1", port)
        assert await client.send(b"still here") == b"ack still here"
        await client.close()


async def test_dripping_bytes_buy_no_time() -> None:
    async with serving(arrival=0.3) as (_, port):
        peer = await wire(port)
        for byte in b"\x0bMSH|^~\\&|NHIS":
            if peer.closed.called:
                break
            peer.transport.write(bytes([byte]))
            await sleep(0.05)
        await peer.closed
        assert peer.data == frame(b"broken: incomplete")


async def test_silence_is_ended() -> None:
    async with serving(idle=0.2) as (server, port):
        peer = await wire(port)
        await peer.closed
        assert not server.open


async def test_only_its_networks_are_let_in() -> None:
    elsewhere = (ipaddress.ip_network("192.0.2.0/24"),)
    async with serving(networks=elsewhere) as (_, port):
        with pytest.raises((NoAnswer, NotSent)):
            await MllpClient("127.0.0.1", port).send(b"1")
    here = (ipaddress.ip_network("127.0.0.0/8"),)
    async with serving(networks=here) as (_, port):
        client = MllpClient("127.0.0.1", port)
        assert await client.send(b"1") == b"ack 1"
        await client.close()


async def test_connections_are_bounded() -> None:
    async with serving(connections=2) as (_, port):
        held = [await wire(port) for _ in range(2)]
        third = await wire(port)
        await third.closed
        for peer in held:
            peer.transport.loseConnection()


async def test_a_handler_that_fails_gives_no_answer_and_harms_nobody() -> None:
    async def fails(what: bytes | Broken, _: Peer) -> bytes:
        if what == b"bad":
            raise RuntimeError("secret text")
        return b"ok"

    async with serving(fails) as (_, port):
        with pytest.raises(NoAnswer):
            await MllpClient("127.0.0.1", port).send(b"bad")
        client = MllpClient("127.0.0.1", port)
        assert await client.send(b"good") == b"ok"
        await client.close()


async def test_work_goes_on_when_the_peer_goes_away_and_stop_waits_for_it() -> None:
    release: Deferred[None] = Deferred()
    done: list[bytes] = []

    async def slow(what: bytes | Broken, _: Peer) -> bytes:
        await release
        assert isinstance(what, bytes)
        done.append(what)
        return b"ok"

    async with serving(slow) as (server, port):
        peer = await wire(port)
        peer.transport.write(frame(b"1"))
        await sleep(0.1)
        peer.transport.abortConnection()
        await sleep(0.1)
        assert len(server.open) == 1
        release.callback(None)
        await sleep(0.05)
        assert done == [b"1"]
        assert not server.open


async def test_a_client_knows_whether_anything_was_sent() -> None:
    async def never(_what: bytes | Broken, _peer: Peer) -> bytes:
        await sleep(1.0)
        return b"late"

    async with serving(never) as (_, port):
        with pytest.raises(NoAnswer, match="timeout"):
            await MllpClient("127.0.0.1", port, timeout=0.1).send(b"1")
    with pytest.raises(NotSent):
        await MllpClient("127.0.0.1", port).send(b"1")


async def test_an_answer_that_is_no_frame_is_unknown() -> None:
    class Liar(Protocol):
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(b"HTTP/1.1 200 OK\r\n\r\n")

    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory.forProtocol(Liar))
    try:
        with pytest.raises(BadAnswer):
            await MllpClient("127.0.0.1", port.getHost().port).send(b"1")
    finally:
        await port.stopListening()
