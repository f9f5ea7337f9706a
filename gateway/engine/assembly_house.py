"""The house's part of `assembly`: the parts of one gateway that take messages, constructed from its configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.engine.feed import Feed
from gateway.engine.feed_seal import FeedKey
from gateway.engine.house import LEVIES, PAYMENTS, HouseTarget

if TYPE_CHECKING:
    from gateway.engine.assembly import Gateway
    from gateway.engine.config_feeds import FeedSettings
    from gateway.engine.desks import AtWork, HouseDesk
    from gateway.levies.settings import LeviesSettings
    from gateway.payments.settings import PaymentsSettings


class House:
    """What stands in routes' `to:` and is no partner. Made before the acceptor: routing must know what each takes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._feeds: list[Feed] = []
        self.desks: list[HouseDesk] = []
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
            self.desks.append(self._payments(configuration.payments))
        if configuration.levies is not None:
            self.desks.append(self._levies(configuration.levies))
        for desk in self.desks:
            yield desk.target
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

    # The books are imported only here: a gateway without them need not hold their code.

    def _payments(self, settings: PaymentsSettings) -> HouseDesk:
        from gateway.engine.desks import HouseDesk  # noqa: PLC0415
        from gateway.payments.desk import Desk  # noqa: PLC0415
        from gateway.payments.duty import look_after  # noqa: PLC0415
        from gateway.payments.parts import Parts  # noqa: PLC0415
        from gateway.payments.seals import Seals  # noqa: PLC0415

        gateway = self._gateway
        at_work = self._at_work(PAYMENTS)
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
            log=at_work.log,
            progress=gateway.progress_of(PAYMENTS),
        )
        desk = Desk(parts)
        target = HouseTarget(name=PAYMENTS, operations=desk.operations, sender=desk, stop=desk.stop)
        return HouseDesk(target, lambda: look_after(parts))

    def _levies(self, settings: LeviesSettings) -> HouseDesk:
        from gateway.engine.desks import HouseDesk  # noqa: PLC0415
        from gateway.levies.codes import Codes  # noqa: PLC0415
        from gateway.levies.desk import Desk  # noqa: PLC0415
        from gateway.levies.duty import look_after  # noqa: PLC0415
        from gateway.levies.parts import Parts  # noqa: PLC0415
        from gateway.levies.seals import Seals  # noqa: PLC0415

        gateway = self._gateway
        at_work = self._at_work(LEVIES)
        parts = Parts(
            store=gateway.store,
            seals=Seals.load(gateway.keyring, gateway.configuration.levy_tag_file),
            codes=Codes(gateway.configuration.gateway.mappings),
            settings=settings,
            attachments=gateway.keeping.chest,
            journal=gateway.journal,
            dispatch=at_work.dispatch,
            send=at_work.send,
            open_message=gateway.vault.open_message,
            took_effect=at_work.took_effect,
            had_no_effect=at_work.had_no_effect,
            keep=lambda rows: gateway.keeping.keep(Path(os.devnull), None, None, rows),
            ids=gateway.ids,
            clock=gateway.clock,
            log=at_work.log,
            progress=gateway.progress_of(LEVIES),
        )
        desk = Desk(parts)
        target = HouseTarget(name=LEVIES, operations=desk.operations, sender=desk, stop=desk.stop)
        return HouseDesk(target, lambda: look_after(parts))

    def _at_work(self, name: str) -> AtWork:
        from gateway.engine.desks import AtWork  # noqa: PLC0415

        gateway = self._gateway
        log = gateway.log.bind(partner=name)  # type: ignore[attr-defined]
        return AtWork(lambda: gateway.acceptor, lambda: gateway.recorder, log)


def _in_the_clear(_message_id: str, content: bytes) -> bytes:
    return content
