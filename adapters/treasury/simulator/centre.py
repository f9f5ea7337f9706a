"""The centre of the network: takes what nodes and banks put, checks it, and hands it to whoever deals with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from lxml import etree
from twisted.internet.task import deferLater

from adapters.treasury.simulator import trees
from adapters.treasury.simulator.batches import Batches
from adapters.treasury.simulator.day import DayEnd
from adapters.treasury.simulator.debits import Debits
from adapters.treasury.simulator.desk import Desk
from adapters.treasury.simulator.documents import REFUSED, UNRECOGNISED, Document, Wrong, read
from adapters.treasury.simulator.session import Session
from adapters.treasury.wire import BadSeal, Unreadable, document_of

#: What is no business, and so needs no log-in.
_OPEN: Final = frozenset({"9005", "9006", "9008", "9120"})


class Centre:
    """One centre; `take` is for each message that comes."""

    def __init__(self, desk: Desk, reactor: Any, part_size: int = 1000) -> None:
        self.books = desk.books
        self.post = desk.post
        self.session = Session(desk)
        self.day_end = DayEnd(desk, part_size)
        self._reactor = reactor
        self._quiet_until = 0.0
        debits, batches = Debits(desk), Batches(desk)
        self._work: dict[str, Callable[[Document], Awaitable[None]]] = {
            "1001": debits.debit, "2001": debits.debited, "1021": debits.reverse, "2021": debits.reversed,
            "9114": debits.prove, "9115": debits.proven, "9003": debits.state, "1102": batches.package,
            "2102": batches.done, "2111": self.day_end.compared, "9111": self.day_end.again,
            "9113": self.day_end.again, "9117": self.day_end.again, "9005": self.session.test, "9006": self.session.log_in,
            "9008": self.session.log_out, "9105": self._noted, "9120": self._noted,
        }  # fmt: skip

    async def take(self, raw: bytes) -> None:
        """Deals with one message; what is wrong with it its sender is told by 9120."""
        await self._silence()
        try:
            document = read(self.post.open(raw))
        except BadSeal:
            await self._complain(raw, REFUSED, "签名不符")
            return
        except (Unreadable, Wrong, ValueError, etree.XMLSyntaxError):
            await self._complain(raw, UNRECOGNISED, "报文无法识别")
            return
        self.books.arrived(document.source, document.id, document.number)
        if self.post.faults.strikes("drop", document.number):
            return
        if document.number not in _OPEN and self.post.faults.strikes("log-out"):
            await self.session.force_out(document.source)
        try:
            await self._deal(document)
        except Wrong as wrong:
            await self.session.word(document, wrong.code, wrong.text)

    async def _deal(self, document: Document) -> None:
        work = self._work.get(document.number)
        path = trees.wrong(document.number, document.body.element)
        if work is None or path is not None:
            raise Wrong(UNRECOGNISED, f"报文无法识别:{path}")
        if document.number not in _OPEN:
            self.session.check(document.source)
        if document.number == "2102" and self.post.faults.strikes("switch-in-batch"):
            await self.session.change_day()
        await work(document)

    async def _complain(self, raw: bytes, code: str, text: str) -> None:
        try:
            document = read(document_of(raw))
        except (Unreadable, Wrong, ValueError, etree.XMLSyntaxError):
            return  # nobody to tell
        if self.books.password(document.source) is not None:
            await self.session.word(document, code, text)

    async def _noted(self, _document: Document) -> None:
        """That it came is on record already."""

    async def _silence(self) -> None:
        fault = self.post.faults.strikes("silence")
        if fault is not None:
            self._quiet_until = self._reactor.seconds() + fault.seconds
        left = self._quiet_until - self._reactor.seconds()
        if left > 0:
            await deferLater(self._reactor, left, lambda: None)
