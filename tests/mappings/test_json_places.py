"""`x[1]/y` in JSON, an array that holds exactly one object; and fields that are assumed for every row."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from gateway.canonical.settlement import ReversalDone
from mappings import SHIPPED, Mapping, MappingError, lint, load
from mappings.samples import round_trip
from mappings.testing import check_laws
from tests.mappings.tools import REVERSAL, lines, rules, write

ONE = (
    "{at: 'a[1]/omsgid', to: original_message_id, as: text(30)}",
    "{at: 'a[1]/b[1]/code', to: raw_code, as: text(6)}",
    "{at: 'a[1]/text', to: raw_text, as: text(20)}",
)
BODY = ReversalDone(original_message_id="1", raw_code="2", raw_text="三")
WIRE = '{"a":[{"omsgid":"1","b":[{"code":"2"}],"text":"三"}]}'.encode()


@pytest.fixture
def one(tmp_path: Path) -> Mapping:
    return lines(tmp_path, "{kind: json}", *ONE)


def test_an_array_of_one_is_read_and_written_both_ways(one: Mapping) -> None:
    assert one.encode(BODY) == WIRE
    assert one.decode(WIRE) == BODY
    assert one.decode_plain(one.parse(WIRE)) == BODY
    round_trip(one, BODY)
    check_laws(one)


def test_one_that_may_lack_is_left_out(tmp_path: Path) -> None:
    mapping = lines(tmp_path, "{kind: json}", *ONE[:2], ONE[2].replace("a[1]/", "a[1]/c[1]/"))
    check_laws(mapping)
    bare = replace(BODY, raw_text=None)
    assert mapping.encode(bare) == b'{"a":[{"omsgid":"1","b":[{"code":"2"}]}]}'
    assert mapping.decode(b'{"a":[{"omsgid":"1","b":[{"code":"2"}],"c":[]}]}') == bare


def test_the_quick_ways_take_it(one: Mapping) -> None:
    assert one._quick_write is not None
    assert msgspec.json.encode(one._quick_write(BODY, {})) == WIRE
    assert one._quick_read is not None
    for odd in (b'{"a":[]}', b'{"a":[{},{}]}', b'{"a":{}}', b'{"a":null}', b"{}"):
        assert one.decode_plain(one.parse(odd)) is None


@pytest.mark.parametrize(
    ("wire", "fault"),
    [
        (b'{"a":{"omsgid":"1","b":[{"code":"2"}],"text":"3"}}', ("a[1]", "shape")),
        (b'{"a":[{"omsgid":"1","b":[{"code":"2"},{}],"text":"3"}]}', ("a[1]/b[1]", "shape")),
        (b'{"a":[{"omsgid":"1","b":["2"],"text":"3"}]}', ("a[1]/b[1]", "shape")),
        (b'{"a":[{"omsgid":"1","b":[],"text":"3"}]}', ("a[1]/b[1]/code", "missing")),
        (b'{"a":[{"omsgid":"1","b":[{"code":"2","x":"3"}],"text":"3"}]}', ("a[1]/b[1]/x", "unknown")),
    ],
)
def test_anything_but_one_object_is_refused(one: Mapping, wire: bytes, fault: tuple[str, str]) -> None:
    assert rules(one, wire) == [fault]


def test_unknown_fields_within_are_kept_and_put_back() -> None:
    mapping = load(SHIPPED / "bank/cdc.credit_transfer_answer.yaml")
    wire = b'{"bb6cdcbhz1":[{"reqnbr":"1","reqsta":"BNK","rsv":{"x":1}}],"other":[1]}'
    body = mapping.decode(wire, batch_id="B1")
    assert mapping.encode(body) == wire
    with pytest.raises(MappingError) as no:  # what would go back into the array is not taken from beside it
        mapping.decode(wire.replace(b'"other"', b'"bb6cdcbhz1[1]"'), batch_id="B1")
    assert [(f.field, f.rule) for f in no.value.faults] == [("bb6cdcbhz1[1]", "unknown")]


def test_envelope_values_are_found_within() -> None:
    mapping = load(SHIPPED / "bank/cdc.details.yaml")
    tree = mapping.parse(b'{"bb6dtlqyy1":[{"reqnbr":"1","trxseq":"00001000"}],"bb6dtlqyz1":[]}')
    assert mapping.read_envelope(tree) == {"reqnbr": "1", "trxseq": "00001000"}


def test_lint_wants_one_spelling_of_a_place(tmp_path: Path) -> None:
    for path, expected in (
        ("'a[1]'", "invalid path"),
        ("'[1]/x'", "invalid path"),
        ("'omsgid[1]/x'", "line 8 says"),
    ):
        problems = lint(write(tmp_path, REVERSAL.replace("at: text", f"at: {path}")))
        assert any(expected in p.en for p in problems), path


class TestAssumedForEveryRow:
    mapping = load(SHIPPED / "bank/cdc.refunds.yaml")
    wire = '{"bb6rfdqyz1":[{"bthdtl":"00000001","eacnbr":"1","eacnam":"张测试","trsamt":"1.00"}]}'.encode()

    def test_is_read_and_no_other_value_is_written(self) -> None:
        body = self.mapping.decode(self.wire, batch_id="B1", stage="final", bank_reference="1")
        assert [row.status for row in body.results] == ["returned"]  # type: ignore[union-attr]
        round_trip(self.mapping, body)
        settled = tuple(replace(row, status="settled") for row in body.results)  # type: ignore[union-attr]
        with pytest.raises(MappingError) as no:
            self.mapping.encode(replace(body, results=settled))
        assert [(f.canonical, f.rule) for f in no.value.faults] == [("results[0].status", "assumed")]

    def test_lint_knows_the_fields_of_rows(self, tmp_path: Path) -> None:
        text = (SHIPPED / "bank/cdc.refunds.yaml").read_text("utf-8")
        for wrong in ("results.nothing", "nothing.status"):
            path = tmp_path / "refunds.yaml"
            path.write_text(text.replace("to: results.status", f"to: {wrong}"), "utf-8")
            assert any("no field" in p.en for p in lint(path)), wrong
