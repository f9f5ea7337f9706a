"""The law: whatever happens to the line, what was confirmed is taken at least once, and whole."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.transports.mq import Arrived
from tests.transports.mq.conftest import Backend
from tests.transports.mq.test_contract import Inbox, outcome, until
from tests.twisted_runner import run, sleep

_MISHAPS = st.lists(
    st.sampled_from(["put", "put", "put", "cut", "deaf", "mute", "fail", "pause", "again"]),
    min_size=3,
    max_size=15,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_MISHAPS)
def test_confirmed_is_taken(backend: Backend, mishaps: list[str]) -> None:
    run(_play(backend, mishaps), timeout=60.0)


async def _play(backend: Backend, mishaps: list[str]) -> None:
    queue, link, inbox = backend.make("mq.law"), backend.link(confirm_timeout=1.0, reconnect_max=0.2), Inbox()
    subscription = await link.consume(queue, inbox)
    failing = Counter[str]()

    def fail(arrived: Arrived) -> bool:
        failing[str(arrived.message_id)] += 1
        return failing["due"] > 0 and failing[str(arrived.message_id)] < 2

    inbox.fail = fail
    results: dict[str, str] = {}
    for number, mishap in enumerate(mishaps):
        if mishap in ("cut", "deaf", "mute"):
            backend.faults.deaf, backend.faults.mute = mishap == "deaf", mishap == "mute"
            putting = outcome(link.put(queue, body_of(number), message_id=str(number)))
            await sleep(0.02)
            backend.faults.cut()
            backend.faults.deaf = backend.faults.mute = False
            results[str(number)] = await putting
        elif mishap == "fail":
            failing["due"] = 1
        elif mishap == "again":
            await subscription.stop()
            subscription = await link.consume(queue, inbox)
        elif mishap == "pause":
            await sleep(0.1)
        else:
            results[str(number)] = await outcome(link.put(queue, body_of(number), message_id=str(number)))
    confirmed = {name for name, result in results.items() if result == "confirmed"}
    refused = {name for name, result in results.items() if result == "PartnerDown"}
    await until(lambda: confirmed <= set(map(str, inbox.ids)) and backend.waiting(queue) == 0)
    assert not refused & set(map(str, inbox.ids))
    assert all(arrived.body == body_of(int(str(arrived.message_id))) for arrived in inbox.got)
    assert inbox.most_at_once <= 1
    await link.close()


def body_of(number: int) -> bytes:
    """A document as the treasury's are: GBK, and bytes that are no text."""
    return f"第{number}笔".encode("gbk") + bytes([0, number, 0xCE])
