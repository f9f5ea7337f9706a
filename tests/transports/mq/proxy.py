"""A TCP proxy in the reactor, which can lose what it carries."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

reactor: Any = _reactor


class Proxy:
    """Passes connections on to a port of this host.

    Attributes:
        deaf: what clients say does not reach the server.
        mute: what the server says does not reach clients.
        refusing: new connections are ended at once.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.deaf = self.mute = self.refusing = False
        self.pairs: list[_Front] = []
        self._listening = reactor.listenTCP(
            0, Factory.forProtocol(lambda: _Front(self)), interface="127.0.0.1"
        )
        self.port: int = self._listening.getHost().port

    def cut(self) -> None:
        """End all connections, without a word to either side's application."""
        for front in tuple(self.pairs):
            front.end()

    def well(self) -> None:
        """Pass everything on again."""
        self.deaf = self.mute = self.refusing = False

    def stop(self) -> None:
        self.cut()
        self._listening.stopListening()


class _Front(Protocol):
    transport: Any

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.back: _Back | None = None
        self.early = b""

    def connectionMade(self) -> None:
        if self.proxy.refusing:
            self.transport.abortConnection()
            return
        self.proxy.pairs.append(self)
        factory: Any = Factory.forProtocol(lambda: _Back(self))
        factory.clientConnectionFailed = lambda *_: self.end()
        factory.clientConnectionLost = lambda *_: self.end()
        factory.startedConnecting = lambda _: None
        reactor.connectTCP("127.0.0.1", self.proxy.target, factory)

    def dataReceived(self, data: bytes) -> None:
        if self.proxy.deaf:
            return
        if self.back is None:
            self.early += data
        else:
            self.back.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.end()

    def end(self) -> None:
        if self in self.proxy.pairs:
            self.proxy.pairs.remove(self)
        self.transport.abortConnection()
        if self.back is not None:
            self.back.transport.abortConnection()


class _Back(Protocol):
    transport: Any

    def __init__(self, front: _Front) -> None:
        self.front = front

    def connectionMade(self) -> None:
        self.front.back = self
        self.transport.write(self.front.early)

    def dataReceived(self, data: bytes) -> None:
        if not self.front.proxy.mute:
            self.front.transport.write(data)
