"""The house's part of `assembly`: the parts of one gateway that take messages, constructed from its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.engine.feed import Feed
from gateway.engine.feed_seal import FeedKey
from gateway.engine.house import PAYMENTS, HouseTarget

if TYPE_CHECKING:
    from gateway.engine.assembly import Gateway
    from gateway.engine.config_feeds import FeedSettings
    from gateway.engine.payments import PaymentsDesk
    from gateway.payments.settings import PaymentsSettings


class House:
    """What stands in routes' `to:` and is no partner. Made before the acceptor: routing must know what each takes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._feeds: list[Feed] = []
        self.desk: PaymentsDesk | None = None
        self.targets: dict[str, HouseTarget] = {target.name: target for target in self._made()}

    async def declare(self) -> None:
        """The queues of consumers, beside those of the targets themselves."""
        for feed in self._feeds:
            await feed.declare()

    def stop(self) -> None:
        """Ends what is under way soon; it goes on after the next start."""
        for target in self.targets.values():
            target.stop()

    def _made(self) -> Iterator[HouseTarget]:
        configuration = self._gateway.configuration
        if configuration.payments is not None:
            self.desk = self._payments(configuration.payments)
            yield self.desk.target
        for settings in configuration.gateway.feeds:
            yield self._feed(settings)

    def _feed(self, settings: FeedSettings) -> HouseTarget:
        gateway = self._gateway
        of = settings.of(gateway.configuration.gateway.bus)
        seal = _in_the_clear if settings.key_file is None else FeedKey.load(settings.key_file).close
        progress = gateway.progress_of(of.target)
        feed = Feed(of, gateway.bus, gateway.store, gateway.keeping.chest, seal, progress, gateway.reactor)
        self._feeds.append(feed)
        return HouseTarget(
            name=of.target,
            operations=of.operations(),
            sender=feed,
            concurrency=settings.in_flight,
            stop=feed.stop,
        )

    def _payments(self, settings: PaymentsSettings) -> PaymentsDesk:
        # Imported only here: a gateway without payments need not hold their code.
        from gateway.engine.payments import AtWork, payments_desk  # noqa: PLC0415
        from gateway.payments.parts import Parts  # noqa: PLC0415
        from gateway.payments.seals import Seals  # noqa: PLC0415

        gateway = self._gateway
        log = gateway.log.bind(partner=PAYMENTS)  # type: ignore[attr-defined]
        at_work = AtWork(lambda: gateway.acceptor, lambda: gateway.recorder, log)
        parts = Parts(
            store=gateway.store,
            seals=Seals.load(gateway.keyring, gateway.configuration.tag_file),
            settings=settings,
            attachments=gateway.keeping.chest,
            journal=gateway.journal,
            dispatch=at_work.dispatch,
            open_message=gateway.vault.open_message,
            took_effect=at_work.took_effect,
            ids=gateway.ids,
            clock=gateway.clock,
            log=log,
            progress=gateway.progress_of(PAYMENTS),
        )
        return payments_desk(parts)


def _in_the_clear(_message_id: str, content: bytes) -> bytes:
    return content
