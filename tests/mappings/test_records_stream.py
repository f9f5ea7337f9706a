"""Files of records as streams: the same as whole, at any block size; refused rows told of and left out."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.canonical.payment import PaymentBatch, PaymentItem
from mappings import Mapping, MappingError
from mappings.stream import KEPT, RefusedRow
from mappings.testing import strategy
from tests.mappings import tools
from tests.mappings.batch import DELIMITED, FIXED, batch, make

ANY = settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", params=[DELIMITED, FIXED, FIXED.replace("line_end: lf", "line_end: none")])
def mapping(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping:
    return make(tmp_path_factory.mktemp("records"), request.param)


@pytest.fixture
def delimited(tmp_path: Path) -> Mapping:
    return make(tmp_path, DELIMITED)


def said(job: Callable[[], Any]) -> tuple[Any, Any]:
    """What comes of it: a value, or what was refused."""
    try:
        return job(), None
    except MappingError as no:
        return None, no


def read(mapping: Mapping, data: bytes, size: int) -> tuple[PaymentBatch, list[RefusedRow]]:
    told: list[RefusedRow] = []
    with mapping.read(io.BytesIO(data), told.append, block=size) as rows:
        found = tuple(rows)
        assert rows.count == len(found)
        assert rows.refused_count == len(told)
        return replace(rows.body, items=found), told


def test_any_block_size_gives_what_the_whole_gives(mapping: Mapping) -> None:
    @ANY
    @given(strategy(mapping), st.integers(1, 400))
    def same(body: Any, size: int) -> None:
        data = mapping.encode(body)
        assert read(mapping, data, size) == (body, [])
        out = io.BytesIO()
        mapping.write(out, replace(body, items=()), iter(body.items))
        assert out.getvalue() == data

    same()


def test_characters_may_be_cut_by_any_block(mapping: Mapping) -> None:
    data = mapping.encode(batch(5))
    for size in range(1, 130):
        assert read(mapping, data, size) == (batch(5), [])


def test_damage_is_refused_alike_in_a_stream_and_in_the_whole(mapping: Mapping) -> None:
    """Whatever the whole accepts, the stream accepts with the same rows; whatever it refuses, so does the stream."""
    data = mapping.encode(batch(5))

    @settings(max_examples=300, deadline=None, database=None)
    @given(st.integers(0, len(data) - 1), st.integers(0, 12), st.binary(max_size=8), st.integers(1, 300))
    def same(start: int, cut: int, put: bytes, size: int) -> None:
        damaged = data[:start] + put + data[start + cut :]
        whole, refused = said(lambda: mapping.decode(damaged))
        streamed, no = said(lambda: read(mapping, damaged, size))
        if whole is not None:
            assert streamed == (whole, [])
        elif no is None:
            told = {fault.field for row in streamed[1] for fault in row.faults}
            assert told >= {fault.field for fault in refused.faults}

    same()


def test_the_head_is_known_before_the_rows(delimited: Mapping) -> None:
    rows = delimited.read(io.BytesIO(delimited.encode(batch())))
    assert rows.head == {
        "kind": "credit-transfer", "batch_id": "B1", "requested_on": None,
        "number_of_transactions": 3, "control_sum": 6006,
    }  # fmt: skip
    with pytest.raises(RuntimeError):
        _ = rows.body


def test_a_refused_row_is_told_of_and_left_out(delimited: Mapping) -> None:
    data = delimited.encode(batch(500)).replace(b"|9901000101|", b"|990100010199999999999999|")
    found, told = read(delimited, data, 1 << 18)
    assert [item.sequence for item in found.items] == [n for n in range(1, 501) if n != 101]
    (row,) = told
    assert (row.index, row.line) == (100, 102)
    assert data[row.offset :].startswith(b"00000101|101|")
    (fault,) = row.faults
    assert (fault.field, fault.canonical, fault.rule) == ("item[101]/id", "items[100].document_no", "length")
    assert (fault.line, fault.column) == (102, 5)
    assert "99010" not in fault.zh + fault.en


def test_totals_hold_with_a_refused_row_whose_amount_can_be_read(delimited: Mapping) -> None:
    data = delimited.encode(batch(5))
    found, told = read(delimited, data.replace(b"\n00000002|", b"\n0000000x|"), 1 << 18)
    assert len(found.items) == 4
    assert len(told) == 1
    with pytest.raises(MappingError) as caught:
        read(delimited, data.replace(b"|20.02|", b"|x|"), 1 << 18)
    assert {f.rule for f in caught.value.faults} == {"total"}


def test_wrong_totals_are_refused_at_the_end(delimited: Mapping) -> None:
    data = delimited.encode(batch(5)).replace(b"|20.02|", b"|20.03|")
    with pytest.raises(MappingError) as caught, delimited.read(io.BytesIO(data)) as rows:
        assert sum(1 for _ in rows) == 5
    assert [(f.field, f.rule) for f in caught.value.faults] == [
        ("head/total", "total"),
        ("tail/total", "total"),
    ]


def test_only_some_refused_rows_are_kept_and_all_told(delimited: Mapping) -> None:
    data = delimited.encode(batch(300)).replace("养老|".encode("gbk"), b"\x80|")
    with pytest.raises(MappingError):
        read(delimited, data, 1000)
    told: list[RefusedRow] = []
    with delimited.read(io.BytesIO(data), told.append) as rows, pytest.raises(MappingError):
        list(rows)
    assert len(told) == 300
    assert len(rows.refused) == KEPT
    assert rows.refused_count == 300


def test_a_wrong_head_ends_the_reading_at_once(delimited: Mapping) -> None:
    data = delimited.encode(batch())
    for wrong, rule in ((data.replace(b"|3|", b"|x|", 1), "int"), (b"", "missing"), (data[1:], "starts")):
        with pytest.raises(MappingError) as caught:
            delimited.read(io.BytesIO(wrong))
        assert caught.value.rule == rule


def test_a_file_without_line_ends_is_refused_in_bounded_memory(delimited: Mapping) -> None:
    class Endless:
        def read(self, size: int) -> bytes:
            return b"x" * size

    with pytest.raises(MappingError) as caught:
        delimited.read(cast(IO[bytes], Endless()))
    assert caught.value.rule == "size"


def test_memory_does_not_grow_with_the_file(mapping: Mapping, tmp_path: Path) -> None:
    count = 60_000

    def items() -> Iterator[PaymentItem]:
        some = batch(2).items[1]
        return (replace(some, sequence=n) for n in range(1, count + 1))

    body = replace(batch(0), number_of_transactions=count, control_sum=count * 2002)
    path = tmp_path / "large.txt"
    tracemalloc.start()
    try:
        with path.open("wb") as out:
            mapping.write(out, body, items())
        with path.open("rb") as file, mapping.read(file) as rows:
            assert sum(1 for _ in rows) == count
        assert rows.body == body
        assert tracemalloc.get_traced_memory()[1] < 12 << 20 < path.stat().st_size * 4
    finally:
        tracemalloc.stop()


def test_what_cannot_be_said_ends_the_writing(delimited: Mapping) -> None:
    rows = [*batch(3).items[:2], replace(batch(3).items[2], name="𠮷")]
    with pytest.raises(MappingError) as caught:
        delimited.write(io.BytesIO(), replace(batch(3), items=()), rows)
    assert [(f.canonical, f.rule) for f in caught.value.faults] == [("items[2].name", "charset")]
    with pytest.raises(MappingError) as caught:
        delimited.write(io.BytesIO(), replace(batch(4), items=()), batch(3).items)
    assert {f.rule for f in caught.value.faults} == {"count", "total"}


def test_other_formats_are_no_streams(tmp_path: Path) -> None:
    other = tools.make(tmp_path)
    with pytest.raises(TypeError):
        other.read(io.BytesIO())


def test_a_line_without_end_after_others_is_refused_in_bounded_memory(delimited: Mapping) -> None:
    head = b"H|credit-transfer|B1|20261120|0|0.00|\r\n"

    class Endless:
        given = 0

        def read(self, size: int) -> bytes:
            self.given += 1
            assert self.given < 100
            return head + b"x\n" if self.given == 1 else b"x" * size

    given: dict[str, Any] = dict.fromkeys(delimited.elsewhere)
    with delimited.read(cast(IO[bytes], Endless()), **given) as rows, pytest.raises(MappingError) as caught:
        list(rows)
    assert caught.value.rule == "size"
