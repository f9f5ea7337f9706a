"""The network's centre and bank on queues in memory: they understand what our mappings write, and we understand them."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from adapters.treasury.simulator import keys
from adapters.treasury.simulator.accounts import Accounts
from adapters.treasury.simulator.bank import Bank
from adapters.treasury.simulator.books import Books
from adapters.treasury.simulator.centre import Centre
from adapters.treasury.simulator.desk import Desk
from adapters.treasury.simulator.faults import BANK as BANK_FAULTS
from adapters.treasury.simulator.faults import CENTRE as CENTRE_FAULTS
from adapters.treasury.simulator.faults import Faults, parse
from adapters.treasury.simulator.post import CENTRE, Post
from adapters.treasury.wire import Formats, Head, read_head
from gateway.canonical import Body
from gateway.canonical.levy import DebitBatchReturned, DebitsChecked
from gateway.canonical.levy_network import DebitStateAsked, NodeLogInAsked
from tests.adapters.treasury.people import (
    BANK,
    COLLECTOR,
    DAY,
    NODE,
    Person,
    agreement,
    batch,
    debit,
    reversal,
)

AT = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)
FORMATS = Formats()


class World:
    """Centre and bank, and a node that writes and reads by the gateway's own mappings."""

    def __init__(self, folder: Path, seal: str = "keyed-sm3", part_size: int = 1000) -> None:
        self.queues: dict[str, deque[bytes]] = {}
        self.clock = Clock()
        self.books = Books(folder / "centre.sqlite", f"{DAY:%Y%m%d}")
        self.books.enter(NODE, "DEMO-0001")
        self.accounts = Accounts(folder / "bank.sqlite")
        self.seal = keys.seal(seal, folder / "keys", "node")

        def post(node: str, whose: str, faults: Faults) -> Post:
            return Post(
                node, self, keys.seal(seal, folder / "keys", whose), faults, self.clock,
                lambda: f"{self.books.work_date}{self.books.next(node):012d}", lambda: self.books.work_date,
            )  # fmt: skip

        centre = post(CENTRE, "centre", Faults(CENTRE_FAULTS))
        self.centre = Centre(Desk(self.books, centre, frozenset({BANK})), self.clock, part_size)
        self.bank = Bank(self.accounts, post(BANK, "bank", Faults(BANK_FAULTS)))
        self._serial = 0

    async def put(
        self, queue: str, body: bytes, *, message_id: str, correlation_id: str | None = None
    ) -> None:
        del message_id, correlation_id
        self.queues.setdefault(queue, deque()).append(body)

    async def ask(self, number: str, body: Body, again: str = "") -> str:
        """Sends it; its MsgID."""
        self._serial += 1
        identity = again or f"9{DAY:%Y%m%d}{self._serial:011d}"
        head = Head(
            source=NODE, destination=CENTRE, application="TIPS", number=number, id=identity,
            reference=identity, work_date=DAY,
        )  # fmt: skip
        document = FORMATS.write(number, body, head, AT)
        await self.put("PBC.EXT.ONLINE.IN", self.seal.seal(document), message_id=identity)
        await self.settle()
        return identity

    async def settle(self) -> None:
        """Until nothing is on its way but what is for the node."""
        while True:
            waiting = [name for name, queue in self.queues.items() if queue and NODE not in name]
            if not waiting:
                return
            raw = self.queues[waiting[0]].popleft()
            await (self.centre if "EXT" in waiting[0] else self.bank).take(raw)

    def taken(self) -> list[tuple[Head, Any]]:
        """What came for the node."""
        found = []
        for kind in ("ONLINE", "BATCH"):
            queue = self.queues.get(f"PBC.{NODE}.{kind}.OUT", deque())
            while queue:
                document = self.seal.open(queue.popleft())
                head = read_head(document)
                found.append((head, FORMATS.read(head.number, document, AT)))
        return found

    async def logged_in(self) -> None:
        await self.ask("9006", NodeLogInAsked(password="DEMO-0001"))
        [(head, answer)] = self.taken()
        assert (head.number, answer.raw_code, head.work_date) == ("9007", "90000", DAY)

    def people(self, *people: Person) -> None:
        for person in people:
            self.accounts.agree(person.row())

    def fault(self, text: str) -> None:
        self.centre.post.faults.add(parse(text))


@pytest.fixture(params=["keyed-sm3"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(tmp_path, request.param)
    yield made
    assert made.accounts.balanced()
    assert not made.accounts.twice()


@pytest.mark.parametrize("world", ["pkcs7", "sm2", "none"], indirect=True)
async def test_each_kind_of_seal_is_verified_and_made(world: World) -> None:
    await world.logged_in()


async def test_business_before_the_log_in_is_refused(world: World) -> None:
    asked = await world.ask("1001", debit(Person(1), "00000001"))
    [(head, answer)] = world.taken()
    assert (head.number, head.reference, answer.raw_text) == ("9120", asked, "未登录")


async def test_a_wrong_password_is_refused(world: World) -> None:
    await world.ask("9006", NodeLogInAsked(password="DEMO-0002"))
    [(_, answer)] = world.taken()
    assert answer.raw_code == "90001"


async def test_a_debit_is_made_once_however_often_it_is_asked_for(world: World) -> None:
    await world.logged_in()
    world.people(Person(1))
    asked = debit(Person(1), "00000001")
    ids = [await world.ask("1001", asked), await world.ask("1001", asked)]
    answers = world.taken()
    assert [head.reference for head, _ in answers] == ids
    assert answers[0][1] == answers[1][1]
    assert answers[0][1].raw_code == "90000"
    assert world.accounts.movements(asked.voucher_no) == ["debit"]


async def test_a_debit_is_refused_for_what_is_wrong_with_it(world: World) -> None:
    await world.logged_in()
    world.people(Person(1, balance=399_99), Person(2, verified=False))
    for n in (1, 2, 3):
        await world.ask("1001", debit(Person(n), f"{n:08d}"))
    said = [(answer.raw_code, answer.raw_text) for _, answer in world.taken()]
    assert said == [("90001", "余额不足"), ("90001", "三方协议未验证"), ("90001", "三方协议不存在或已撤销")]
    assert world.accounts.debited() == {}


async def test_a_lost_answer_is_asked_about_and_reversed(world: World) -> None:
    await world.logged_in()
    world.people(Person(1))
    asked = debit(Person(1), "00000001")
    world.fault("lose-2001")
    await world.ask("1001", asked)
    question = DebitStateAsked(
        sender_code=COLLECTOR, kind="1", original_message="1001", entrusted_on=DAY, serial="00000001"
    )
    await world.ask("9003", question)
    await world.ask("1021", reversal(asked, "00000001"))
    (_, state), (_, answer) = world.taken()
    assert (state.state, answer.raw_code) == ("20", "1")
    assert world.accounts.movements(asked.voucher_no) == ["debit", "reversal"]


async def test_what_never_came_is_not_reversed(world: World) -> None:
    await world.logged_in()
    asked = debit(Person(1), "00000001")
    world.fault("drop-1001")
    await world.ask("1001", asked)
    await world.ask("1021", reversal(asked, "00000001"))
    [(_, answer)] = world.taken()
    assert answer.raw_code == "0"


async def test_an_agreement_is_compared_in_full_and_then_verified(world: World) -> None:
    await world.logged_in()
    wide = Person(7, verified=False)
    world.accounts.agree({**wide.row(), "holder": "示例７"})
    await world.ask("9114", agreement(wide, "00000001"))
    await world.ask("9114", agreement(Person(8), "00000002"))
    assert [answer.agreed for _, answer in world.taken()] == [True, False]
    await world.ask("1001", debit(wide, "00000001"))
    await world.ask("9114", agreement(wide, "00000003", revoke=True))
    await world.ask("1001", debit(wide, "00000002"))
    assert [a.raw_code for h, a in world.taken() if h.number == "2001"] == ["90000", "90001"]


async def test_a_package_partly_succeeds_and_is_answered_again_as_it_was(world: World) -> None:
    await world.logged_in()
    people = [Person(n, balance=0 if n % 3 == 0 else 1_000_00) for n in range(1, 11)]
    world.people(*people)
    asked = await world.ask("1102", batch(people, "00000001"))
    await world.ask("1102", batch(people, "00000001"))
    (head, first), (_, second) = world.taken()
    assert isinstance(first, DebitBatchReturned)
    assert head.reference == asked
    assert first == second
    assert first.original_batch_no == "00000001"
    assert [r.raw_code == "90000" for r in first.results] == [n % 3 != 0 for n in range(1, 11)]


async def test_the_day_balances_and_what_the_centre_lacks_is_reversed(tmp_path: Path) -> None:
    world = World(tmp_path, part_size=2)
    await world.logged_in()
    people = [Person(n) for n in range(1, 6)]
    world.people(*people)
    world.bank.faults.add(parse("in-doubt-after"))
    for n, person in enumerate(people, start=1):
        await world.ask("1001", debit(person, f"{n:08d}"))
    world.taken()
    assert len(world.accounts.debited()) == 5
    world.fault("parts-reversed")
    await world.centre.day_end.close(f"{DAY:%Y%m%d}")
    await world.settle()
    came = world.taken()
    parts = [body for _, body in came if isinstance(body, DebitsChecked)]
    assert [part.part_no for part in parts] == [2, 1]
    assert {part.total_count for part in parts} == {4}
    listed = {row.voucher_no for part in parts for row in part.debits}
    assert listed == set(world.accounts.debited())
    assert world.accounts.movements(people[0].voucher()) == ["debit", "reversal"]
    assert [head.number for head, _ in came if head.number.startswith("32")] == ["3200", "3201"]


async def test_a_damaged_message_is_answered_and_has_no_effect(world: World) -> None:
    await world.logged_in()
    world.people(Person(1))
    await world.ask("1001", debit(Person(1), "00000001"))
    world.taken()
    head = Head(
        source=NODE, destination=CENTRE, application="TIPS", number="1001", id="1" * 20, reference="1" * 20,
        work_date=DAY,
    )  # fmt: skip
    document = FORMATS.write("1001", debit(Person(1), "00000002"), head, AT)
    forged = document + world.seal.seal(document)[len(document) :].replace(b"A", b"B", 1)
    await world.put("PBC.EXT.ONLINE.IN", forged, message_id="1" * 20)
    await world.settle()
    [(answered, answer)] = world.taken()
    assert (answered.number, answer.raw_text) == ("9120", "签名不符")
