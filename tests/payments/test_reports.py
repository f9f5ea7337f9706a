"""Whatever the desk has to tell an agency can be written as the shipped result file, and read again."""

from __future__ import annotations

import pytest

import mappings
from gateway.canonical.payment import BatchReturned
from gateway.payments import item_acts, reports
from gateway.payments.duty import look_after
from mappings import SHIPPED
from tests.payments.world import World, item, result, returned

RESULT = mappings.load(SHIPPED / "bank" / "agency.result.yaml")


def files(world: World) -> list[list[str]]:
    """The files of all that was published, as lines."""
    written = []
    for message in world.published:
        assert isinstance(message.data, BatchReturned)
        content = RESULT.encode(message.data)
        assert RESULT.encode(RESULT.decode(content)) == content
        written.append(content.decode("gb18030").splitlines())
    return written


async def test_items_of_every_end(world: World) -> None:
    await world.propose([item(n) for n in range(1, 6)])
    item_acts.withdraw(
        world.office, world.people["zhang"], world.items(end_to_end_id="E00000005"), "重复申报"
    )
    world.approve()
    [batch_id] = world.build()
    world.release(batch_id)
    said = [
        result(1),
        result(2, "rejected.no-account", raw_code="4", raw_text="帐号不存在"),
        result(3, "partial", amount=100_000, settled_amount=60_000),
        result(4),
    ]
    await world.tell(returned(batch_id, said))
    await world.tell(returned(batch_id, [result(4, "returned")], stage="final.refund"))
    await look_after(world.parts)
    [[head, *rows]] = files(world)
    assert head.split("|")[4:] == ["F", "5", "5000.00", "2", "1600.00", "", "", ""]
    assert [(row.split("|")[0], *row.split("|")[3:7]) for row in rows] == [
        ("E00000001", "1000.00", "1000.00", "00", ""),
        ("E00000002", "1000.00", "", "03", "4"),
        ("E00000003", "1000.00", "600.00", "05", ""),
        ("E00000004", "1000.00", "1000.00", "04", "returned"),
        ("E00000005", "1000.00", "", "0308", ""),
    ]


async def test_a_file_that_was_refused(world: World) -> None:
    await world.propose([item(1), item(2)], partner="agency-b")
    [[head]] = files(world)
    assert head.split("|")[4:11] == ["F", "2", "2000.00", "0", "0.00", "03", "not-allowed"]
    assert "agency-b 不得" in head


async def test_results_of_more_than_one_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "LARGEST", 2)
    batch_id = await world.live_batch([item(n) for n in range(1, 6)])
    await world.tell(returned(batch_id, [result(n) for n in range(1, 6)]))
    await look_after(world.parts)
    assert [(lines[0].split("|")[4], len(lines) - 1) for lines in files(world)] == [
        ("N", 2),
        ("N", 2),
        ("F", 1),
    ]
