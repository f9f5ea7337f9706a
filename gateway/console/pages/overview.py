"""`/`: is the gateway up, what waits for people, what passes, and who is there; refreshed every three seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gateway import __version__
from gateway.console.drawing import Node, Plot, draw_map, draw_plot
from gateway.console.pulse import KEPT, Snapshot
from gateway.console.readings import gained, quantile, total, waiting_times
from gateway.console.roles import Permission
from gateway.console.standing import STUCK_STATE, Standing, per_second, standing_of
from gateway.console.web import needs, page, room_of, speaker
from gateway.engine.lifecycle import DEAD, HELD, IN_DOUBT

router = APIRouter(dependencies=[needs(Permission.SEE)])

_STRETCH: Final = 15_000  #: milliseconds that make one point of a plot
_LOOKS: Final = 5  #: looks over which "now" is averaged
#: (total of `readings.Flow`, Chinese, English)
_PLOTTED: Final = (
    ("accepted", "受理", "accepted"),
    ("delivered", "送达", "delivered"),
    ("refused", "拒收", "refused"),
)
#: Parts of `/readyz` → (Chinese, English).
_PARTS: Final = {
    "store": ("数据库", "store"),
    "bus": ("总线", "bus"),
    "audit": ("审计日志", "audit log"),
    "receivers": ("接收", "receivers"),
}
#: Buses by the name that the gateway tells → (Chinese, English).
_BUSES: Final = {"EmbeddedBus": ("内置", "embedded"), "RabbitMqBus": ("RabbitMQ", "RabbitMQ")}


@router.get("/")
def overview(request: Request) -> HTMLResponse:
    """The page."""
    return page(request, "overview.html", **_values(request))


@router.get("/live/overview")
def live_overview(request: Request) -> HTMLResponse:
    """What of it changes."""
    return page(request, "overview_live.html", **_values(request))


def _values(request: Request) -> dict[str, Any]:
    room = room_of(request)
    history = room.pulse.history()
    now = history[-1]
    standings = [standing_of(partner, history) for partner in room.configuration.partners.values()]
    t = speaker(request.state.language)
    waits = ((IN_DOUBT, "结果不明", "in doubt"), (DEAD, "投递失败", "dead"), (HELD, "待核验", "held"))
    return {
        "now": now,
        "part_names": _PARTS,
        "bus_names": _BUSES,
        "folder": room.configuration.folder,
        "own_version": __version__,
        "waits": [(state, zh, en, now.books.people.get(state, 0)) for state, zh, en in waits],
        "plots": [
            (zh, en, _plot(history, name), per_second(_newest(history, name))) for name, zh, en in _PLOTTED
        ],
        "times": _times(history),
        "refused": None if now.reading is None else int(total("refused")(now.reading)),
        "map": draw_map(_node(standing, t) for standing in standings),
    }


def _plot(history: Sequence[Snapshot], name: str) -> Plot:
    """A figure a second over the last twenty minutes; nothing where the gateway was silent."""
    # The last look of each stretch of time, so that a point stays where it is while newer ones follow.
    looks = list({look.at // _STRETCH: look for look in history}.values())
    points = [(after.at / 1000, _rate(before, after, name)) for before, after in pairwise(looks)]
    end = history[-1].at / 1000
    return draw_plot(points, end - KEPT, end)


def _newest(history: Sequence[Snapshot], name: str) -> float | None:
    looks = history[-_LOOKS - 1 :]
    return _rate(looks[0], looks[-1], name)


def _rate(before: Snapshot, after: Snapshot, name: str) -> float | None:
    """Growth a second; None where it is not known."""
    if before.reading is None or after.reading is None or after.at <= before.at:
        return None
    return gained(before.reading, after.reading, total(name)) * 1000 / (after.at - before.at)


def _times(history: Sequence[Snapshot]) -> list[tuple[str, str | None]]:
    """How long acceptance took: the middle one and the 99th of a hundred, over the last twenty minutes."""
    readings = [look.reading for look in history if look.reading is not None]
    buckets = waiting_times(readings)
    return [(name, duration(quantile(share, buckets))) for name, share in (("p50", 0.5), ("p99", 0.99))]


def duration(seconds: float | None) -> str | None:
    """How long something took, as people read it."""
    if seconds is None:
        return None
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.{1 if seconds < 0.1 else 0}f} ms"


def _node(standing: Standing, t: Callable[[str, str], str]) -> Node:
    partner, state = standing.partner, standing.state
    words = t(state.zh, state.en)
    figures = [f"{per_second(standing.rate)}/s"]
    if state is STUCK_STATE:
        words = f"{t('未了结', 'unsettled')} {standing.stuck}"
    if standing.owed:
        figures.append(f"{t('积压', 'owed')} {standing.owed}")
    if standing.stuck and state is not STUCK_STATE:
        figures.append(f"{t('未了结', 'unsettled')} {standing.stuck}")
    if standing.in_flight:
        figures.append(f"{t('在途', 'under way')} {standing.in_flight}")
    return Node(
        name=partner.name,
        title=partner.title,
        sends=standing.sends,
        receives=standing.receives,
        kind=state.kind,
        sign=state.sign,
        words=words,
        figures=" ".join(figures),
    )
