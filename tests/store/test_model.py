"""The store against a model in memory: any sequence of groups of units gives the same results and rows.

Each step hands in several units at once, so that they share a group; the model takes them one after the other.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace
from twisted.internet.defer import gatherResults

from gateway.store import SqlStore
from gateway.store.api import Accept, Advance, DeliveryRow, Existing, MessageRow
from gateway.store.session import Remember
from gateway.store.states import UNFINISHED
from tests.store.samples import audit, delivery, message, new_id
from tests.twisted_runner import run

STATES = ("pending", "sending", "waiting", "in-doubt", "accepted", "rejected", "dead")
TABLES = ("messages", "deliveries", "prepared", "delivery_counts", "audit", "audit_index", "tokens")


class Model:
    """What the store promises, in the plainest words."""

    def __init__(self) -> None:
        self.messages: dict[str, MessageRow] = {}
        self.deliveries: dict[str, DeliveryRow] = {}
        self.audit: list[str] = []
        self.tokens: set[tuple[str, str]] = set()

    def apply(self, unit: Any) -> Any:
        if isinstance(unit, Accept):
            return self._accept(unit)
        if isinstance(unit, Advance):
            return self._advance(unit)
        new = (unit.scope, unit.token) not in self.tokens
        self.tokens.add((unit.scope, unit.token))
        return new

    def _accept(self, unit: Accept) -> Existing | None:
        row = unit.message
        for other in self.messages.values():
            if (
                row.partner_message_id is not None
                and other.direction != "reply"
                and (other.partner, other.partner_message_id) == (row.partner, row.partner_message_id)
            ):
                return Existing(other.id, other.idempotency)
        self.messages[row.id] = row
        self.deliveries.update({owed.id: owed for owed in unit.deliveries})
        self.audit += [entry.id for entry in unit.audit]
        return None

    def _advance(self, unit: Advance) -> bool:
        row = self.deliveries.get(unit.delivery_id)
        if row is None or row.state != unit.before or (unit.in_order and self._overtakes(row)):
            return False
        cleared = unit.prepared == b""
        self.deliveries[row.id] = replace(
            row,
            state=unit.after,
            updated=unit.at,
            attempts=row.attempts + unit.attempts,
            resolutions=row.resolutions if unit.resolutions is None else unit.resolutions,
            next_at=unit.next_at,
            reason=unit.reason,
            owner=unit.owner,
            prepared=None if cleared else row.prepared if unit.prepared is None else unit.prepared,
            reference=unit.reference or (None if cleared else row.reference),
            reply_id=row.reply_id if unit.reply is None else unit.reply.id,
        )
        if unit.reply is not None:
            self.messages[unit.reply.id] = unit.reply
        self.audit += [entry.id for entry in unit.audit]
        return True

    def _overtakes(self, row: DeliveryRow) -> bool:
        return row.ordering_key is not None and any(
            other.id < row.id
            and other.state in UNFINISHED
            and (other.partner, other.ordering_key) == (row.partner, row.ordering_key)
            for other in self.deliveries.values()
        )


small = st.integers(0, 3)
accepts = st.builds(
    lambda number, keys: ("accept", number, keys),
    small,
    st.lists(st.sampled_from(["k", "l", None]), max_size=3),
)
advances = st.builds(
    lambda *parts: ("advance", *parts),
    st.integers(0, 30),
    st.sampled_from([None, *STATES]),
    st.sampled_from(STATES),
    st.booleans(),
    st.sampled_from([None, b"", b"blob"]),
    st.sampled_from([None, "ref"]),
    st.booleans(),
)
tokens = st.builds(lambda number: ("token", number), small)
groups = st.lists(accepts | advances | tokens, min_size=1, max_size=12)


class Comparison(RuleBasedStateMachine):
    store: SqlStore

    @initialize()
    def empty(self) -> None:
        self.model = Model()
        run(self.store.work(lambda session: [session.run(f"DELETE FROM {table}") for table in TABLES]))
        if not self.store.exclusive:
            run(self.store.work(lambda session: session.run("DELETE FROM audit_queue")))

    @rule(group=groups)
    def group(self, group: list[tuple[Any, ...]]) -> None:
        known = list(self.model.deliveries)
        units: list[Any] = []
        expected = []
        for kind, *parts in group:
            unit = getattr(self, f"_{kind}")(known, *parts)
            units.append(unit)
            if isinstance(unit, Accept):
                known += [owed.id for owed in unit.deliveries]
            expected.append(self.model.apply(unit))
        assert run(gatherResults([self._hand_in(unit) for unit in units])) == expected

    def _hand_in(self, unit: Any) -> Any:
        if isinstance(unit, Remember):
            return self.store.remember(unit.scope, unit.token, unit.expires, unit.now)
        return self.store.commit(unit)

    def _accept(self, known: list[str], number: int, keys: list[str | None]) -> Accept:
        row = message(
            partner_message_id=f"P{number}" if number else None, idempotency=bytes([len(known) % 256])
        )
        owed = tuple(delivery(row.id, ordering_key=key) for key in keys)
        return Accept(row, owed, (audit(row.id),))

    def _advance(
        self,
        known: list[str],
        which: int,
        before: str | None,
        after: str,
        in_order: bool,
        prepared: bytes | None,
        reference: str | None,
        answered: bool,
    ) -> Advance:
        id_ = known[which % len(known)] if known else "nothing yet"
        now = self.model.deliveries.get(id_)
        return Advance(
            delivery_id=id_,
            before=before or (now.state if now is not None else "pending"),
            after=after,
            at=which,
            attempts=which % 2,
            resolutions=which if which % 3 else None,
            next_at=which if which % 5 else None,
            reason=reference,
            prepared=prepared,
            reference=reference,
            reply=message(direction="reply", partner_message_id="P1") if answered else None,
            audit=(audit(id_),),
            in_order=in_order,
        )

    def _token(self, known: list[str], number: int) -> Remember:
        return Remember("s", str(number), 1_000, 0)

    @invariant()
    def same_rows(self) -> None:
        if not hasattr(self, "model"):
            return
        for row in self.model.messages.values():
            assert run(self.store.message(row.id)) == row
        for owed in self.model.deliveries.values():
            assert run(self.store.delivery(owed.id)) == owed
        counts = Counter((row.partner, row.state) for row in self.model.deliveries.values())
        assert run(self.store.counts()) == counts

    def teardown(self) -> None:
        source = self.store.audit_source()
        assert [id_ for id_, _ in source.unsequenced(10_000)] == self.model.audit
        source.close()


def test_the_store_keeps_its_promises(store: SqlStore) -> None:
    machine = type("Machine", (Comparison,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_ids_of_samples_rise() -> None:
    assert new_id() < new_id()
