"""The receiver: the poller, and where the bank sends notices, the listener for them."""

from __future__ import annotations

from adapters.bank.online.channel import Channel
from adapters.bank.online.notices import Notices
from adapters.bank.online.poller import Poller
from adapters.bank.online.settings import CdcSettings


class OnlineReceiver:
    """Implements `gateway.contract.Receiver`."""

    def __init__(self, channel: Channel) -> None:
        settings = channel.settings
        wanted = settings.notices if isinstance(settings, CdcSettings) else None
        self.poller = Poller(channel)
        self.notices = None if wanted is None else Notices(channel, wanted, self.poller.hint)

    async def start(self) -> None:
        if self.notices is not None:
            await self.notices.start()
        await self.poller.start()

    async def stop(self) -> None:
        if self.notices is not None:
            await self.notices.stop()
        await self.poller.stop()
