"""What the simulated partner does with a request; knows no connections.

POST /nciic, /rbsp     SOAP              GET /matching/next    one part of an answer to a roll, or 204
POST /json             JSON              /_control/…           what tests and the demonstration see and switch
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import msgspec
from lxml import etree
from msgspec import Struct

from adapters.police.simulator import nciic, rbsp, spoil
from adapters.police.simulator.faults import KINDS, Fault, Faults
from adapters.police.simulator.options import Options, Wrong
from adapters.police.simulator.register import Person, Register

_CHINA = dt.timezone(dt.timedelta(hours=8))
_SOAP = "text/xml; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


class Answer(Struct, frozen=True):
    """What goes back, before a fault of the connection."""

    status: int
    body: bytes
    kind: str = _JSON


class Platform:
    """The partner's memory."""

    def __init__(self, options: Options, now: Callable[[], float], push: Callable[[bytes], None]) -> None:
        self.options = options
        self.register = Register()
        self.faults = Faults()
        self.asked: Counter[str] = Counter()  #: how often about each number
        self.requests: list[dict[str, Any]] = []
        self.wrong: list[str] = []  #: what was wrong with requests
        self.parts: deque[bytes] = deque()  #: of answers to rolls, to be fetched
        self._today: Counter[str] = Counter()
        self._now = now
        self._push = push
        self._nciic = nciic.Nciic(options, self.register, self._count)
        self._rbsp = rbsp.Rbsp(options, self.register, self._count, self._later, self._stamp)

    def handle(self, path: str, body: bytes, fault: Fault | None) -> Answer:
        """Does what is asked."""
        kind = fault.kind if fault is not None else ""
        self.requests.append({"no": len(self.requests) + 1, "path": path, "bytes": len(body), "fault": kind})
        early = _EARLY.get(kind)
        if early is not None:
            return early
        try:
            return self._business(path, body, fault, kind)
        except (Wrong, etree.XMLSyntaxError, msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            self.wrong.append(f"{path}: {error}")
            return Answer(500, spoil.fault(), _SOAP) if path != "/json" else Answer(400, b"{}")

    def _business(self, path: str, body: bytes, fault: Fault | None, kind: str) -> Answer:
        if path == "/json":
            return Answer(200, spoil.json(self._rbsp.reply(body, fault), kind))
        payload = _payload(body)
        operation = etree.QName(payload).localname
        if path == "/nciic":
            text, namespace = self._nciic.answer(payload, fault), nciic.NAMESPACE
        else:
            text, namespace = self._rbsp.answer(payload, fault), rbsp.NAMESPACE
        media = "text/xml; charset=GBK" if kind == "gbk" else _SOAP
        return Answer(200, spoil.soap(text, kind, operation, namespace), media)

    def fetch(self) -> Answer:
        """The next part, once."""
        return Answer(200, self.parts.popleft()) if self.parts else Answer(204, b"")

    # Control

    def control(self, name: str, body: bytes) -> Answer:
        """`faults`, `persons`, `fill`, `options`, `reset`; anything else shows what happened."""
        given: Any = msgspec.json.decode(body) if body else None
        if name == "faults":
            for fault in msgspec.convert(given if isinstance(given, list) else [given], list[Fault]):
                self.faults.add(fault)
        elif name == "persons":
            for person in msgspec.convert(given, list[Person]):
                self.register.add(person)
        elif name == "fill":
            self.register.fill(int(given))
        elif name == "options":
            for option, value in given.items():
                setattr(self.options, option, value)
        elif name == "reset":
            self.reset()
        return Answer(200, msgspec.json.encode(self.shown()))

    def shown(self) -> dict[str, Any]:
        """What happened; numbers of invented people only as sums."""
        return {
            "requests": len(self.requests),
            "persons": self.asked.total(),
            "asked_twice": sum(1 for times in self.asked.values() if times > 1),
            "wrong": self.wrong,
            "parts": len(self.parts),
            "register": len(self.register.people),
            "kinds": KINDS,
        }

    def reset(self) -> None:
        """Forgets what happened."""
        self.faults.clear()
        for memory in (self.asked, self._today, self.requests, self.wrong, self.parts):
            memory.clear()

    # Inside

    def _count(self, numbers: list[str]) -> bool:
        """False where the quota of the day would be exceeded."""
        self.asked.update(numbers)
        day = dt.datetime.fromtimestamp(self._now(), _CHINA).date().isoformat()
        self._today[day] += len(numbers)
        return self.options.daily is None or self._today[day] <= self.options.daily

    def _later(self, parts: list[bytes]) -> None:
        for part in parts:
            if self.options.push_to:
                self._push(part)
            else:
                self.parts.append(part)

    def _stamp(self) -> str:
        return dt.datetime.fromtimestamp(self._now(), _CHINA).strftime("%Y%m%d%H%M%S")


_EARLY = {
    "http-500": Answer(500, "<html>系统繁忙 / busy</html>".encode(), "text/html"),
    "http-429": Answer(429, b"{}"),
    "soap-fault": Answer(500, spoil.fault(), _SOAP),
    "excuse": Answer(200, "SrcReceiver: 下级节点无应答".encode(), "text/plain"),
}


def _payload(body: bytes) -> etree._Element:
    root = etree.fromstring(body, _PARSER)
    space = "{http://schemas.xmlsoap.org/soap/envelope/}"
    if root.tag != f"{space}Envelope" or root[-1].tag != f"{space}Body" or len(root[-1]) != 1:
        raise Wrong("no SOAP 1.1 envelope with one payload")
    return root[-1][0]
