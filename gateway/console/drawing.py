"""Where things stand in the drawings of the overview: pure geometry. Templates (`drawings.html`) make SVG of it, and escape its texts.

The map, with the gateway in the middle; who only sends to us stands on the left, whom we deliver to on the right:

    ┌────────┐      ┌────────┐                              ┌────────┐
    │ sender ├──┐   │ sender ├───╮    ┌─────────┐    ╭─────▶│receiver│
    └────────┘  └── between ─────┴───▶│ gateway │────┤      └────────┘
                    ┌────────┐   ╭───▶└─────────┘    ╰◀────▶ both ways
                    │ sender ├───╯
                    └────────┘

With more than eight on one side there are two columns, half a row apart, so that the lines of the outer one run through the gaps
of the inner one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 1240
_HUB_WIDTH: Final = 170
_HUB_HEIGHT: Final = 76
_ONE_COLUMN: Final = 8  #: partners on one side, beyond which there are two columns
_WIDE: Final = 330  #: of a partner's box in one column
_NARROW: Final = 216  #: and in two
_GAP: Final = 14  #: between two columns
_HEIGHT: Final = 46  #: of a box
_PITCH: Final = 60  #: from one box to the next below
_MARGIN: Final = 8
#: Width of a Latin character in the first line of a box, and in the second; a Chinese one takes two.
_LARGE: Final = 7.6
_SMALL: Final = 5.9
_PADDING: Final = 28  #: of a box, both sides together


@dataclass(frozen=True, slots=True)
class Node:
    """A partner to be drawn."""

    name: str
    title: str
    sends: bool  #: it sends to us
    receives: bool  #: we deliver to it
    kind: str  #: `ok`, `warn`, `bad` or `idle`: the colour
    sign: str  #: the same, for who sees no colours
    words: str  #: the same, in words
    figures: str  #: rate, backlog, in flight


@dataclass(frozen=True, slots=True)
class Box:
    """A node in its place."""

    node: Node
    x: float
    y: float
    width: float
    height: float
    title: str  #: cut to the width
    figures: str  #: cut to what the words leave
    line: str  #: the path between it and the gateway, from left to right
    to_hub: bool  #: an arrow at the gateway's end
    to_node: bool  #: an arrow at the partner's end
    left: bool


@dataclass(frozen=True, slots=True)
class Map:
    """The whole of it."""

    width: int
    height: int
    hub_x: float
    hub_y: float
    hub_width: float
    hub_height: float
    boxes: tuple[Box, ...]


def draw_map(nodes: Iterable[Node]) -> Map:
    """Every partner in its place, in the order given."""
    every = list(nodes)
    left = [node for node in every if node.sends and not node.receives]
    right = [node for node in every if node.receives or not node.sends]
    height = max(_side_height(len(left)), _side_height(len(right)), _HUB_HEIGHT + 2 * _MARGIN)
    boxes = [*_side(left, height, on_left=True), *_side(right, height, on_left=False)]
    return Map(
        width=WIDTH,
        height=round(height),
        hub_x=(WIDTH - _HUB_WIDTH) / 2,
        hub_y=(height - _HUB_HEIGHT) / 2,
        hub_width=_HUB_WIDTH,
        hub_height=_HUB_HEIGHT,
        boxes=tuple(boxes),
    )


def _side_height(count: int) -> float:
    """Two columns stand half a row apart."""
    rows = count if count <= _ONE_COLUMN else (count + 1) // 2
    shift = 0 if count <= _ONE_COLUMN else _PITCH / 2
    return 2 * _MARGIN + max(0, rows - 1) * _PITCH + _HEIGHT + shift


def _side(nodes: Sequence[Node], height: float, *, on_left: bool) -> Iterable[Box]:
    """One column, or two: of each pair the first stands outside."""
    two = len(nodes) > _ONE_COLUMN
    width = _NARROW if two else _WIDE
    top = (height - _side_height(len(nodes))) / 2 + _MARGIN
    for index, node in enumerate(nodes):
        row, inner = divmod(index, 2) if two else (index, 0)
        x = _MARGIN + inner * (width + _GAP)
        y = top + row * _PITCH + inner * _PITCH / 2
        yield _box(node, x if on_left else WIDTH - x - width, y, width, height, on_left=on_left)


def _box(node: Node, x: float, y: float, width: float, height: float, *, on_left: bool) -> Box:
    middle, centre = y + _HEIGHT / 2, height / 2
    # Where the lines of all boxes begin to bend: beyond the inner column.
    bend = _MARGIN + 2 * _NARROW + _GAP
    # At the gateway they arrive a little apart, in the order of the boxes.
    arrival = centre + (middle - centre) / height * _HUB_HEIGHT * 0.8
    if on_left:
        start, turn, end = x + width, max(bend, x + width), (WIDTH - _HUB_WIDTH) / 2
        middle_x = (turn + end) / 2
        line = f"M{start:g} {middle:g}H{turn:g}C{middle_x:g} {middle:g} {middle_x:g} {arrival:.1f} {end:g} {arrival:.1f}"
    else:
        start, turn, end = (WIDTH + _HUB_WIDTH) / 2, min(WIDTH - bend, x), x
        middle_x = (start + turn) / 2
        line = f"M{start:g} {arrival:.1f}C{middle_x:g} {arrival:.1f} {middle_x:g} {middle:g} {turn:g} {middle:g}H{end:g}"
    inside = width - _PADDING
    title = shortened(node.title or node.name, int(inside / _LARGE))
    figures = shortened(node.figures, int(inside / _SMALL) - _columns(f"{node.sign} {node.words} · "))
    return Box(node, x, y, width, _HEIGHT, title, figures, line, node.sends, node.receives, on_left)


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def shortened(text: str, columns: int) -> str:
    """A text that fits into so many columns; a Chinese character takes two."""
    if _columns(text) <= columns:
        return text
    while text and _columns(text) >= columns:
        text = text[:-1]
    return f"{text}…"


PLOT_WIDTH: Final = 240
PLOT_HEIGHT: Final = 48


@dataclass(frozen=True, slots=True)
class Plot:
    """A small plot of one figure over time."""

    lines: tuple[str, ...]  #: `points` of polylines; one ends where nothing is known
    areas: tuple[str, ...]  #: the same, closed down to the base
    top: float  #: the figure at the upper edge
    last: float | None  #: the newest figure, None where it is not known
    width: int = PLOT_WIDTH
    height: int = PLOT_HEIGHT


def draw_plot(points: Sequence[tuple[float, float | None]], begin: float, end: float) -> Plot:
    """`points` are (time, figure or None where nothing is known), oldest first; the plot reaches from `begin` to `end`."""
    top = max((value for _, value in points if value is not None), default=0.0)
    span = max(end - begin, 1e-9)

    def place(at: float, value: float) -> str:
        x = (at - begin) / span * PLOT_WIDTH
        y = PLOT_HEIGHT - 1 - (value / top if top else 0.0) * (PLOT_HEIGHT - 4)
        return f"{x:.1f},{y:.1f}"

    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at, value))
    whole = [run for run in runs if len(run) > 1]
    lines = tuple(" ".join(place(at, value) for at, value in run) for run in whole)
    areas = tuple(
        f"{place(run[0][0], 0.0)} {line} {place(run[-1][0], 0.0)}"
        for run, line in zip(whole, lines, strict=True)
    )
    return Plot(lines, areas, top, points[-1][1] if points else None)
