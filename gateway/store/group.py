"""Applies a group of units inside one transaction, as if one after the other.

Guards are decided here, in order, on states that were read under lock, and followed through the group; then
everything that holds is written kind by kind, so that a group of a hundred units takes about ten statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from gateway.store.api import Accept, Advance, AuditRow, DeliveryRow, Existing, MessageRow, Record
from gateway.store.errors import Moved
from gateway.store.session import Remember, State, Unit, Work, WriteSession
from gateway.store.states import UNFINISHED, UNFINISHED_SQL

EXISTING = """SELECT id, idempotency FROM messages WHERE partner_message_id = ? AND partner = ?
    AND (CASE direction WHEN 'reply' THEN id ELSE '' END) = ''"""
OLDER = f"""SELECT id FROM deliveries WHERE partner = ? AND ordering_key = ? AND state IN ({UNFINISHED_SQL})
    AND id < ? ORDER BY id LIMIT ?"""  # noqa: S608 (constants)


def apply(session: WriteSession, units: Sequence[Unit]) -> list[Any]:
    """Runs all units; the results are those of `Store.commit`, in order."""
    results: list[Any] = []
    for part in _parts(units):
        if isinstance(part, Work):
            results.append(part.do(session, *part.arguments))
        else:
            results.extend(_Group(session, part).run())
    return results


def _parts(units: Sequence[Unit]) -> list[list[Unit] | Work]:
    """`Work` may read and write anything: what came before must be in the database when it runs."""
    parts: list[list[Unit] | Work] = []
    for unit in units:
        if isinstance(unit, Work):
            parts.append(unit)
        elif parts and isinstance(parts[-1], list):
            parts[-1].append(unit)
        else:
            parts.append([unit])
    return parts


class _Group:
    def __init__(self, session: WriteSession, units: Sequence[Unit]) -> None:
        self._session = session
        self._units = units
        self._accepts = [unit for unit in units if type(unit) is Accept]
        self._new: set[str] = set()
        self._tokens: set[tuple[str, str]] = set()
        self._states: dict[str, State] = {}
        self._deliveries: list[DeliveryRow] = []
        self._replies: list[MessageRow] = []
        self._audit: list[AuditRow] = []
        self._rounds: list[dict[str, Advance]] = []
        self._changes: Counter[tuple[str, str]] = Counter()

    def run(self) -> list[Any]:
        self._look()
        decide: dict[type, Callable[[Any], Any]] = {
            Accept: self._accept,
            Advance: self._advance,
            Record: self._record,
            Remember: self._remember,
        }
        results = [decide[type(unit)](unit) for unit in self._units]
        self._write()
        return results

    def _look(self) -> None:
        if self._accepts:
            self._new = self._session.accept_messages([unit.message for unit in self._accepts])
        wanted = {unit.delivery_id for unit in self._units if type(unit) is Advance}
        if wanted:
            self._states = self._session.states(wanted)
        tokens = {(unit.scope, unit.token): unit for unit in reversed(self._units) if type(unit) is Remember}
        if tokens:
            self._tokens = self._session.remember(list(tokens.values()))

    def _accept(self, unit: Accept) -> Existing | None:
        if unit.message.id not in self._new:
            return self._existing(unit.message)
        for row in unit.deliveries:
            self._states[row.id] = State(row.state, row.partner, row.ordering_key)
            self._changes[row.partner, row.state] += 1
        self._deliveries += unit.deliveries
        self._audit += unit.audit
        return None

    def _existing(self, row: MessageRow) -> Existing:
        [(found, idempotency)] = self._session.rows(EXISTING, (row.partner_message_id, row.partner))
        return Existing(found, bytes(idempotency))

    def _advance(self, unit: Advance) -> bool:
        now = self._states.get(unit.delivery_id)
        if now is None or now.state != unit.before:
            return False
        if unit.in_order and now.ordering_key is not None and self._overtakes(unit.delivery_id, now):
            return False
        self._states[unit.delivery_id] = now._replace(state=unit.after)
        if unit.after != unit.before:
            self._changes[now.partner, unit.before] -= 1
            self._changes[now.partner, unit.after] += 1
        self._later(unit)
        if unit.reply is not None:
            self._replies.append(unit.reply)
        self._audit += unit.audit
        return True

    def _overtakes(self, delivery_id: str, now: State) -> bool:
        """Whether something older is unfinished: in the database as this group has left it so far."""
        limit = len(self._units) + 1  # the group cannot have finished more than it has units
        stored = self._session.rows(OLDER, (now.partner, now.ordering_key, delivery_id, limit))
        if any(older not in self._states for (older,) in stored):
            return True
        return any(
            older < delivery_id and it.state in UNFINISHED and it[1:] == now[1:]
            for older, it in self._states.items()
        )

    def _later(self, unit: Advance) -> None:
        """A second step of the same delivery goes into a second statement."""
        for step in self._rounds:
            if unit.delivery_id not in step:
                step[unit.delivery_id] = unit
                return
        self._rounds.append({unit.delivery_id: unit})

    def _record(self, unit: Record) -> None:
        self._audit += unit.audit

    def _remember(self, unit: Remember) -> bool:
        key = (unit.scope, unit.token)
        if key not in self._tokens:
            return False
        self._tokens.remove(key)  # a second one in the same group comes too late
        return True

    def _write(self) -> None:
        session = self._session
        if self._deliveries:
            session.add_deliveries(self._deliveries)
        if self._replies:
            session.add_messages(self._replies)
        for step in self._rounds:
            session.advance(list(step.values()))
        if self._audit:
            session.add_audit(self._audit)
        changes = {key: n for key, n in self._changes.items() if n}
        if changes:
            session.count(changes)


def accept_new(session: WriteSession, message: Accept) -> None:
    """A message as a part of a larger change.

    Raises:
        Moved: a message with that number was accepted before.
    """
    if apply(session, [message]) != [None]:
        raise Moved
