"""What the bank tells by itself: a batch is finished (YQN03010, YQN03030), a payment is (YQN02030).

    POST {"nottyp":"YQN03010","notkey":…,"notnbr":…,"usrnbr":…,"sigtim":…,"sigdat":…,"notdat":"{…}"}

A notice is believed for its signature, answered after it is committed, and taken for a hint: its items may not be all,
so the batch is asked about at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from typing import Any, Final

import msgspec

from adapters.bank.online.channel import Channel
from adapters.bank.online.dialects import CdcDialect
from adapters.bank.online.dialects.cdc_envelope import Forged, Unusable
from adapters.bank.online.formats import Unreadable
from adapters.bank.online.settings import FormatName, NoticeSettings
from gateway.canonical.payment import BatchReturned
from gateway.contract import ConfigError, Handled, Inbound, Refusal, Reject, Unavailable
from gateway.transports.http import Request, Response, ServerLimits

_FORMATS: Final[dict[str, FormatName]] = {
    "YQN03010": "cdc.batch_notice",
    "YQN03030": "cdc.batch_notice",
    "YQN02030": "cdc.payment_notice",
}
_LARGEST: Final = 4 << 20

#: Has a batch asked about now.
Hint = Callable[[str], Awaitable[None]]


class Notices:
    """Implements `gateway.contract.Receiver`."""

    def __init__(self, channel: Channel, settings: NoticeSettings, hint: Hint) -> None:
        self._channel = channel
        self._context = channel.context
        self._settings = settings
        self._networks = tuple(ip_network(client) for client in settings.clients)
        self._hint = hint
        self._mount: Any = None

    async def start(self) -> None:
        tls = self._settings.tls
        self._mount = await self._context.listeners.mount(
            self._settings.listen,
            self._settings.path,
            self._handle,
            ServerLimits(max_body=_LARGEST),
            None if tls is None else tls.made,
        )

    async def stop(self) -> None:
        if self._mount is not None:
            mount, self._mount = self._mount, None
            await mount.unmount()

    @property
    def url(self) -> str:
        """Where it listens; with the real port, where 0 was asked for."""
        scheme = "http" if self._settings.tls is None else "https"
        host = self._settings.listen.rpartition(":")[0]
        return f"{scheme}://{host}:{self._mount.port}{self._settings.path}"

    async def _handle(self, request: Request) -> Response:
        if not self._knows(request):
            return _told(403, "来源地址未登记 / not let in")
        if request.method != "POST":
            return _told(405, "请用 POST / use POST")
        try:
            await self._take(request.body)
        except (Unavailable, ConfigError) as error:
            return _told(503, error.both)
        except (Reject, Unreadable, Unusable, Forged) as error:
            return await self._refused(request.body, error)
        return _told(200, self._settings.answer)

    def _knows(self, request: Request) -> bool:
        try:
            address = ip_address(request.peer.rpartition(":")[0].strip("[]").partition("%")[0])
        except ValueError:  # not over IP
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)

    async def _take(self, raw: bytes) -> None:
        dialect = self._channel.dialect
        assert isinstance(dialect, CdcDialect)
        tree = dialect.envelope().notice(raw)
        kind = tree.get("nottyp")
        format_ = _FORMATS.get(kind) if isinstance(kind, str) else None
        key = tree.get("notkey") or tree.get("notnbr")
        if not isinstance(key, str) or not key:
            raise Unusable("no notkey, no notnbr")
        if format_ is None:
            # Other business of this account: on record, and so that they do not send it for ever.
            await self._context.inbox.handled(
                Handled(kind=f"notice {kind}"[:40], raw=raw, partner_message_id=key)
            )
            return
        now = self._context.clock.now()
        body = self._channel.formats.read(format_, tree, now)
        assert isinstance(body, BatchReturned)
        if format_ == "cdc.payment_notice" and body.stage != "final":
            body = msgspec.structs.replace(body, status=None)  # RTNFLG means nothing before REQSTS is FIN
        await self._context.inbox.accept(
            Inbound(
                body=body,
                raw=raw,
                partner_message_id=f"notice/{key}",
                region=self._context.region,
                mapping=self._channel.formats.label(format_, now),
                subject=body.batch_id,
                ordering_key=body.batch_id,
            )
        )
        if body.batch_id is not None:
            await self._hint(body.batch_id)

    async def _refused(self, raw: bytes, error: Reject | Unreadable | Unusable | Forged) -> Response:
        code, rule = (error.code, error.rule) if isinstance(error, Reject) else ("malformed", str(error))
        if isinstance(error, Forged):
            code = "signature"
            self._context.log.error("bank.signature_wrong", function="notice", kind=rule)
        try:
            number = await self._context.inbox.refuse(Refusal(code=code, rule=rule, raw=raw))
        except Unavailable as later:
            return _told(503, later.both)
        return _told(400, f"通知不符合约定，记录号 {number} / not as agreed, on record as {number}")


def _told(status: int, text: str) -> Response:
    return Response(status, text.encode())
