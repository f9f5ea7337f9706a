"""How much there is of what, and one page after the other, on both databases."""

from __future__ import annotations

from gateway.store import payments_reads as reads
from gateway.store import payments_sums as sums
from tests.payments.world import World, item, result, returned


async def test_what_waits_and_what_is_open(world: World) -> None:
    _, proposal = await world.propose([item(1), item(2)])
    ask = world.beside.ask
    kind = "credit-transfer"
    assert ask(sums.waiting_items) == [("resident", kind, "proposed", 2, 200_000)]
    world.approve()
    assert ask(sums.waiting_items) == [("resident", kind, "approved", 2, 200_000)]
    [batch_id] = world.build()
    assert ask(sums.waiting_items) == []
    assert ask(sums.open_batches) == [("resident", kind, "built", 1, 200_000)]
    world.release(batch_id)
    await world.tell(returned(batch_id, [result(1), result(2, "rejected")]))
    assert ask(sums.open_batches) == []
    assert ask(sums.open_again, batch_id) == 1
    standing = {"settled": (1, 100_000), "rejected": (1, 100_000)}
    assert ask(sums.standing_of_proposal, proposal) == standing == ask(reads.standing, batch_id)
    assert ask(sums.open_differences) == {}
    await world.tell(returned(batch_id, [result(2)]))
    assert ask(sums.open_differences) == {"resident": 1}


async def test_one_page_after_the_other(world: World) -> None:
    made = [await world.live_batch([item(5 * n + k) for k in range(1, 6)]) for n in range(5)]
    ask = world.beside.ask
    everything = ask(reads.batches, None, None, 100)
    assert {row.id for row in everything} == set(made)
    paged, before = [], None
    while page := ask(reads.batches, "resident", None, 2, before):
        paged += page
        before = (page[-1].created, page[-1].id)
    assert paged == everything
    files, last = [], None
    while found := ask(reads.proposals, None, 2, last):
        files += found
        last = found[-1].message_id
    assert files == ask(reads.proposals, None, 100)
    items, after = [], 0
    while part := ask(reads.items_from, made[0], after, None, 2):
        items += part
        after = part[-1].batch_sequence or 0
    assert items == ask(reads.items_of, made[0])
    assert ask(reads.items_from, made[0], 0, "settled", 2) == []
