"""The only place where things are constructed: from a configuration to a running gateway."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from gateway import __version__
from gateway.bus import Bus, BusDown, BusStatus, make_bus
from gateway.canonical import IdSource
from gateway.contract import Clock, Context, Log, Receiver, Resolver, Sender
from gateway.contract.randomness import RandomPool
from gateway.engine.accept import Acceptor, milliseconds
from gateway.engine.admin import Admin
from gateway.engine.assembly_house import House
from gateway.engine.auditing import AuditLog
from gateway.engine.clearance import Clearance
from gateway.engine.config import Configuration, Partner
from gateway.engine.config_seen import Seen
from gateway.engine.deliver import Courier, Receiving
from gateway.engine.gate import Gate
from gateway.engine.house import HouseTarget
from gateway.engine.inbox import PartnerInbox
from gateway.engine.journal import Journal
from gateway.engine.keeper import Keeper
from gateway.engine.keeping import Forgotten, Keeping
from gateway.engine.lifecycle import Backoff, Policy
from gateway.engine.observe.metrics import Metrics
from gateway.engine.order import Order
from gateway.engine.outbox import Outbox
from gateway.engine.proving import Proofs
from gateway.engine.recorder import Recorder
from gateway.engine.replies import Replies
from gateway.engine.resolve import Mediator, Resolving
from gateway.engine.routes import Router
from gateway.engine.vault import Vault
from gateway.engine.world import BlockSerials, StoredReplayGuard, SystemClock
from gateway.store import SqlStore, open_store
from gateway.store.api import Record
from gateway.store.chest import Chest
from gateway.store.keyring import SEALING, KeyRing
from gateway.transports.http.listeners import Listeners
from gateway.transports.sftp.server_listeners import SftpListeners
from scheduler import Duty

_LEASE_MS = 5_000
_RENEW = 1.5
_LOST_CHECK = 5.0
_COUNT = 5.0
_BOOKS = 2.0
_KEYS = 5.0
#: Seconds a shelf of the chest: all 256 of them within the hour.
_SHELF = 14.0


class Gateway:
    """A running gateway."""

    def __init__(self, configuration: Configuration, reactor: Any) -> None:
        self.configuration = configuration
        self.reactor = reactor
        self.clock: Clock = SystemClock()
        self.log: Log = structlog.get_logger("gateway").bind(node=configuration.gateway.node)
        self.random = RandomPool()
        self.ids = IdSource(lambda: time.time_ns() // 1_000_000, self.random)
        self.instance = f"{configuration.gateway.node}/{socket.gethostname()}/{os.getpid()}/{self.ids()[:13]}"
        self.store: SqlStore = open_store(configuration.gateway.store, reactor)
        self.bus: Bus = make_bus(configuration.gateway.bus, reactor)
        self.metrics = Metrics()
        self.listeners = Listeners(reactor)
        self.sftp = SftpListeners()
        self.couriers: dict[str, Courier] = {}
        self.mediators: dict[str, Mediator] = {}
        self.receivers: dict[str, Receiver] = {}
        self._duties: list[Duty] = []
        self._taking = False  #: all receivers are open
        self._closing: list[Callable[[], Awaitable[object]]] = []

    async def start(self) -> None:
        """Store first, listeners last: nothing is taken in before it can be kept."""
        configuration = self.configuration
        self.store.on_lost(self._store_lost)
        self.store.on_group = self.metrics.grouped
        await self.store.start()
        self._closing.append(self.store.stop)
        self.keyring = KeyRing.load_or_create(configuration.keyring_file)
        await self._renew()
        self.audit = AuditLog(configuration, self.store)
        await self.audit.start()
        self._closing.append(self.audit.stop)
        self._build_engine()
        for name, key in await self.store.ordered():
            self.order.remember(name, key)
        await self._start_bus()
        for partner in configuration.enabled:
            self._open(partner)
        for target in self.house.targets.values():
            self._open_house(target)
        await self.house.declare()
        for courier in self.couriers.values():
            await courier.start()
        await self._start_duties()
        await self._note("gateway.started", version=__version__, bus=type(self.bus).__name__)
        await self._note_configuration()
        for receiver in self.receivers.values():
            await receiver.start()
        self._taking = True
        self.log.info("gateway.started", version=__version__, instance=self.instance)

    async def stop(self) -> None:
        """Takes no more, finishes what is under way, signs what is written."""
        self._taking = False
        for receiver in self.receivers.values():
            await receiver.stop()
        self.house.stop()
        for courier in self.couriers.values():
            await courier.stop()
        for duty in self._duties:
            await duty.stop()
        await self._note("gateway.stopped")
        await self.audit.step()
        await self.admin.stop()
        await self.bus.stop()
        for name in (f"instance:{self.instance}", self._sealing):
            await self.store.release(name, self.instance)
        for close in reversed(self._closing):
            await close()
        self.log.info("gateway.stopped")

    def _build_engine(self) -> None:
        configuration, store = self.configuration, self.store
        self.vault = Vault(self.keyring, self.random)
        self.journal = Journal(configuration.gateway.node, self.ids, self.clock)
        self.outbox = Outbox(self.bus, self.log)
        self.replies = Replies(self.reactor)
        self.order = Order(exclusive=self.store.exclusive)
        self.keeping = Keeping(
            Chest(configuration.data_dir / "chest", self.keyring, self.random), self.ids, self.reactor
        )
        self.keeping.chest.tidy()
        self.house = House(self)
        operations = {p.name: p.operations for p in configuration.enabled}
        operations |= configuration.house
        feeds = {feed.target: feed.source for feed in configuration.gateway.feeds}
        self.router = Router(configuration.routes, operations, feeds)
        self.recorder = Recorder(
            store,
            self.vault,
            self.journal,
            self.outbox,
            self.replies,
            self.order,
            self.metrics,
            self.ids,
            self.clock,
            self.reactor,
        )
        self.acceptor = Acceptor(
            store=store,
            vault=self.vault,
            journal=self.journal,
            router=self.router,
            outbox=self.outbox,
            replies=self.replies,
            order=self.order,
            observer=self.metrics,
            keeping=self.keeping,
            proofs=Proofs(configuration.audit_folder, store, self.vault, self.keeping),
            ids=self.ids,
            clock=self.clock,
        )
        self.clearance = Clearance(self.acceptor, self.recorder, self.log)
        self.recorder.ended = self.clearance.ended
        self.forgotten = Forgotten(self.keeping, store, self.log)
        self.keeper = Keeper(
            store,
            self.bus,
            self.recorder,
            self.outbox,
            self.couriers,
            self.mediators,
            self.clearance,
            self._live,
            self.log,
        )

    async def _start_bus(self) -> None:
        try:
            await self.bus.start()
        except BusDown as error:  # it goes on trying; what is accepted meanwhile waits in the store
            self.log.error("bus.down", error=str(error))

    def _open(self, partner: Partner) -> None:
        """Gives one partner its parts."""
        log = self.log.bind(partner=partner.name)  # type: ignore[attr-defined]
        context = self._context(partner, log)
        adapter, settings = partner.adapter, partner.settings
        sender = adapter.sender(settings, context)
        if sender is not None:
            resolver = adapter.resolver(settings, context)
            self._deliver_to(partner, sender, resolver, partner.policy, log)
        receiver = adapter.receiver(settings, context)
        if receiver is not None:
            self.receivers[partner.name] = receiver

    def _open_house(self, target: HouseTarget) -> None:
        """The same for a part of the gateway."""
        engine = self.configuration.gateway.engine
        policy = Policy(retry=engine.retry.backoff(), resolve=engine.in_doubt.backoff())
        log = self.log.bind(partner=target.name)  # type: ignore[attr-defined]
        self._deliver_to(target, target.sender, target.resolver, policy, log)

    def _deliver_to(
        self,
        to: Partner | HouseTarget,
        sender: Sender,
        resolver: Resolver | None,
        policy: Policy,
        log: Log,
    ) -> None:
        """Whatever is owed to `to` is delivered, and its doubts are settled."""
        outbound = {o.name: o for o in to.operations if o.direction == "out"}
        receiving = Receiving(
            partner=to.name,
            queue=self.configuration.gateway.bus.queue_of(to.name),
            sender=sender,
            operations=outbound,
            policy=policy,
            concurrency=to.concurrency,
        )
        gate = Gate(self.reactor, Backoff(first=0.5, longest=15.0))
        self.couriers[to.name] = Courier(receiving, self.bus, self.recorder, gate, self.instance, log)
        self.mediators[to.name] = Mediator(Resolving(to.name, resolver, outbound, policy), self.recorder, log)

    def progress_of(self, target: str) -> Callable[[str, int, int], None]:
        """How far a long delivery has come, for people. The courier is made later than who tells it."""

        def progress(reference: str, done: int, total: int) -> None:
            self.couriers[target].progress(reference, done, total)

        return progress

    def _context(self, partner: Partner, log: Log) -> Context:
        state_dir = self.configuration.data_dir / "adapters" / partner.name
        return Context(
            partner=partner.name,
            region=partner.region,
            clock=self.clock,
            random=self.random,
            log=log,
            serials=BlockSerials(self.store, partner.name),
            inbox=PartnerInbox(partner.name, self.acceptor, log, self.clearance.begin),
            replay=StoredReplayGuard(self.store, partner.name, self.clock),
            listeners=self.listeners,
            sftp=self.sftp,
            reactor=self.reactor,
            state_dir=state_dir,
            progress=self.progress_of(partner.name),
            attachments=self.keeping.chest,
            mappings=self.configuration.gateway.mappings,
        )

    async def _start_duties(self) -> None:
        sweep = self.configuration.gateway.engine.sweep_interval
        checkpoint = self.configuration.gateway.audit.checkpoint_interval
        lost = self._duty("publish-lost", _LOST_CHECK, self.keeper.publish_lost)
        auditing = self._duty("audit", checkpoint, self.audit.step)
        self.admin = Admin(
            node=self.configuration.gateway.node,
            store=self.store,
            bus=self.bus,
            audit=self.audit,
            audit_duty=auditing,
            checkpoint_interval=checkpoint,
            couriers=self.couriers,
            taking=lambda: self._taking,
            metrics=self.metrics,
            reactor=self.reactor,
        )
        due = self._duty("take-up-due", sweep, self.keeper.take_up_due)

        def hurry(delay: float) -> None:
            if delay < sweep:
                self.reactor.callLater(delay, due.soon)

        self.recorder.hurry = hurry
        self._duties = [
            Duty("instance", _RENEW, self._renew, self.reactor, self.log),
            Duty("count", _COUNT, self.admin.count, self.reactor, self.log),
            Duty("keys", _KEYS, self._look_at_keys, self.reactor, self.log),
            auditing,
            due,
            self._duty("find-abandoned", max(sweep, 1.0), self.keeper.find_abandoned),
            lost,
            self._duty("forgotten-attachments", _SHELF, self.forgotten.look),
        ]
        self._duties += [self._duty(desk.target.name, _BOOKS, desk.look_after) for desk in self.house.desks]
        for duty in self._duties:
            duty.start()

        def bus_changed(status: BusStatus) -> None:
            if status.usable:
                lost.soon()

        self.bus.on_status(bus_changed)
        await self.admin.start(self.listeners, self.configuration.gateway.admin.listen)

    def _duty(self, name: str, interval: float, work: Callable[[], Awaitable[object]]) -> Duty:
        return Duty(name, interval, work, self.reactor, self.log, self._lease)

    async def _lease(self, name: str) -> bool:
        if self.store.exclusive:
            return True
        return await self.store.lease(f"duty:{name}", self.instance, self._now(), _LEASE_MS * 3)

    async def _renew(self) -> None:
        """Says that this process is alive, and which key it seals with."""
        now = self._now()
        await self.store.lease(f"instance:{self.instance}", self.instance, now, _LEASE_MS)
        await self.store.lease(self._sealing, self.instance, now, _LEASE_MS)

    async def _look_at_keys(self) -> None:
        """Takes over a rotation of the key ring, which a person makes beside this process."""
        if self.keyring.refresh():
            self.log.info("keys.changed", current=self.keyring.current)

    @property
    def _sealing(self) -> str:
        return f"{SEALING}{self.keyring.current}:{self.instance}"

    async def _live(self) -> list[str]:
        """The processes whose attempts are still theirs."""
        if self.store.exclusive:
            return [self.instance]
        return [*await self.store.live_owners("instance:", self._now()), self.instance]

    async def _note_configuration(self) -> None:
        """On record where it is not what it was at the last start."""
        seen = Seen(self.configuration)
        news = seen.news()
        if news is not None:
            await self._note("config.changed", **news)
            seen.remember()

    async def _note(self, event: str, **detail: str | int) -> None:
        entry = self.journal.entry(event, detail={"instance": self.instance, **detail})
        await self.store.commit(Record((entry,)))

    def _store_lost(self) -> None:
        """Nobody knows what was committed last: end as by a crash, and find out at the next start."""
        self.log.error("store.lost", next="the gateway ends; start it again")
        os._exit(70)

    def _now(self) -> int:
        return milliseconds(self.clock.now())
