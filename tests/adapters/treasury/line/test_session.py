"""Logging in and out, the network's day, and what makes business wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.treasury.line.session import Phase
from gateway.bus.private_broker import PrivateBroker
from gateway.canonical.levy_network import (
    NodeFaultAnnounced,
    NodeLoggedOut,
    NodeLogInAnswered,
    ServiceStopped,
    WorkingDayChanged,
)
from gateway.contract import Accepted, PartnerDown, Unavailable
from tests.adapters.treasury.line.rig import CENTRE, NEXT_DAY, Rig, answered, played, receipt, switched
from tests.adapters.treasury.people import BANK, DAY, NODE, Person, debit
from tests.twisted_runner import sleep

pytestmark = pytest.mark.rabbitmq
ASKED = debit(Person(1), "00000071")


def kept(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


async def waits(rig: Rig) -> str:
    """Business waits; in whose words."""
    with pytest.raises(PartnerDown) as down:
        await rig.send(ASKED)
    return down.value.zh


async def test_business_waits_for_the_log_in_and_its_day(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path, log_in=False) as (rig, centre):
        assert "尚未登录" in await waits(rig)
        await rig.logged_in()
        assert rig.channel.session.day() == DAY
        [(head, asked)] = centre.of("9006")
        assert (asked.password, asked.new_password) == ("DEMO-0001", None)
        assert head.work_date is None  # nobody had told
        # The house hears of the day; and no password is anywhere.
        assert rig.accepted(WorkingDayChanged) == [switched(DAY)]
        assert "DEMO-0001" not in str(rig.harness.log.entries)
        assert b"DEMO-0001" not in kept(tmp_path)


async def test_a_refused_log_in_is_tried_again(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path, log_in=False) as (rig, centre):
        good = centre.scripts["9006"]
        centre.scripts["9006"] = lambda _head, _body: [("9007", NodeLogInAnswered(raw_code="90001"))]
        await rig.until(lambda: rig.logged("treasury.log_in_refused"))
        assert "尚未登录" in await waits(rig)
        centre.scripts["9006"] = good
        await rig.logged_in()


async def test_a_log_in_nobody_answers_is_tried_again(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path, log_in=False) as (rig, centre):
        good = centre.scripts.pop("9006")
        await rig.until(lambda: rig.logged("treasury.log_in_unanswered"))
        centre.scripts["9006"] = good
        await rig.logged_in()


async def test_a_new_password_is_handed_over_once_and_used_from_then_on(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path, session={"new_password": "DEMO-0002"}) as (rig, centre):
        await rig.until(lambda: len(centre.of("9006")) == 1)
        await centre.send("9103", NodeLoggedOut())
        await rig.until(lambda: len(centre.of("9006")) == 2)
        said = [(body.password, body.new_password) for _, body in centre.of("9006")]
        assert said == [("DEMO-0001", "DEMO-0002"), ("DEMO-0002", None)]


async def test_a_new_password_whose_acceptance_was_lost(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path, log_in=False, session={"new_password": "DEMO-0002"}) as (
        rig,
        centre,
    ):
        good = centre.scripts["9006"]
        centre.scripts["9006"] = lambda head, body: (
            good(head, body) if body.password == "DEMO-0002" else [receipt("9006", "90001")]
        )
        await rig.logged_in()
        assert [body.password for _, body in centre.of("9006")][:2] == ["DEMO-0001", "DEMO-0002"]


async def test_the_day_is_durable_before_its_message_is_gone(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await centre.send("9101", switched(NEXT_DAY, "2"))
        await rig.until(lambda: rig.channel.session.known_day == NEXT_DAY)
        assert await rig.channel.ledger.fact("day") == NEXT_DAY.isoformat()
        assert rig.accepted(WorkingDayChanged)[-1] == switched(NEXT_DAY, "2")


async def test_where_the_store_is_away_the_day_stays_on_the_queue(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        rig.harness.inbox.error = Unavailable("库不可用", "no store")
        await centre.send("9101", switched())
        await rig.until(lambda: rig.logged("mq.take_failed"))
        assert rig.channel.session.known_day == DAY
        rig.harness.inbox.error = None
        await rig.until(lambda: rig.channel.session.known_day == NEXT_DAY)


async def test_an_old_answer_to_a_log_in_brings_no_old_day(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        [(first, _)] = centre.of("9006")
        await centre.send("9103", NodeLoggedOut())
        await rig.until(lambda: len(centre.of("9006")) == 2)
        await rig.logged_in()
        await centre.send("9101", switched())
        await rig.until(lambda: rig.channel.session.known_day == NEXT_DAY)
        await centre.send("9007", NodeLogInAnswered(raw_code="90000", system_state="1"), first.id)
        await sleep(0.3)
        assert rig.channel.session.known_day == NEXT_DAY


async def test_a_switch_that_overtakes_the_answer_to_the_log_in_holds(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path, log_in=False) as (rig, centre):
        centre.scripts.pop("9006")
        await rig.until(lambda: centre.of("9006"))
        [(head, _), *_] = centre.of("9006")
        await centre.send("9101", switched())
        await rig.until(lambda: rig.channel.session.known_day == NEXT_DAY)
        await centre.send("9007", NodeLogInAnswered(raw_code="90000", system_state="1"), head.id)
        await rig.logged_in()
        assert rig.channel.session.known_day == NEXT_DAY


async def test_a_switch_to_an_earlier_day_is_not_believed_before_a_log_in(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    """It may have lain on the queue for days, and come behind a later one."""
    async with played(queue_manager, tmp_path) as (rig, centre):
        await centre.send("9101", switched())
        await rig.until(lambda: rig.channel.session.known_day == NEXT_DAY)
        centre.day = NEXT_DAY
        await centre.send("9101", switched(DAY))
        await rig.until(lambda: len(centre.of("9006")) == 2)
        await rig.logged_in()
        assert rig.channel.session.known_day == NEXT_DAY
        assert await rig.channel.ledger.fact("day") == NEXT_DAY.isoformat()
        # Where the network did go back, the log-in says so.
        centre.day = DAY
        await centre.send("9101", switched(DAY))
        await rig.until(lambda: len(centre.of("9006")) == 3)
        await rig.until(lambda: rig.channel.session.known_day == DAY)


async def test_thrown_out_it_logs_in_again(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await centre.send("9103", NodeLoggedOut(reason="日终"))
        await rig.until(lambda: len(centre.of("9006")) == 2)
        await rig.logged_in()
        assert rig.accepted(NodeLoggedOut) == [NodeLoggedOut(reason="日终")]


@pytest.mark.parametrize("number", ["9102", "9104"])
async def test_halted_until_the_network_says_otherwise(
    queue_manager: PrivateBroker, tmp_path: Path, number: str
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts.pop("9006")  # logging in does not help
        fault = NodeFaultAnnounced(node_code=CENTRE, node_state="0")
        await centre.send(number, fault if number == "9102" else ServiceStopped(run_sign="0"))
        await rig.until(lambda: rig.channel.session.phase is Phase.HALTED)
        assert "停运" in await waits(rig)
        await centre.send("9101", switched())
        await rig.logged_in()
        assert rig.channel.session.day() == NEXT_DAY


async def test_halted_it_tries_to_log_in(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await centre.send("9104", ServiceStopped(run_sign="0"))
        await rig.until(lambda: len(centre.of("9006")) == 2)
        await rig.logged_in()


@pytest.mark.parametrize(("node", "halted"), [(BANK, False), (NODE, True)])
async def test_the_fault_of_another_node_is_only_noted(
    queue_manager: PrivateBroker, tmp_path: Path, node: str, halted: bool
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        centre.scripts.pop("9006")
        await centre.send("9102", NodeFaultAnnounced(node_code=node, node_state="0"))
        await rig.until(lambda: rig.accepted(NodeFaultAnnounced))
        await sleep(0.1)
        assert (rig.channel.session.phase is Phase.HALTED) is halted


async def test_only_named_states_are_open(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path, session={"open_states": ["1"]}) as (rig, centre):
        centre.scripts["1001"] = lambda _head, body: [answered(body)]
        await centre.send("9101", switched(NEXT_DAY, "2"))
        await rig.until(lambda: rig.channel.session.known_day == NEXT_DAY)
        assert "停运" in await waits(rig)
        await centre.send("9101", switched(NEXT_DAY, "1"))
        await rig.until(lambda: rig.channel.session._state == "1")
        assert isinstance(await rig.send(ASKED), Accepted)


async def test_a_test_nobody_answers_leads_to_a_new_log_in(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path, session={"test_every": 0.2}) as (rig, centre):
        await rig.until(lambda: len(centre.of("9005")) >= 2)
        assert len(centre.of("9006")) == 1
        centre.scripts.pop("9005")
        await rig.until(lambda: len(centre.of("9006")) >= 2)


async def test_stopping_says_good_bye(queue_manager: PrivateBroker, tmp_path: Path) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await rig.receiver.stop()
        assert len(centre.of("9008")) == 1
        assert "尚未登录" in await waits(rig)


async def test_stopping_lets_a_question_under_way_hear_its_answer(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    from twisted.internet.defer import Deferred

    async with played(queue_manager, tmp_path, timeout=5.0) as (rig, centre):
        sending = Deferred.fromCoroutine(rig.send(ASKED))
        await rig.until(lambda: centre.of("1001"))
        stopping = Deferred.fromCoroutine(rig.receiver.stop())
        [(head, wire)] = centre.of("1001")
        await centre.send(*answered(wire), head.id)
        await stopping
        assert isinstance(await sending, Accepted)


async def test_started_again_it_logs_in_again_with_the_day_it_remembers(
    queue_manager: PrivateBroker, tmp_path: Path
) -> None:
    async with played(queue_manager, tmp_path) as (rig, centre):
        await rig.receiver.stop()
        await rig.receiver.start()
        await rig.until(lambda: len(centre.of("9006")) == 2)
        await rig.logged_in()
        assert centre.of("9006")[1][0].work_date == DAY
