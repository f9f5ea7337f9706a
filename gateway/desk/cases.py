"""What a person may do with a delivery that the gateway does not finish by itself.

    dead     ── replay ─────────► pending   (the running gateway finds it owed and publishes it)
    dead     ── no effect ──────► rejected
    held     ── let go ─────────► pending   (although the check before it did not clear it)
    held     ── no effect ──────► rejected
    in-doubt ── ask again ──────► in-doubt  (due now, with all its tries)
    in-doubt ── took effect ────► accepted
    in-doubt ── no effect ──────► rejected

An end is refused while the gateway itself still asks or reverses: its reversal and the person's word could
otherwise both come true.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.contract import Operation
from gateway.desk.record import journal_of
from gateway.desk.refused import Changed, NeedsConfirmation, NotPossible, SeveralDeliveries
from gateway.desk.words import moment, state
from gateway.engine.config import Configuration
from gateway.engine.lifecycle import ACCEPTED, DEAD, HELD, IN_DOUBT, PENDING, REJECTED, gives_up
from gateway.store import open_clerk
from gateway.store.api import Advance, DeliveryRow, MessageRow
from gateway.store.reader import Reader

#: A next time that is so long past is nobody's: one query with its reversal ends far sooner.
_FORGOTTEN_MS: Final = 15 * 60_000


class Choice(StrEnum):
    """What a person decides about a delivery."""

    REPLAY = "replay"
    ASK_AGAIN = "ask-again"
    LET_GO = "let-go"
    TOOK_EFFECT = "took-effect"
    NO_EFFECT = "no-effect"


class Need(StrEnum):
    """What a delivery waits for."""

    PARTNER = "partner"  #: it is disabled, or has no such operation any more
    CAUSE = "cause"  #: why it failed is to be removed
    FINDING = "finding"  #: what the check asked is to be found out
    GATEWAY = "gateway"  #: it goes on by itself
    WORD = "word"  #: only the partner can say what became of it


#: (choice, state) → the state it leads to; whatever is not here is not possible.
_LEADS: Final = {
    (Choice.REPLAY, DEAD): PENDING,
    (Choice.ASK_AGAIN, IN_DOUBT): IN_DOUBT,
    (Choice.TOOK_EFFECT, IN_DOUBT): ACCEPTED,
    (Choice.NO_EFFECT, IN_DOUBT): REJECTED,
    (Choice.NO_EFFECT, DEAD): REJECTED,
    (Choice.LET_GO, HELD): PENDING,
    (Choice.NO_EFFECT, HELD): REJECTED,
}

_WARNINGS: Final = {
    Choice.REPLAY: (
        "重放将再次向对方提交。若提交方已换新报文标识重新提交，会重复结算",
        "a replay submits it again: where the sender has sent it again under a new id, it would count twice",
    ),
    Choice.ASK_AGAIN: (
        "再次查询后网关可能冲正，冲正后可能重新提交。若已线下处理，或提交方已另行重新提交，会与之矛盾",
        "asking again may end in a reversal, and in sending it anew: wrong where it was settled by hand, or sent again",
    ),
    Choice.LET_GO: (
        "前置核验未放行。须已另行核实，责任由经办人承担",
        "the check before it did not clear it: only after it was established otherwise, on your responsibility",
    ),
    Choice.TOOK_EFFECT: (
        "须已与对方对账，确认该笔已记账。此后网关不再查询或冲正",
        "only after reconciliation showed that the partner has it; the gateway will neither ask nor reverse any more",
    ),
    Choice.NO_EFFECT: (
        "须已与对方对账，确认该笔未记账。若实际已记账，资金将不一致",
        "only after reconciliation showed that the partner does not have it; otherwise the books will differ",
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """The delivery in question, with its message, as it was read."""

    delivery: DeliveryRow
    message: MessageRow
    operation: Operation | None  #: None where the configuration does not know the partner or operation
    enabled: bool  #: the gateway can work on it

    @property
    def moves_money(self) -> bool:
        """What is not known is taken to."""
        return self.operation is None or self.operation.moves_money

    @property
    def too_late(self) -> bool:
        """Nobody waits for the reply any more: the gateway will end it instead of sending it."""
        waited_for = self.delivery.style == "request-reply" and self.message.deadline is not None
        expired = waited_for and (self.message.deadline or 0) <= _now()
        return self.operation is not None and gives_up(self.operation, self.delivery.attempts, expired)

    @property
    def need(self) -> Need:
        """What it waits for; told of a delivery that is dead, held or in doubt."""
        if not self.enabled:
            return Need.PARTNER
        if self.delivery.state == DEAD:
            return Need.CAUSE
        if self.delivery.state == HELD:
            return Need.FINDING
        return Need.WORD if self.delivery.next_at is None else Need.GATEWAY


def find_case(
    configuration: Configuration, reader: Reader, message_id: str, partner: str | None, choice: Choice
) -> Case:
    """The delivery of the message that can be meant.

    Raises:
        NotPossible: there is none, or more than one (`SeveralDeliveries`).
    """
    message = reader.message(message_id)
    assert message is not None
    owed = [d for d in reader.deliveries_of(message_id) if partner in (None, d.partner)]
    fitting = [d for d in owed if (choice, d.state) in _LEADS]
    standing = "、".join(f"{d.partner}: {state(d.state)}" for d in owed) or "—"
    if not fitting:
        raise _unfit(choice, standing)
    if len(fitting) > 1:
        raise SeveralDeliveries(standing)
    return case_of(configuration, fitting[0], message)


def case_of(configuration: Configuration, delivery: DeliveryRow, message: MessageRow) -> Case:
    """The delivery with what the configuration knows of it."""
    known = configuration.partners.get(delivery.partner)
    operations = configuration.house.get(delivery.partner, ()) if known is None else known.operations
    operation = next((o for o in operations if o.name == delivery.operation and o.direction == "out"), None)
    return Case(delivery, message, operation, operation is not None and (known is None or known.enabled))


def choices_of(case: Case) -> list[Choice]:
    """What can be decided about a delivery in this state; `require_possible` says whether it can be now."""
    return [choice for choice, before in _LEADS if before == case.delivery.state]


def warning_of(choice: Choice) -> tuple[str, str]:
    """What must be so before it is decided where money moves."""
    return _WARNINGS[choice]


def next_of(case: Case, when: Callable[[int | None], str] = moment) -> tuple[str, str]:
    """What is to be done next about a delivery that is dead, held or in doubt; `when` writes times as the reader knows them."""
    if case.need is Need.PARTNER:
        return "伙伴已停用：启用，或了结", "partner disabled: enable it, or settle"
    if case.need is Need.CAUSE:
        return (
            "排除原因后重放；不再需要则按未生效了结",
            "remove the cause, then replay; or settle as without effect",
        )
    if case.need is Need.FINDING:
        return "核实后放行，或按未生效了结", "find out, then let it go; or settle as without effect"
    if case.need is Need.GATEWAY:
        at = when(case.delivery.next_at)
        return f"网关自行处理，下次 {at}", f"the gateway goes on by itself, next at {at}"
    return "凭流水号向对方核实，再了结", "look the reference up at the partner, then settle"


def follows_of(case: Case, choice: Choice) -> tuple[str, str]:
    """What happens next once it is decided."""
    if choice in (Choice.REPLAY, Choice.LET_GO) and case.too_late:
        return (
            "提交方的等待期限已过：网关不再发送，将以“未送达”结束",
            "the sender's deadline has passed: the gateway will not send it but end it as not delivered",
        )
    if choice in (Choice.REPLAY, Choice.LET_GO):
        return "运行中的网关数秒内投递", "the running gateway delivers it within seconds"
    if choice is Choice.ASK_AGAIN:
        return "运行中的网关数秒内再次查询", "the running gateway asks again within seconds"
    return "已了结；没有答复报文，请告知提交方", "settled; there is no reply, so tell the sender"


def require_possible(case: Case, choice: Choice, *, confirmed: bool) -> None:
    """
    Raises:
        NotPossible: the decision cannot be carried out now.
        NeedsConfirmation: it can, once it is `confirmed`.
    """
    delivery = case.delivery
    ends = choice in (Choice.TOOK_EFFECT, Choice.NO_EFFECT)
    if choice not in choices_of(case):
        raise _unfit(choice, f"{delivery.partner}: {state(delivery.state)}")
    if not ends and not case.enabled:
        raise NotPossible(
            f"伙伴 {delivery.partner} 已停用，或不再有操作 {delivery.operation}，网关不会处理：请先启用",
            f"partner {delivery.partner} is disabled or has no operation {delivery.operation} any more: enable it first",
        )
    if ends and case.enabled and _being_tried(delivery):
        raise NotPossible(
            f"网关仍在自行查询与冲正（下次 {moment(delivery.next_at)}），请等它结束",
            f"the gateway still asks and reverses by itself (next {moment(delivery.next_at)}): let it end first",
        )
    if case.moves_money and not confirmed:
        zh, en = warning_of(choice)
        what = " ".join(filter(None, (delivery.partner, delivery.operation, delivery.reference)))
        raise NeedsConfirmation(f"注意，涉及资金（{what}）：{zh}", f"this moves money ({what}): {en}")


def carry_out(
    configuration: Configuration,
    case: Case,
    choice: Choice,
    reason: str,
    actor: str,
    extra: Mapping[str, str | int] | None = None,
) -> Advance:
    """Commits the decision with its audit entry.

    Raises:
        Changed: the delivery has moved since it was read; nothing was changed.
        gateway.contract.Unavailable: nothing was changed.
    """
    unit = decision(configuration, case, choice, reason, actor, extra)
    with open_clerk(configuration.gateway.store) as clerk:
        done = clerk.advance(unit, case.delivery)
    if not done:
        raise Changed(
            "该投递刚刚有了变化，未作任何改动：请重新查看后再决定",
            "the delivery has just changed, nothing was done: look at it again, then decide",
        )
    return unit


def decision(
    configuration: Configuration,
    case: Case,
    choice: Choice,
    reason: str,
    actor: str,
    extra: Mapping[str, str | int] | None = None,
) -> Advance:
    """The decision with its audit entry, to be committed; for those who commit more with it than `carry_out` does.

    Args:
        extra: what the entry's detail says beside the usual facts.
    """
    delivery, now = case.delivery, _now()
    replayed = choice is Choice.REPLAY
    detail: dict[str, str | int] = {
        **(extra or {}),
        "before": delivery.state,
        "attempts": delivery.attempts,
        "reason": reason,
    }
    if not replayed:
        detail["choice"] = choice.value
    if delivery.reference is not None:
        detail["reference"] = delivery.reference
    entry = journal_of(configuration).entry(
        "delivery.replayed" if replayed else "delivery.settled",
        message=delivery.message_id,
        delivery=delivery.id,
        partner=delivery.partner,
        message_type=case.message.type,
        actor=actor,
        detail=detail,
    )
    return Advance(
        delivery_id=delivery.id,
        before=delivery.state,
        after=_LEADS[choice, delivery.state],
        at=now,
        # All tries but one again. Never none: what was tried once may not be given up as never having been.
        attempts=min(0, 1 - delivery.attempts) if replayed else 0,
        resolutions=0 if choice is Choice.ASK_AGAIN else None,
        next_at=now if choice is Choice.ASK_AGAIN else None,
        reason=f"{choice.value} by {actor}: {reason}",
        audit=(entry,),
    )


def _unfit(choice: Choice, standing: str) -> NotPossible:
    possible = "、".join(state(before) for known, before in _LEADS if known is choice)
    return NotPossible(
        f"没有可以这样处理的投递：现为 {standing}；须为 {possible}",
        f"no delivery of it can be treated so: it is {standing}, and would have to be {possible}",
    )


def _being_tried(delivery: DeliveryRow) -> bool:
    return delivery.next_at is not None and delivery.next_at > _now() - _FORGOTTEN_MS


def _now() -> int:
    return time.time_ns() // 1_000_000
