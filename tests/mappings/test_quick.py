"""The quick way gives what the careful way gives, or nothing: for good messages, and for damaged ones."""

from __future__ import annotations

import datetime as dt
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.canonical.levy_day import EntriesReported
from gateway.canonical.settlement import ReversalDone
from mappings import Mapping, MappingError, parse_json, shipped
from mappings.codecs.json import JsonOptions
from mappings.report import MAX_FAULTS
from mappings.testing import elsewhere, envelope, samples, strategy
from mappings.xsd import schema_for
from tests.mappings.tools import REVERSAL, compiled, make

MAPPINGS = [compiled(path) for path in shipped()]
#: Records have tests of their own.
QUICK = [m for m in MAPPINGS if m._quick_read and m.plan.document.options.kind in ("xml", "json")]
#: Of the XML that hospitals and the gateway agreed on.
NAMESPACE = "urn:tongqu:hospital:v1"
#: The messages of every settlement.
BUSY = [
    f"settlement.{part}" for part in ("1101.output", "2204.input", "2207.input", "2207.output", "2208.output")
]
JSON = [m for m in MAPPINGS if isinstance(m.plan.document.options, JsonOptions)]
WRITERS = [
    m
    for m in MAPPINGS
    if isinstance(codec := m.plan.document.options, JsonOptions)
    and m.plan.encodes
    and codec.numbers == "string"
]
HOSPITAL = [m for m in MAPPINGS if getattr(m.plan.document.options, "namespace", "") == NAMESPACE]
SCHEMA = etree.XMLSchema(etree.fromstring(schema_for(HOSPITAL)))
TORN = settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))

_json = msgspec.json.Encoder(decimal_format="string").encode
#: Values that lenses refuse, take in another spelling, or mistake for others.
ODD_TEXTS = [
    "", " ", "0", "1", "-1", "0.5", "25.6", "+1.00", "1e2", "1_0.00", "１.00", "007.50", "-0.00", "0.000",
    "12345678901234.56", "123456789012345.67", "9.99999", "NaN", "Infinity", "2025-02-30 00:00:00",
    "2025-01-01T00:00:00", "2025-01-01 24:00:00", "0000-01-01 00:00:00", "2025-01-01 00:00:00+08:00",
    "2025-1-1", "20250101", "中文", "a\nb", "a\tb", "a\rb", "\u3000", "\x7f", "\x85", "\x9b", "é", "·", 'a"b', "a\\b",
    "<&>", "]]>", "{}", "%s", "x" * 31, "𠮷" * 30, "990101", "99010x", "９９０１０１", "310", "01", "1" * 19, "L01",
]  # fmt: skip
ODD_VALUES: list[Any] = [
    *ODD_TEXTS, None, True, False, 0, 1, -1, 10**17, 25.6, Decimal("25.6"), Decimal("1E+2"), Decimal("1E-9"),
    Decimal("-0.00"), Decimal("NaN"), [], {}, [{}], [1], {"a": 1}, "\x00", "\uffff",
]  # fmt: skip
ODD_PARTS: list[Any] = [
    *ODD_VALUES, (), dt.datetime(2025, 1, 1), dt.datetime(2025, 1, 1, tzinfo=dt.UTC), dt.date(2025, 1, 1),
    dt.datetime(2025, 1, 1, 0, 0, 0, 7, dt.timezone(dt.timedelta(hours=8))),
    dt.datetime(2025, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=8))), 10**16, 7, Decimal(2), "\ud800",
]  # fmt: skip


def name(mapping: Mapping) -> str:
    return mapping.name


def all_of(mappings: list[Mapping]) -> list[Any]:
    """All shipped mappings in the long run, those of most messages always."""
    return [pytest.param(m, marks=() if m.name in BUSY else pytest.mark.long, id=m.name) for m in mappings]


def said(job: Any) -> Any:
    """What comes of it: a value with its types, or all faults."""
    try:
        value = job()
    except MappingError as error:
        return error.faults
    return repr(value)


def careful(mapping: Mapping, tree: Any, given_elsewhere: dict[str, Any]) -> Any:
    return said(lambda: mapping._decode_carefully(deepcopy(tree), given_elsewhere))


def same_reading(mapping: Mapping, tree: Any, given_elsewhere: dict[str, Any]) -> bool:
    """Checks one tree; whether the quick way took it."""
    expected = careful(mapping, tree, given_elsewhere)
    quick = mapping.decode_plain(tree, **given_elsewhere)
    if quick is not None:
        assert repr(quick) == expected
        if mapping in HOSPITAL:
            assert SCHEMA.validate(tree)
    if len(expected) < MAX_FAULTS or isinstance(expected, str):
        assert said(lambda: mapping.decode_tree(tree, **given_elsewhere)) == expected
    return quick is not None


@pytest.mark.parametrize("mapping", [m for m in MAPPINGS if m in HOSPITAL or m.name in BUSY], ids=name)
def test_what_most_messages_take_has_a_quick_way(mapping: Mapping) -> None:
    assert (mapping._quick_read is not None) == mapping.plan.decodes
    assert (mapping._quick_write is not None) == (mapping in WRITERS)


@pytest.mark.parametrize("mapping", QUICK, ids=name)
def test_good_samples_are_read_the_quick_way(mapping: Mapping) -> None:
    for good in [folder for folder in samples(mapping) if folder.name == "good"]:
        body = msgspec.json.decode((good / "canonical.json").read_bytes(), type=mapping.plan.struct)
        (wire,) = good.glob("wire.*")
        tree = mapping.parse(wire.read_bytes().strip())
        assert mapping.decode_plain(tree, **elsewhere(mapping, body)) == body
        if mapping.plan.document.options.kind == "xml":
            etree.indent(tree)
            assert mapping.decode_plain(tree, **elsewhere(mapping, body)) == body


@pytest.mark.parametrize("mapping", all_of([m for m in JSON if m.plan.decodes and m.plan.encodes]))
@TORN
@given(data=st.data())
def test_json_is_read_alike(mapping: Mapping, data: st.DataObject) -> None:
    body = data.draw(strategy(mapping))
    tree = parse_json(mapping.encode(body, envelope(mapping)))
    same_reading(mapping, tree, elsewhere(mapping, body))
    for _ in range(data.draw(st.integers(1, 2))):
        tear_json(tree, data)
    same_reading(mapping, tree, elsewhere(mapping, body))


def tear_json(tree: Any, data: st.DataObject) -> None:
    """Puts something odd somewhere."""
    places = [tree]
    for place in places:
        places += [
            v for v in (place.values() if type(place) is dict else place) if type(v) in (dict, list) and v
        ]
    place = data.draw(st.sampled_from(places))
    value = deepcopy(data.draw(st.sampled_from(ODD_VALUES)))
    if type(place) is list:
        place.append(value)
        return
    key = data.draw(st.sampled_from([*place, "strange"]))
    if data.draw(st.booleans()):
        place[key] = value
    else:
        place.pop(key, None)


@pytest.mark.parametrize("mapping", [m for m in HOSPITAL if m.plan.encodes], ids=name)
@TORN
@given(data=st.data())
def test_xml_is_read_alike(mapping: Mapping, data: st.DataObject) -> None:
    body = data.draw(strategy(mapping))
    tree = mapping.parse(mapping.encode(body, envelope(mapping)))
    given_elsewhere = elsewhere(mapping, body)
    same_reading(mapping, tree, given_elsewhere)
    for _ in range(data.draw(st.integers(1, 2))):
        tear_xml(tree, data)
    same_reading(mapping, tree, given_elsewhere)
    # As it comes within a larger document, under a prefix.
    again = etree.tostring(tree).replace(b"xmlns=", b"xmlns:q=").replace(b"</", b"</q:")
    for step in {e.tag.rpartition("}")[2].encode() for e in tree.iter()}:
        again = again.replace(b"<%b>" % step, b"<q:%b>" % step).replace(b"<%b " % step, b"<q:%b " % step)
        again = again.replace(b"<%b/>" % step, b"<q:%b/>" % step)
    same_reading(mapping, etree.fromstring(b"<e>%b tail</e>" % again)[0], given_elsewhere)


def tear_xml(tree: Any, data: st.DataObject) -> None:
    """Does something odd somewhere."""
    place = data.draw(st.sampled_from(list(tree.iter())))
    text = data.draw(st.sampled_from(ODD_TEXTS))
    match data.draw(st.integers(0, 8)):
        case 0 | 1 | 2:
            place.text = text
        case 3:
            place.tail = text
        case 4 if place is not tree:
            place.getparent().remove(place)
        case 5 if place is not tree:
            place.addnext(deepcopy(place))
        case 6:
            place.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "false")
        case 7:
            etree.SubElement(place, data.draw(st.sampled_from([place.tag, "strange", f"{place.tag}x"])))
        case _:
            etree.indent(tree, data.draw(st.sampled_from(["", " ", "\t"])))


@pytest.mark.parametrize("mapping", all_of(WRITERS))
@TORN
@given(data=st.data())
def test_json_is_written_alike(mapping: Mapping, data: st.DataObject) -> None:
    body = data.draw(strategy(mapping))
    same_writing(mapping, body)
    rows = [
        f for f in type(body).__struct_fields__ if isinstance(getattr(body, f), tuple) and getattr(body, f)
    ]
    for field in (data.draw(st.sampled_from(type(body).__struct_fields__)), *rows):
        if field in rows:
            first, *rest = getattr(body, field)
            inner = data.draw(st.sampled_from(type(first).__struct_fields__))
            odd = msgspec.structs.replace(first, **{inner: data.draw(st.sampled_from(ODD_PARTS))})
            body = msgspec.structs.replace(body, **{field: (odd, *rest)})
        else:
            body = msgspec.structs.replace(body, **{field: data.draw(st.sampled_from(ODD_PARTS))})
        same_writing(mapping, body)


def same_writing(mapping: Mapping, body: Any) -> None:
    def outcome(job: Any) -> Any:
        try:
            return _json(job())
        except MappingError as error:
            return error.faults
        except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
            return type(error)  # a body whose parts are of no canonical type

    expected = outcome(lambda: mapping.encode_tree(body, envelope(mapping)))
    assert outcome(lambda: mapping.encode_raw(body, envelope(mapping))) == expected


def test_damaged_bytes_are_read_alike() -> None:
    mapping = next(m for m in HOSPITAL if m.name == "hospital.outpatient_settlement")
    good = next(folder for folder in samples(mapping) if folder.name == "good")
    wire = (good / "wire.xml").read_bytes().strip()
    taken = 0

    @settings(max_examples=250, deadline=None, database=None)
    @given(st.integers(0, len(wire) - 1), st.integers(0, 2), st.text(max_size=2))
    def damage(start: int, cut: int, put: str) -> None:
        nonlocal taken
        try:
            tree = mapping.parse(wire[:start] + put.encode("utf-8", "surrogatepass") + wire[start + cut :])
        except MappingError:
            return
        taken += same_reading(mapping, tree, {})

    damage()
    assert taken


@pytest.mark.parametrize("empty", ["absent", "blank", "null"])
@pytest.mark.parametrize("text", [None, "", "好", 'a"b', "a\\b", 5])
def test_objects_within_objects(tmp_path: Path, empty: str, text: Any) -> None:
    nested = REVERSAL.replace("at: code", "at: a/b/code").replace("at: text", "at: a/b/text")
    for form, codec in (
        ("a/omsgid", "{kind: json}"),
        ("a/b/c/omsgid", "{kind: json}"),
        ("x", "{kind: xml, root: r}"),
    ):
        mapping = make(tmp_path, nested.replace("at: omsgid", f"at: {form}"), codec=codec, empty=empty)
        same_writing(mapping, ReversalDone(original_message_id="M1", raw_code="0", raw_text=text))
        if form != "x":
            assert mapping._quick_write is not None
        if isinstance(text, str) and text:
            body = ReversalDone(original_message_id="M1", raw_code="0", raw_text=text)
            assert mapping.decode_plain(mapping.parse(mapping.encode(body))) == body


def test_xml_rows_below_a_branch_have_no_quick_way() -> None:
    mapping = next(m for m in MAPPINGS if m.name == "treasury.3126.treasury_entries")
    assert mapping._quick_read is None
    good = next(folder for folder in samples(mapping) if folder.name == "good")
    body = mapping.decode((good / "wire.xml").read_bytes())
    assert isinstance(body, EntriesReported)
    assert len(body.entries) == 2


def test_a_value_from_elsewhere_is_checked_as_ever() -> None:
    mapping = next(m for m in QUICK if m.name == "settlement.2207.output")
    good = next(folder for folder in samples(mapping) if folder.name == "good")
    tree = mapping.parse((good / "wire.json").read_bytes())
    with pytest.raises(TypeError, match="raw_code"):
        mapping.decode_tree(tree)
    with pytest.raises(TypeError, match="only"):
        mapping.decode_tree(tree, raw_code="0", strange=1)
    with pytest.raises(MappingError, match="raw_code"):
        mapping.decode_tree(tree, raw_code=0)


def test_many_prefixes_are_no_way_to_fill_the_memory() -> None:
    mapping = next(m for m in HOSPITAL if m.name == "hospital.settlement_reversal")
    good = next(folder for folder in samples(mapping) if folder.name == "good")
    wire = (good / "wire.xml").read_bytes().strip()
    expected = mapping.decode(wire)
    assert mapping.decode_plain(mapping.parse(wire)) == expected
    for n in range(40):
        prefixed = wire.replace(b"<", b"<p%d:" % n).replace(b"<p%d:/" % n, b"</p%d:" % n)
        prefixed = prefixed.replace(b"xmlns=", b"xmlns:p%d=" % n)
        assert mapping.decode(prefixed) == expected
    assert mapping.decode_plain(mapping.parse(prefixed)) is None
    assert mapping.decode_plain(mapping.parse(wire)) == expected
