"""Hospitals report events by HL7 v2 over MLLP. What is committed is answered AA, what is refused is on record first.

frame ─► head ─► who, and what ─► mapping ─► clerk.take ─► AA
  └───────┴───────────┴──────────────┴───────────┴──► clerk.record ─► AE or AR
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater

from adapters.hospital.clerk import Clerk
from adapters.hospital.faults import Fault
from adapters.hospital.formats import Formats
from adapters.hospital.hl7.answers import Answers
from adapters.hospital.hl7.codec import Reader
from adapters.hospital.hl7.events import ACK, EVENTS, NAK
from adapters.hospital.hl7.settings import Hl7Face
from adapters.hospital.settings import HospitalSettings
from gateway.contract import ConfigError, Context, Unavailable
from gateway.transports.http.endpoint import server_endpoint
from gateway.transports.mllp import Broken, MllpLimits, MllpServer, Peer
from mappings.catalogue import china_day

#: What is said of bytes that are no message. The first is what hospitals' systems know, word for word.
_BROKEN: Final = {
    "no-start": ("报文开头缺少 0x0B", "Message Not Start With [0X0B]"),
    "too-large": ("报文超过 {limit} 字节", "the message is longer than {limit} bytes"),
    "nested-start": ("报文中又有 0x0B", "another 0x0B within the message"),
    "incomplete": ("报文未在时限内收完", "the message did not arrive in time"),
}


class Hl7Server:
    """Serves one endpoint."""

    def __init__(
        self, settings: HospitalSettings, face: Hl7Face, context: Context, clerk: Clerk, formats: Formats
    ) -> None:
        self._face = face
        self._context = context
        self._clerk = clerk
        formats.compile([ACK, NAK, *(EVENTS[name].mapping for name in face.events)])
        self._reader = Reader(face, formats, settings.region or context.region)
        self._answers = Answers(face, formats, context.clock, context.random)
        limits = MllpLimits(
            message=face.message_limit,
            connections=face.connections,
            idle=face.idle,
            arrival=face.arrival,
            one_message=face.connection == "one-message",
        )
        networks = tuple(ip_network(network) for network in settings.clients)
        self._server = MllpServer(self._handle, limits, networks=networks, reactor=context.reactor)
        self.port = 0  #: the real one, once it listens

    async def start(self) -> None:
        face = self._face
        host, _, port = face.listen.rpartition(":")
        endpoint = server_endpoint(
            self._context.reactor, host.strip("[]"), int(port), None if face.tls is None else face.tls.made
        )
        try:
            self.port = await self._server.listen(endpoint)
        except (CannotListenError, OSError) as error:
            why = getattr(error, "socketError", error)
            zh, en = f"无法监听 {face.listen}：{why}", f"cannot listen on {face.listen}: {why}"
            raise ConfigError(zh, en, path="hl7.listen") from error

    async def stop(self) -> None:
        await self._server.stop()

    async def _handle(self, what: bytes | Broken, _peer: Peer) -> bytes | None:
        """The answer, or none.

        Raises:
            Unavailable: nothing is to be said, and the connection to be closed.
        """
        raw = what.data.lstrip(b"\x0b") if isinstance(what, Broken) else what
        header = self._reader.header(raw)
        try:
            try:
                await self._turn()
                if isinstance(what, Broken):
                    raise self._broken(what)
                event = self._reader.event(header)
                self._clerk.may(event.operation, header.event)
                day = china_day(self._context.clock.now())
                await self._clerk.take(self._reader.read(what, header, event, day))
                return self._answers.accepted(header)
            except Fault as fault:
                told = _told(fault)
                told.msgid = header.message_id if header.control_id else None
                await self._clerk.record(told, raw)
                return self._answers.refused(header, told)
        except Unavailable as error:
            if self._face.unavailable == "silent":
                self._context.log.warning("hl7.unanswered", control_id=header.control_id)
                raise
            return self._answers.refused(header, _later(error), self._face.unavailable)

    async def _turn(self) -> None:
        """A hospital waits for each answer before it sends on: one that is too quick is held back, not refused."""
        while wait := self._clerk.wait():
            await deferLater(self._context.reactor, wait)

    def _broken(self, what: Broken) -> Fault:
        zh, en = (text.format(limit=self._face.message_limit) for text in _BROKEN[what.reason])
        code = "too-large" if what.reason == "too-large" else "malformed"
        return Fault(code=code, zh=zh, en=en, rule=what.reason)


def _told(fault: Fault) -> Fault:
    """A fault of the clerk's in the terms of HL7."""
    if fault.code == "duplicate-msgid":
        fault.field, fault.name = "MSH-10", "消息控制号"
        fault.zh = "消息控制号 MSH-10:已用于另一条内容不同的消息"
        fault.en = "MSH-10: was used before for a different message"
    elif fault.code == "operation-not-allowed":
        fault.field, fault.name = "MSH-9", "消息类型"
    return fault


def _later(error: Unavailable) -> Fault:
    zh = f"暂时无法受理，请稍后以同一 MSH-10 原样重发（{error.zh}）"
    en = f"cannot take it now: send the same message again later ({error.en})"
    return Fault(code="unavailable", zh=zh, en=en, ours=True, record=False)
