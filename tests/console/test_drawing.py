"""Nothing covers anything in the map, however many partners there are, and plots stay in their frame."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.console.drawing import (
    PLOT_HEIGHT,
    PLOT_WIDTH,
    WIDTH,
    Box,
    Map,
    Node,
    draw_map,
    draw_plot,
    shortened,
)


def node(name: str, *, sends: bool = True, receives: bool = False) -> Node:
    return Node(name, name, sends, receives, "ok", "✓", "正常", "0/s")


def drawn(senders: int, receivers: int, both: int = 0) -> Map:
    left = [node(f"s{number}") for number in range(senders)]
    right = [node(f"r{number}", sends=False, receives=True) for number in range(receivers)]
    return draw_map([*left, *right, *(node(f"b{n}", receives=True) for n in range(both))])


def covers(one: Box, other: Box) -> bool:
    apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
    apart_y = one.y + one.height <= other.y or other.y + other.height <= one.y
    return not (apart_x or apart_y)


@given(some.integers(0, 40), some.integers(0, 40), some.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_everybody_has_a_place_of_his_own(senders: int, receivers: int, both: int) -> None:
    made = drawn(senders, receivers, both)
    assert len(made.boxes) == senders + receivers + both
    for box in made.boxes:
        assert box.x >= 0
        assert box.x + box.width <= WIDTH
        assert box.y >= 0
        assert box.y + box.height <= made.height
        hub_apart = box.x + box.width <= made.hub_x or box.x >= made.hub_x + made.hub_width
        assert hub_apart
    assert not any(covers(one, other) for one, other in combinations(made.boxes, 2))


@given(some.integers(9, 40), some.integers(9, 40))
@settings(max_examples=30, deadline=None)
def test_level_lines_run_between_the_boxes(senders: int, receivers: int) -> None:
    made = drawn(senders, receivers)
    for box in made.boxes:
        level = box.y + box.height / 2
        for other in made.boxes:
            beyond = other.x > box.x if box.left else other.x < box.x
            if other is not box and other.left == box.left and beyond:
                assert not other.y < level < other.y + other.height


@pytest.mark.parametrize("partners", [0, 1, 3, 30])
def test_the_map_is_no_higher_than_two_screens(partners: int) -> None:
    made = drawn(partners, 0)
    assert made.height <= 2 * 640
    assert made.height >= 76


def test_arrows_say_who_talks_to_whom() -> None:
    boxes = {box.node.name: box for box in drawn(1, 1, 1).boxes}
    assert (boxes["s0"].left, boxes["s0"].to_hub, boxes["s0"].to_node) == (True, True, False)
    assert (boxes["r0"].left, boxes["r0"].to_hub, boxes["r0"].to_node) == (False, False, True)
    assert (boxes["b0"].left, boxes["b0"].to_hub, boxes["b0"].to_node) == (False, True, True)


figures = some.lists(some.one_of(some.none(), some.floats(0, 1e6)), max_size=60)


@given(figures)
def test_a_plot_stays_in_its_frame(values: list[float | None]) -> None:
    points = [(float(number), value) for number, value in enumerate(values)]
    plot = draw_plot(points, 0.0, 60.0)
    for text in (*plot.lines, *plot.areas):
        for x, y in re.findall(r"(\S+),(\S+)", text):
            assert 0 <= float(x) <= PLOT_WIDTH
            assert 0 <= float(y) <= PLOT_HEIGHT


def test_where_nothing_is_known_the_line_ends() -> None:
    plot = draw_plot([(0, 1.0), (1, 2.0), (2, None), (3, 2.0), (4, 1.0)], 0, 4)
    assert len(plot.lines) == 2
    assert plot.top == 2.0
    assert draw_plot([], 0, 1).lines == ()


@given(some.text(max_size=60), some.integers(2, 40))
def test_a_shortened_title_begins_as_the_title_does(text: str, columns: int) -> None:
    short = shortened(text, columns)
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
    assert len(short) <= max(columns, 1)


def test_long_texts_stay_in_their_box_and_whole_in_its_title() -> None:
    long = Node("p", "很长" * 40, True, False, "warn", "!", "未了结 12345", "1200/s 积压 123456 在途 64")
    [wide] = draw_map([long]).boxes
    narrow = draw_map([long] * 9).boxes[0]
    assert wide.figures == long.figures
    assert narrow.figures.endswith("…")
    assert len(narrow.title) < len(wide.title) < len(long.title)
    assert narrow.node.figures == long.figures
