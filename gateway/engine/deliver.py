"""Delivering to one partner: take from its queue, record the attempt, make it, record what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gateway.bus.contract import Bus, Consumer, Delivered
from gateway.canonical import Message
from gateway.contract import (
    Log,
    Operation,
    Outcome,
    PartnerDown,
    Prepared,
    Reject,
    Rejected,
    RetryLater,
    Sender,
    Unknown,
)
from gateway.engine.accept import milliseconds, style_of
from gateway.engine.gate import Gate
from gateway.engine.lifecycle import (
    NOT_WAITED_FOR,
    PENDING,
    REJECTED,
    SENDING,
    NotSent,
    Policy,
    Step,
    after_attempt,
    gives_up,
)
from gateway.engine.outbox import binding_of
from gateway.engine.recorder import Recorder, Work
from gateway.store.api import Advance, DeliveryRow

#: Seconds between two commits of an attempt's progress.
_PROGRESS = 1.0


@dataclass(frozen=True, slots=True)
class Receiving:
    """One partner as the engine delivers to it."""

    partner: str
    queue: str  #: on the bus
    sender: Sender
    operations: dict[str, Operation]
    policy: Policy
    concurrency: int


class Courier:
    """Delivers everything owed to one partner."""

    def __init__(
        self, to: Receiving, bus: Bus, recorder: Recorder, gate: Gate, instance: str, log: Log
    ) -> None:
        self.partner = to.partner
        self.to = to
        self.gate = gate
        self.in_flight: dict[str, None] = {}
        self._bus = bus
        self._recorder = recorder
        self._instance = instance
        self._log = log
        self._sending: dict[str, DeliveryRow] = {}  #: by reference
        self._told: dict[str, float] = {}  #: reference → when its progress was last committed
        self._consumer: Consumer | None = None
        self._idle: list[Deferred[None]] = []

    async def start(self) -> None:
        """Declares the partner's queue and begins to take from it."""
        await self.declare()
        self._consumer = await self._bus.consume(self.to.queue, self._take, self.to.concurrency)

    async def declare(self) -> None:
        """The partner's queue, bound to what is meant for it."""
        await self._bus.declare(self.to.queue, [binding_of(self.partner)])

    async def stop(self) -> None:
        """Takes no more, and waits for what is under way; its outcomes are recorded."""
        if self._consumer is not None:
            await self._consumer.cancel()
        if self.gate.open and self.in_flight:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            await idle

    def _take(self, delivered: Delivered) -> None:
        """The bus hands over one delivery; it is acknowledged when the store knows the outcome."""
        delivery_id = delivered.message_id
        if delivery_id in self.in_flight:
            delivered.ack()  # published twice; the first copy is being worked on
            return
        self.in_flight[delivery_id] = None
        done = Deferred.fromCoroutine(self._deliver(delivered))
        done.addErrback(self._broken, delivery_id)
        done.addBoth(self._finish, delivered)

    def _broken(self, failure: Failure, delivery_id: str) -> None:
        """A defect of ours: the store decides what is owed, the keeper takes it up again."""
        self._log.error(
            "delivery.broken",
            delivery=delivery_id,
            error=type(failure.value).__name__,
            traceback=failure.getTraceback(),
        )

    def _finish(self, _: object, delivered: Delivered) -> None:
        del self.in_flight[delivered.message_id]
        delivered.ack()
        if not self.in_flight:
            idle, self._idle = self._idle, []
            for waiter in idle:
                waiter.callback(None)

    async def _deliver(self, delivered: Delivered) -> None:
        if self.gate.open:
            await self._work_on(delivered)
            return
        probe = await self.gate.enter()
        try:
            await self._work_on(delivered)
        finally:
            if probe:
                self.gate.left()

    async def _work_on(self, delivered: Delivered) -> None:
        message_id = delivered.headers["message"]
        if delivered.headers["fresh"] == "1" and not delivered.redelivered:
            message = self._recorder.vault.open_message(delivered.body, message_id)
            delivery = self._fresh(delivered, message)
        else:
            stored = await self._recorder.store.delivery(delivered.message_id)
            if stored is None or stored.state != PENDING:
                return
            delivery, message = stored, self._recorder.vault.open_message(delivered.body, message_id)
        await self._attempt(delivery, message)

    def _fresh(self, delivered: Delivered, message: Message) -> DeliveryRow:
        """A first delivery as the store has it: nothing of it needs to be read. If that is not so any more,
        the claim fails and nothing happens."""
        operation = self._operation(message.type)
        now = milliseconds(message.time)
        return DeliveryRow(
            id=delivered.message_id,
            message_id=message.id,
            partner=self.partner,
            operation=operation.name,
            style=style_of(message, operation),
            state=PENDING,
            routing_key=delivered.routing_key,
            ordering_key=message.ordering_key,
            created=now,
            updated=now,
        )

    def _operation(self, message_type: str) -> Operation:
        return next(o for o in self.to.operations.values() if o.request == message_type)

    async def _attempt(self, delivery: DeliveryRow, message: Message) -> None:
        recorder = self._recorder
        began = recorder.clock.monotonic()
        operation = self.to.operations[delivery.operation]
        if gives_up(operation, delivery.attempts, recorder.unwanted(delivery, message)):
            await self._end_unsent(delivery, message)
            return
        try:
            prepared = await self._prepared(delivery, message)
        except Reject as refusal:
            rejected = Rejected(code=refusal.code, reason=refusal.zh, field=refusal.field or None)
            await self._end_unsent(delivery, message, rejected)
            return
        claimed = await self._claim(delivery, message, prepared)
        if claimed is None:
            return
        outcome = await self._send(claimed, message, prepared)
        step = after_attempt(outcome, recorder.standing(operation, claimed, message), self.to.policy)
        await recorder.end(Work(claimed, message, prepared), SENDING, outcome, step, self._log)
        recorder.observer.ended(self.partner, step.after, recorder.clock.monotonic() - began)

    async def _prepared(self, delivery: DeliveryRow, message: Message) -> Prepared:
        """The exchange of the first attempt, used again by every later one."""
        if delivery.prepared:
            return self._recorder.vault.open_prepared(delivery.prepared, delivery.id)
        return await self.to.sender.prepare(message)

    async def _claim(self, delivery: DeliveryRow, message: Message, prepared: Prepared) -> DeliveryRow | None:
        """Records the attempt before it is made. None: somebody else has it, it is over, or not its turn."""
        recorder = self._recorder
        # A later attempt sends what the first one sealed, and the log knows that by the first one's digest.
        sealed = None if delivery.prepared else recorder.vault.seal_prepared(prepared, delivery.id)
        entry = recorder.journal.entry(
            "delivery.sending",
            message=message.id,
            delivery=delivery.id,
            partner=self.partner,
            message_type=message.type,
            digest=None if sealed is None else sealed.digest,
            detail={"attempt": delivery.attempts + 1, "reference": prepared.reference},
        )
        unit = Advance(
            delivery_id=delivery.id,
            before=PENDING,
            after=SENDING,
            at=milliseconds(recorder.clock.now()),
            attempts=1,
            owner=self._instance,
            prepared=None if sealed is None else sealed.blob,
            reference=prepared.reference,
            audit=(entry,),
            in_order=recorder.order.matters(self.partner, delivery.ordering_key),
        )
        if not await recorder.persist(unit, self._log):
            return None
        recorder.observer.attempted(self.partner)
        return msgspec.structs.replace(
            delivery, state=SENDING, attempts=delivery.attempts + 1, reference=prepared.reference
        )

    def progress(self, reference: str, done: int, total: int) -> None:
        """How far an attempt under way has come; committed about once a second."""
        delivery, now = self._sending.get(reference), self._recorder.clock.monotonic()
        if delivery is None or (done < total and now - self._told.get(reference, 0.0) < _PROGRESS):
            return
        self._told[reference] = now
        unit = Advance(
            delivery_id=delivery.id,
            before=SENDING,
            after=SENDING,
            at=milliseconds(self._recorder.clock.now()),
            owner=self._instance,
            reason=f"{done} of {total}",
        )
        # Only for people: where the store is away, the next one will do.
        self._recorder.store.commit(unit).addErrback(lambda _: None)

    async def _send(self, delivery: DeliveryRow, message: Message, prepared: Prepared) -> Outcome | NotSent:
        self._sending[prepared.reference] = delivery
        try:
            outcome = await self.to.sender.send(message, prepared)
        except PartnerDown as down:
            self.gate.down()
            return NotSent(reason=down.both)
        except Exception as error:  # whatever went wrong, something may have been sent
            self._log.error("send.broken", delivery=delivery.id, error=type(error).__name__)
            return Unknown(reason=f"适配器出错 / adapter failed: {type(error).__name__}")
        finally:
            self._sending.pop(prepared.reference, None)
            self._told.pop(prepared.reference, None)
        self.gate.reached()
        return outcome

    async def _end_unsent(
        self, delivery: DeliveryRow, message: Message, rejected: Rejected | None = None
    ) -> None:
        """Ends a delivery without an attempt: it is too late for it, or it cannot be said to this partner."""
        reason = NOT_WAITED_FOR if rejected is None else f"无法发送 / cannot be sent: {rejected.code}"
        step = Step(
            after=REJECTED, reason=reason, refusal="not-delivered" if rejected is None else "rejected"
        )
        outcome = rejected if rejected is not None else RetryLater(reason=reason)
        none = Prepared(operation=delivery.operation, reference="", content=b"")
        await self._recorder.end(Work(delivery, message, none), PENDING, outcome, step, self._log)
