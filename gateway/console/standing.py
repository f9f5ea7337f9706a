"""How each partner stands: what the overview's map and the list of partners show of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.console.pulse import Snapshot
from gateway.console.readings import Flow, growth, total
from gateway.engine.config import Partner
from gateway.engine.lifecycle import DEAD, HELD, IN_DOUBT, PENDING, SENDING, WAITING

#: Deliveries that are owed and come by themselves, and those that stand until somebody has looked.
OWED: Final = (HELD, PENDING, SENDING, WAITING)
STUCK: Final = (IN_DOUBT, DEAD)
#: Looks over which "now" is averaged.
_LOOKS: Final = 11


@dataclass(frozen=True, slots=True)
class State:
    """A state as people see it: by colour, by sign and by word."""

    kind: str  #: `ok`, `warn`, `bad` or `idle`
    sign: str
    zh: str
    en: str


_OFF: Final = State("idle", "–", "停用", "disabled")
_UNKNOWN: Final = State("idle", "?", "未知", "unknown")
_DOWN: Final = State("bad", "✗", "不可达", "unreachable")
#: It works, and something of it waits for a person.
STUCK_STATE: Final = State("warn", "!", "有未了结", "unsettled")
_FINE: Final = State("ok", "✓", "正常", "normal")


@dataclass(frozen=True, slots=True)
class Standing:
    """One partner, now."""

    partner: Partner
    state: State
    sends: bool  #: it asks us
    receives: bool  #: we ask it
    up: bool | None  #: None: not known, or nothing is delivered to it
    in_flight: int | None  #: None: not known
    owed: int
    stuck: int
    rate: float | None  #: messages from it and deliveries to it, a second; None: not known


def standing_of(partner: Partner, history: Sequence[Snapshot]) -> Standing:
    """How a partner stands by the newest look; `history` has one at least."""
    now = history[-1]
    flow = None if now.reading is None or now.old else now.reading.flows.get(partner.name, Flow())
    up = None if flow is None or flow.up is None else bool(flow.up)
    receives = any(operation.direction == "out" for operation in partner.operations)
    stuck = now.backlog(partner.name, *STUCK)
    return Standing(
        partner=partner,
        state=_state(partner, flow, up, receives=receives, stuck=stuck),
        sends=any(operation.direction == "in" for operation in partner.operations),
        receives=receives,
        up=up,
        in_flight=None if flow is None else int(flow.in_flight),
        owed=now.backlog(partner.name, *OWED),
        stuck=stuck,
        rate=_rate(partner.name, history[-_LOOKS:]),
    )


def _state(partner: Partner, flow: Flow | None, up: bool | None, *, receives: bool, stuck: int) -> State:
    if not partner.enabled:
        return _OFF
    if flow is None or (receives and up is None):  # the gateway is silent, or runs without this partner
        return _UNKNOWN
    if up is False:
        return _DOWN
    return STUCK_STATE if stuck else _FINE


def _rate(name: str, looks: Sequence[Snapshot]) -> float | None:
    readings = [look.reading for look in looks if look.reading is not None]
    if looks[-1].reading is None or len(readings) < 2:
        return None
    seconds = (looks[-1].at - next(look.at for look in looks if look.answers)) / 1000
    passed = growth(readings, total("accepted", name)) + growth(readings, total("delivered", name))
    return passed / seconds if seconds else None


def per_second(rate: float | None) -> str:
    """A rate as people read it."""
    if rate is None:
        return "–"
    return f"{rate:.0f}" if rate >= 10 or not rate else f"{rate:.1f}" if rate >= 0.1 else "<0.1"
