"""Names, layouts, bundles, and the growing edge against tiles computed from scratch."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import verify
from gateway.audit.merkle import leaf_row, root
from gateway.audit.tiles import Edge, bundle_path, layout, number_path, pack, tile_path, unpack


@pytest.mark.parametrize(
    ("number", "path"),
    [
        (0, "000"),
        (67, "067"),
        (999, "999"),
        (1000, "x001/000"),
        (1234067, "x001/x234/067"),
        (999999999, "x999/x999/999"),
    ],
)
def test_numbers(number: int, path: str) -> None:
    assert number_path(number) == path
    assert verify._name("entries", number) == bundle_path(number) == f"tile/entries/{path}"
    assert verify._name(3, number, 17) == tile_path(3, number, 17) == f"tile/3/{path}.p/17"


@pytest.mark.parametrize("width", [0, -1, 257])
def test_no_such_width(width: int) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        tile_path(0, 0, width)


def test_layout_of_70000() -> None:
    paths = list(layout(70000))
    assert Counter(path.split("/")[1] for path in paths if ".p/" not in path) == {
        "0": 273,
        "1": 1,
        "entries": 273,
    }
    assert {path for path in paths if ".p/" in path} == {
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
        "tile/entries/273.p/112",
    }


def test_layout_of_256() -> None:
    assert list(layout(256)) == ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]


def test_layout_of_small_logs() -> None:
    assert list(layout(0)) == []
    assert list(layout(1)) == ["tile/0/000.p/1", "tile/entries/000.p/1"]


@given(st.lists(st.binary(max_size=400)))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    assert unpack(pack(entries)) == entries


def test_the_largest_entry() -> None:
    assert unpack(pack([bytes(65535)])) == [bytes(65535)]
    with pytest.raises(OverflowError):
        pack([bytes(65536)])


@pytest.mark.parametrize("bundle", [b"\x00", b"\x00\x02a", b"\x00\x00\x00"])
def test_broken_bundles(bundle: bytes) -> None:
    with pytest.raises(ValueError, match="ends in the middle"):
        unpack(bundle)


def files_from_scratch(entries: list[bytes]) -> dict[str, bytes]:
    """Every file of a log by the definition of tiles, without any increment."""
    files = {}
    for path in layout(len(entries)):
        kind, number = (
            path.split("/")[1],
            int(path.split("/", 2)[2].split(".")[0].replace("x", "").replace("/", "")),
        )
        if kind == "entries":
            files[path] = pack(entries[number * 256 : (number + 1) * 256])
            continue
        span = 256 ** int(kind)
        starts = range(number * 256 * span, min((number + 1) * 256 * span, len(entries) // span * span), span)
        files[path] = b"".join(root(leaf_row(entries[start : start + span])) for start in starts)
    return files


@given(st.lists(st.integers(1, 600), max_size=5))
def test_growing_gives_the_same_files_as_building_at_once(steps: list[int]) -> None:
    entries = [str(i).encode() for i in range(sum(steps))]
    edge, written, start = Edge(), dict[str, bytes](), 0
    for step in steps:
        edge, files, obsolete = edge.grow(entries[start : start + step])
        written |= {file.path: file.data for file in files}
        assert {file.path for file in files} >= set(obsolete)
        start += step
        wanted = files_from_scratch(entries[:start])
        assert {path: written[path] for path in wanted} == wanted
    assert edge.size == start


def test_growing_over_a_level_two_tile() -> None:
    entries = [b"%d" % i for i in range(66000)]
    edge, first, _ = Edge().grow(entries[:65000])
    edge, second, obsolete = edge.grow(entries[65000:])
    files = {file.path: file.data for file in first + second}
    wanted = files_from_scratch(entries)
    assert {path: files[path] for path in wanted} == wanted
    assert set(obsolete) == {"tile/entries/253", "tile/0/253", "tile/1/000"}


def test_only_changed_tiles_are_written() -> None:
    edge, _, _ = Edge().grow([b""] * 256)
    _, files, obsolete = edge.grow([b"x"])
    assert [file.path for file in files] == ["tile/0/001.p/1", "tile/entries/001.p/1"]
    assert obsolete == []
