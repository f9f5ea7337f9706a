"""The end of a session: whoever is signed in when the gateway stops is signed out (9002).

Listens to nobody. It is a receiver because receivers are told of the end before the connections go; what is still
under way then and needs a sign-in makes a new one, which ends by itself as the platform has it.
"""

from __future__ import annotations

from adapters.settlement.channel import Channel
from gateway.contract import PartnerDown, Unavailable


class Session:
    """Implements `gateway.contract.Receiver`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def start(self) -> None:
        """Nothing: operators are signed in by their first request."""

    async def stop(self) -> None:
        """Signs everybody out. Best effort: a platform that cannot be reached ends the sessions itself."""
        for caller in self._channel.signed_in():
            try:
                await self._channel.sign_out(caller)
            except (PartnerDown, Unavailable) as error:
                self._channel.context.log.warning("sign-out.not-sent", reason=error.en)
                return
