"""A double of the package `ibmmq`: queues in memory with units of work, and faults.

No queue manager of IBM's was here, nor its client library. What this does is written after IBM's documentation of the
MQI and the public interface of `ibmmq` 2.1; it proves that our calls keep our promises if IBM's keep theirs, no more.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

CMQC = SimpleNamespace(
    MQCC_FAILED=2,
    MQCNO_CLIENT_BINDING=2048,
    MQCNO_RECONNECT_DISABLED=33554432,
    MQFMT_NONE=b"        ",
    MQGMO_FAIL_IF_QUIESCING=8192,
    MQGMO_NO_PROPERTIES=67108864,
    MQGMO_SYNCPOINT=2,
    MQGMO_WAIT=1,
    MQOO_FAIL_IF_QUIESCING=8192,
    MQOO_INPUT_SHARED=2,
    MQOO_INQUIRE=32,
    MQOO_OUTPUT=16,
    MQPER_PERSISTENT=1,
    MQPMO_FAIL_IF_QUIESCING=8192,
    MQPMO_SYNCPOINT=2,
    MQRC_BACKED_OUT=2003,
    MQRC_CONNECTION_BROKEN=2009,
    MQRC_HOST_NOT_AVAILABLE=2538,
    MQRC_NOT_AUTHORIZED=2035,
    MQRC_NO_MSG_AVAILABLE=2033,
    MQRC_TRUNCATED_MSG_FAILED=2080,
    MQRC_UNKNOWN_OBJECT_NAME=2085,
    MQSCO_VERSION_5=5,
)
CMQXC = SimpleNamespace(MQCHT_CLNTCONN=6, MQXPT_TCP=2)
_NAMES = {number: name for name, number in vars(CMQC).items() if name.startswith("MQRC_")}
_NOBODY = bytes(24)


class Error(Exception):
    pass


class MQMIError(Error):
    def __init__(self, reason: int) -> None:
        self.comp, self.reason = CMQC.MQCC_FAILED, reason

    def errorAsString(self) -> str:
        return f"FAILED: {_NAMES[self.reason]}"


class PYIFError(Error):
    pass


class _Structure(SimpleNamespace):
    """MQCD, MQCNO and the others: fields to be set."""


class CD(_Structure): ...


class CNO(_Structure): ...


class SCO(_Structure): ...


class MD(_Structure):
    def __init__(self) -> None:
        super().__init__(MsgId=_NOBODY, CorrelId=_NOBODY, BackoutCount=0)


class PMO(_Structure): ...


class GMO(_Structure): ...


@dataclass
class Message:
    body: bytes
    msg_id: bytes
    correl_id: bytes
    backouts: int = 0


@dataclass
class Server:
    """The queue manager, and what is wrong with it at the moment."""

    password: str = "guest"
    queues: dict[str, list[Message]] = field(default_factory=dict)
    connections: list[QueueManager] = field(default_factory=list)
    connected: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    deaf = mute = refusing = False
    unauthorized: set[str] = field(default_factory=set)

    def cut(self) -> None:
        """All connections break: what they had not committed is backed out."""
        with self.changed:
            for connection in tuple(self.connections):
                connection.break_off()
            self.changed.notify_all()


server = Server()


class QueueManager:
    def __init__(self, name: str | None, disconnect_on_exit: bool = True) -> None:
        assert name is None
        assert not disconnect_on_exit, "a process that ends would commit"
        self.broken = False
        self.puts: list[tuple[str, Message]] = []
        self.gots: list[tuple[str, int, Message]] = []

    def connect_with_options(self, name: str, **options: Any) -> None:
        with server.changed:
            if server.refusing:
                raise MQMIError(CMQC.MQRC_HOST_NOT_AVAILABLE)
            if options.get("password") != server.password:
                raise MQMIError(CMQC.MQRC_NOT_AUTHORIZED)
            server.connections.append(self)
            server.connected.append(options)

    def commit(self) -> None:
        with server.changed:
            self.alive()
            if server.deaf:
                self.wait_for_the_end()
            for queue, message in self.puts:
                server.queues[queue].append(message)
            self.puts, self.gots = [], []
            server.changed.notify_all()
            if server.mute:
                self.wait_for_the_end()

    def backout(self) -> None:
        with server.changed:
            self.alive()
            self._undo()

    def disconnect(self) -> None:
        with server.changed:
            self.alive()
            self.commit_silently()
            server.connections.remove(self)
            self.broken = True

    def commit_silently(self) -> None:
        """What MQDISC does to an open unit of work."""
        for queue, message in self.puts:
            server.queues[queue].append(message)
        self.puts, self.gots = [], []

    def alive(self) -> None:
        if self.broken:
            raise MQMIError(CMQC.MQRC_CONNECTION_BROKEN)

    def wait_for_the_end(self) -> None:
        while not self.broken:
            server.changed.wait()
        raise MQMIError(CMQC.MQRC_CONNECTION_BROKEN)

    def break_off(self) -> None:
        self._undo()
        self.broken = True
        server.connections.remove(self)

    def _undo(self) -> None:
        self.puts = []
        for queue, place, message in reversed(self.gots):
            message.backouts += 1
            server.queues[queue].insert(place, message)
        self.gots = []
        server.changed.notify_all()


class Queue:
    def __init__(self, manager: QueueManager, name: str, options: int) -> None:
        self.manager, self.name = manager, name
        assert options & CMQC.MQOO_FAIL_IF_QUIESCING
        with server.changed:
            manager.alive()
            if name in server.unauthorized and options & CMQC.MQOO_INQUIRE:
                raise MQMIError(CMQC.MQRC_NOT_AUTHORIZED)
            if name not in server.queues:
                raise MQMIError(CMQC.MQRC_UNKNOWN_OBJECT_NAME)

    def put(self, body: bytes, descriptor: MD, options: PMO) -> None:
        assert options.Options & CMQC.MQPMO_SYNCPOINT
        assert descriptor.Persistence == CMQC.MQPER_PERSISTENT
        assert descriptor.Format == CMQC.MQFMT_NONE
        assert descriptor.CodedCharSetId == 819
        assert len(descriptor.MsgId) == len(descriptor.CorrelId) == 24
        with server.changed:
            self.manager.alive()
            self.manager.puts.append((self.name, Message(body, descriptor.MsgId, descriptor.CorrelId)))

    def get(self, longest: int, descriptor: MD, options: GMO) -> bytes:
        assert options.Options & CMQC.MQGMO_SYNCPOINT
        deadline = time.monotonic() + options.WaitInterval / 1000
        with server.changed:
            while True:
                self.manager.alive()
                waiting = server.queues[self.name]
                if waiting and not (server.deaf or server.mute):
                    break
                if not server.changed.wait(deadline - time.monotonic()) and time.monotonic() > deadline:
                    raise MQMIError(CMQC.MQRC_NO_MSG_AVAILABLE)
            if len(waiting[0].body) > longest:
                raise MQMIError(CMQC.MQRC_TRUNCATED_MSG_FAILED)
            message = waiting.pop(0)
            self.manager.gots.append((self.name, 0, message))
            descriptor.MsgId, descriptor.CorrelId = message.msg_id, message.correl_id
            descriptor.BackoutCount = message.backouts
            return message.body

    def close(self) -> None:
        self.manager.alive()
