"""Settling unknown outcomes: ask the partner, then reverse; what neither settles waits for a person."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.contract import (
    Log,
    Operation,
    PartnerDown,
    QueryOutcome,
    Resolver,
    ReverseOutcome,
    Unknown,
)
from gateway.engine.accept import milliseconds
from gateway.engine.lifecycle import IN_DOUBT, NotSent, Policy, Step, after_query, after_reverse
from gateway.engine.recorder import AnyOutcome, Recorder, Work, unrecorded
from gateway.store.api import DeliveryRow


@dataclass(frozen=True, slots=True)
class Resolving:
    """One partner as unknown outcomes are settled with it."""

    partner: str
    resolver: Resolver | None
    operations: dict[str, Operation]
    policy: Policy


class Mediator:
    """Settles the unknown outcomes of one partner, one step at a time."""

    def __init__(self, with_: Resolving, recorder: Recorder, log: Log) -> None:
        self._with = with_
        self._recorder = recorder
        self._log = log

    async def resolve(self, listed: DeliveryRow) -> None:
        """One try for one delivery that is in doubt, unless that has been settled since it was listed."""
        store = self._recorder.store
        delivery = await store.delivery(listed.id)
        row = await store.message(listed.message_id)
        if row is None or delivery is None or not self._due(delivery):
            return
        message = self._recorder.vault.open_message(row.body, row.id)
        if not delivery.prepared:
            await self._hand_over(Work(delivery, message, unrecorded(delivery)))
            return
        prepared = self._recorder.vault.open_prepared(delivery.prepared, delivery.id)
        tries = delivery.resolutions + 1
        began = self._recorder.clock.monotonic()
        try:
            outcome, step = await self._try(Work(delivery, message, prepared), tries)
        except PartnerDown as down:  # nobody was asked: an outage uses no tries up
            tries = delivery.resolutions
            delay = self._with.policy.resolve.delay(tries + 1, self._recorder.chance())
            reason = down.both
            outcome, step = NotSent(reason=reason), Step(after=IN_DOUBT, delay=delay, reason=reason)
        await self._recorder.end(
            Work(delivery, message, prepared), IN_DOUBT, outcome, step, self._log, resolutions=tries
        )
        self._recorder.observer.ended(
            self._with.partner, step.after, self._recorder.clock.monotonic() - began
        )

    def _due(self, delivery: DeliveryRow) -> bool:
        now = milliseconds(self._recorder.clock.now())
        return delivery.state == IN_DOUBT and delivery.next_at is not None and delivery.next_at <= now

    async def _hand_over(self, work: Work) -> None:
        """There is nothing to ask the partner about: this is not for a machine to settle."""
        reason = "没有留下所发内容，须由人决定 / what was sent is not on record: a person must decide"
        step = Step(after=IN_DOUBT, reason=reason)
        await self._recorder.end(work, IN_DOUBT, Unknown(reason=reason), step, self._log)

    async def _try(self, work: Work, tries: int) -> tuple[AnyOutcome, Step]:
        if self._with.resolver is None:
            nobody = "this adapter can neither query nor reverse: a person must decide"
            return Unknown(reason=nobody), Step(after=IN_DOUBT, reason=nobody)
        operation = self._with.operations[work.delivery.operation]
        standing = self._recorder.standing(operation, work.delivery, work.message, tries)
        found = await self._query(self._with.resolver, work)
        step = after_query(found, standing, self._with.policy)
        if step is not None:
            return found, step
        undone = await self._reverse(self._with.resolver, work)
        return undone, after_reverse(undone, standing, self._with.policy)

    async def _query(self, resolver: Resolver, work: Work) -> QueryOutcome:
        try:
            return await resolver.query(work.message, work.prepared)
        except PartnerDown:
            raise
        except Exception as error:
            self._log.error("query.broken", delivery=work.delivery.id, error=type(error).__name__)
            return Unknown(reason=f"查询出错 / query failed: {type(error).__name__}")

    async def _reverse(self, resolver: Resolver, work: Work) -> ReverseOutcome:
        try:
            return await resolver.reverse(work.message, work.prepared)
        except PartnerDown:
            raise
        except Exception as error:
            self._log.error("reverse.broken", delivery=work.delivery.id, error=type(error).__name__)
            return Unknown(reason=f"冲正出错 / reversal failed: {type(error).__name__}")
