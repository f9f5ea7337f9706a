"""Whatever stands anywhere in a request: it is understood, or refused with a reason, and nothing else happens."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.hospital.clerk import Inquiry
from adapters.hospital.faults import Fault
from adapters.hospital.formats import Formats
from adapters.hospital.national.envelope import parse, read
from adapters.hospital.national.formats import NationalFormats
from adapters.hospital.national.settings import NationalFace
from adapters.hospital.national.transactions import ROUTED
from adapters.hospital.simulator.national import NationalSimulator, encoded
from tests.adapters.hospital.national.world import NATIONAL, good_input

FACE = NationalFace.model_validate(NATIONAL)
FORMATS = NationalFormats(Formats())
AT = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
HOSPITAL = NationalSimulator("http://127.0.0.1:9/", start=dt.datetime(2025, 1, 1, 9))
GOOD = {infno: HOSPITAL.request(infno, good_input(infno)) for infno in ROUTED}

numbers = (
    st.integers() | st.floats() | st.sampled_from(["1e400", "-0.001", "9" * 40, "0x1F", "１２", "1,0", "NaN"])
)
texts = st.text(max_size=40) | st.sampled_from(
    ["", " ", "\x00", "2025-02-30", "0000-00-00 00:00:00", "示" * 300]
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a tree."""
    if path:
        yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def judged(wire: bytes, charset: str = "") -> Inquiry | Fault | None:
    """What the face makes of a request; None where the gateway answers it itself."""
    try:
        asked = read(parse(wire, charset, 1 << 20), FACE)
        row = ROUTED.get(asked.infno)
        if row is None:
            return None
        return FORMATS.inquiry(row, asked, AT, tolerance=1, raw=wire, trace="")
    except Fault as fault:
        return fault


def says_why(fault: Fault) -> bool:
    return fault.code in ("invalid", "malformed") and bool(fault.zh and fault.en and fault.rule)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(sorted(ROUTED)), st.data())
def test_anything_anywhere(infno: str, data: st.DataObject) -> None:
    request = copy.deepcopy(GOOD[infno])
    path = data.draw(st.sampled_from(list(places(request))))
    node: Any = request
    for step in path[:-1]:
        node = node[step]
    if isinstance(node, list) or data.draw(st.booleans()):
        node[path[-1]] = data.draw(anything)
    else:
        node[data.draw(texts)] = data.draw(anything)
    try:
        wire = encoded(request)
    except UnicodeEncodeError:  # a surrogate cannot be sent
        return
    result = judged(wire)
    assert not isinstance(result, Fault) or says_why(result)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | texts.map(lambda t: json.dumps(t).encode()), st.sampled_from(["", "gbk"]))
def test_any_bytes(wire: bytes, charset: str) -> None:
    result = judged(wire, charset)
    assert isinstance(result, Fault)
    assert says_why(result)
