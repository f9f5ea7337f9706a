"""The gateway's reactor does what Twisted's does."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.interfaces import IReadWriteDescriptor
from zope.interface import implementer

from gateway.transports.reactor import Reactor
from tests.twisted_runner import reactor, sleep


@implementer(IReadWriteDescriptor)
class End:
    """A file descriptor that notes what the reactor asks of it."""

    def __init__(self, file: Any, error: Exception | None = None) -> None:
        self._file = file
        self._error = error
        self.asked: list[str] = []
        self.lost: BaseException | None = None

    def fileno(self) -> int:
        number: int = self._file.fileno()
        return number

    def logPrefix(self) -> str:
        return "end"

    def doRead(self) -> Exception | None:
        self.asked.append("read")
        os.read(self.fileno(), 100)
        return self._fail()

    def doWrite(self) -> Exception | None:
        self.asked.append("write")
        reactor.removeWriter(self)
        return self._fail()

    def connectionLost(self, reason: Any) -> None:
        self.lost = reason.value

    def _fail(self) -> Exception | None:
        if isinstance(self._error, KeyError):
            raise self._error
        return self._error


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


async def until(true: Any) -> None:
    for _ in range(3000):
        if true():
            return
        await sleep(0.01)
    raise AssertionError("it did not happen")


async def test_it_reads_and_writes(pair: tuple[socket.socket, socket.socket]) -> None:
    assert isinstance(reactor, Reactor)
    end = End(pair[0])
    for _ in range(2):  # again is no harm
        reactor.addReader(end)
        reactor.addWriter(end)
    await until(lambda: end.asked == ["write"])
    pair[1].send(b"x")
    await until(lambda: end.asked == ["write", "read"])
    assert end in reactor.getReaders()
    assert end not in reactor.getWriters()
    reactor.removeReader(end)
    pair[1].send(b"x")
    await sleep(0.05)
    assert end.asked == ["write", "read"]


@pytest.mark.parametrize("error", [KeyError("raised"), OSError("returned")])
@pytest.mark.parametrize("way", ["addReader", "addWriter"])
async def test_what_fails_is_lost_and_not_asked_again(
    pair: tuple[socket.socket, socket.socket], error: Exception, way: str
) -> None:
    end = End(pair[0], error)
    getattr(reactor, way)(end)
    pair[1].send(b"x")
    await until(lambda: end.lost is not None)
    assert end.lost is error
    assert end not in reactor.getReaders() + reactor.getWriters()


async def test_a_file_is_polled(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with (tmp_path / "file").open("r+b") as file:
        end = End(file)
        reactor.addReader(end)
        await until(lambda: end.asked[:1] == ["read"])
        reactor.removeReader(end)
        reactor.addWriter(end)
        await until(lambda: end.asked[-1] == "write")
