"""Answers to rolls, as they come: pushed to an address of ours, or fetched. Each part is one message.

    {"payLoad":{"Code":"000","Message":{"TotalNum":"2","Reuoult":[{"GMSFHM":…,"XM":…,"SWBS":"0"}]}}}

A part carries no number of its own, so it is known by its bytes and the day: what comes twice on one day is taken
once, and the same answer about the same people next month is a new one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from ipaddress import ip_address
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from adapters.police.channel import Channel
from adapters.police.contracts import Unreadable
from adapters.police.dialects.json import result_of
from adapters.police.link import text_of
from adapters.police.services import PollSettings, PushSettings
from gateway.canonical import Body
from gateway.contract import Inbound, Receipt, Refusal, Reject, Unavailable
from gateway.transports.http import HttpError, Request, Response, ServerLimits
from mappings.catalogue import china_day

_NONE: Final = 204
_OK: Final = 200


class Parts:
    """Turns what came into messages."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def take(self, raw: bytes) -> Receipt:
        """Takes a part on; returns after the commit.

        Raises:
            Unreadable: no part of an answer.
            Reject, Unavailable: as the inbox.
        """
        context = self._channel.context
        now = context.clock.now()
        # Beside the reactor: a part may be of ten thousand persons.
        pool = context.reactor.getThreadPool()
        body: Body = await deferToThreadPool(context.reactor, pool, self._read, raw, now)
        digest = hashlib.sha256(raw).hexdigest()[:32]
        return await context.inbox.accept(
            Inbound(
                body=body,
                raw=raw,
                partner_message_id=f"{china_day(now).isoformat()}/{digest}",
                region=context.region,
                mapping=self._channel.formats.label("matching_result", now),
            )
        )

    def _read(self, raw: bytes, now: dt.datetime) -> Body:
        text = text_of(raw)
        result_of(text)
        return self._channel.formats.read("matching_result", text.encode(), now, raw_text=None)

    async def refuse(self, raw: bytes, error: Reject | Unreadable) -> str:
        """Puts a part that cannot be taken on record, sealed. Raises Unavailable."""
        code, rule = (error.code, error.rule) if isinstance(error, Reject) else ("malformed", str(error))
        return await self._channel.context.inbox.refuse(Refusal(code=code, rule=rule, raw=raw))


class PushReceiver:
    """Implements `gateway.contract.Receiver`: they call us."""

    def __init__(self, channel: Channel, settings: PushSettings) -> None:
        self._context = channel.context
        self._limit = channel.settings.answer_limit
        self._settings = settings
        self._parts = Parts(channel)
        self._mount: Any = None

    async def start(self) -> None:
        self._mount = await self._context.listeners.mount(
            self._settings.listen, self._settings.path, self._handle, ServerLimits(max_body=self._limit)
        )

    async def stop(self) -> None:
        if self._mount is not None:
            mount, self._mount = self._mount, None
            await mount.unmount()

    @property
    def url(self) -> str:
        """Where it listens; with the real port, where 0 was asked for."""
        host = self._settings.listen.rpartition(":")[0]
        return f"http://{host}:{self._mount.port}{self._settings.path}"

    async def _handle(self, request: Request) -> Response:
        if not self._knows(request):
            return _told(403, "403", "来源或授权不符 / not let in")
        if request.method != "POST":
            return _told(405, "405", "请用 POST / use POST")
        try:
            await self._parts.take(request.body)
        except Unavailable as error:
            return _told(503, "503", error.both)
        except (Reject, Unreadable) as error:
            return await self._refused(request.body, error)
        return _told(_OK, "000", "")

    def _knows(self, request: Request) -> bool:
        try:
            address = ip_address(request.peer.rpartition(":")[0].strip("[]").partition("%")[0])
        except ValueError:  # not over IP
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        if not any(mapped in network for network in self._settings.clients):
            return False
        wanted = self._settings.authorization
        given = request.headers.get("authorization")
        return wanted is None or hmac.compare_digest(given.encode(), wanted.get_secret_value().encode())

    async def _refused(self, raw: bytes, error: Reject | Unreadable) -> Response:
        try:
            number = await self._parts.refuse(raw, error)
        except Unavailable as later:
            return _told(503, "503", later.both)
        return _told(400, "400", f"结果不符合约定，记录号 {number} / not as agreed, on record as {number}")


class PollReceiver:
    """Implements `gateway.contract.Receiver`: we ask, one part after the other, until there is none."""

    def __init__(self, channel: Channel, settings: PollSettings) -> None:
        self._channel = channel
        self._context = channel.context
        self._settings = settings
        self._parts = Parts(channel)
        self._held: bytes | None = None  #: fetched, and not taken yet: they will not give it again
        self._refused: bytes | None = None  #: the last part that could not be taken
        self._timer: Any = None
        self._running: Deferred[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        self._stopping = False
        self._later(0.0)

    async def stop(self) -> None:
        """Waits for what is under way."""
        self._stopping = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        running, self._running = self._running, None
        if running is not None:
            await running

    def _later(self, delay: float) -> None:
        if not self._stopping:
            self._timer = self._context.reactor.callLater(delay, self._turn)

    def _turn(self) -> None:
        self._running = Deferred.fromCoroutine(self._fetch())

    async def _fetch(self) -> None:
        again = self._settings.every
        try:
            if await self._one():
                again = 0.0
        except Exception as error:  # whatever it was, the next turn comes
            self._context.log.warning("police.poll_failed", error=type(error).__name__)
        self._later(again)

    async def _one(self) -> bool:
        """Fetches and takes one part; whether another may wait behind it. Raises Unavailable."""
        if self._held is None:
            self._held = await self._get()
        if self._held is None:
            return False
        try:
            receipt = await self._parts.take(self._held)
        except (Reject, Unreadable) as error:
            if self._held != self._refused:  # where they offer it until they like, once on record is enough
                await self._parts.refuse(self._held, error)
            self._refused, self._held = self._held, None
            return False
        self._held = None
        # The same part again: they go on only when they like.
        return not receipt.repeated

    async def _get(self) -> bytes | None:
        """The next part; None where there is none, or none to be had."""
        link = self._channel.link
        try:
            heard = await link.get(self._settings.url)
        except HttpError as error:
            self._context.log.warning("police.poll_failed", error=error.kind)
            return None
        if heard.status == _NONE:
            return None
        if heard.status != _OK:
            self._context.log.warning("police.poll_failed", error=f"HTTP {heard.status}")
            return None
        return heard.body


def _told(status: int, code: str, text: str) -> Response:
    body = msgspec.json.encode({"payLoad": {"Code": code, "Message": text}})
    return Response(status, body, "application/json; charset=utf-8")
