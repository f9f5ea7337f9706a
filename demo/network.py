"""The treasury network (财税库银) of a play: a collection office, an enrolment system, the centre and a bank behind it."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from adapters.hospital.simulator import invented
from demo.bank import today
from demo.stage import EXAMPLE, Stage, free_port, post

TREASURY = EXAMPLE / "examples" / "treasury"
COLLECTOR = "299010100000"
_BANK, _BRANCH = "999100000011", "999100000020"
_PAYEE = ("999331001011", "9901010000", "990101000000271", "国家金库虚构市支库")


class Contributor(NamedTuple):
    """Somebody who agreed that fees may be taken from an account."""

    n: int
    name: str
    number: str
    balance: int  #: fen

    @property
    def account(self) -> str:
        """At the network's bank."""
        return f"62299900004{self.n:08}"

    @property
    def agreement(self) -> str:
        """三方协议号."""
        return f"XY990101{self.n:08}"

    def voucher(self, of: int) -> str:
        """费票号码 of the `of`-th fee."""
        return f"39901{of:03}{self.n:08}"


def contributor(n: int) -> Contributor:
    """The n-th; every fiftieth has less on the account than a fee comes to."""
    first17 = f"990101{1950 + n % 50}{n // 50 % 12 + 1:02}01{n % 1000:03}"
    name = f"虚构{'甲乙丙丁戊己庚辛壬癸'[n % 10]}"
    return Contributor(n, name, first17 + invented.check_digit(first17), 100 if n % 50 == 0 else 200_000)


class Debited(NamedTuple):
    """What the bank's books say of one voucher."""

    times: int  #: how often money was taken
    sum: int  #: fen, what it came to in the end


class Network:
    """Made after the stage is prepared and before the gateway starts.

    Args:
        amqp: of the queue manager that the network's queues are on.
        people: how many agreements the bank knows.
    """

    def __init__(self, stage: Stage, amqp: str, people: int) -> None:
        self.stage = stage
        self.folder = stage.folder / "treasury"
        self.folder.mkdir()
        self._amqp = amqp
        self._office = stage.folder / "exchange" / "levy-office"
        for part in ("in", "out"):
            (self._office / part).mkdir(parents=True)
        self.people = [contributor(n) for n in range(1, people + 1)]
        self._enter()
        self._join()

    def _enter(self) -> None:
        with (self.folder / "accounts.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(
                ["agreement", "collector", "contributor", "name", "account", "holder", "balance", "verified"]
            )
            rows.writerows(
                [p.agreement, COLLECTOR, p.number, p.name, p.account, p.name, p.balance, int(p.n != 1)]
                for p in self.people
            )

    def _join(self) -> None:
        broker, listen = urlsplit(self._amqp), f"127.0.0.1:{free_port()}"
        self._url = f"http://{listen}/levy"
        (self.stage.config / "levies.yaml").write_bytes((TREASURY / "levies.yaml").read_bytes())
        self.stage.join(
            TREASURY,
            {
                "treasury": {
                    "settings": {
                        "mq": {"address": f"{broker.hostname}:{broker.port}"},
                        "timeout": "2s",
                        "packages": {"answer_timeout": "500ms"},
                    }
                },
                "levy-online": {"settings": {"reply_timeout": "4s", "inbound": {"listen": listen}}},
                "levy-office": {
                    "settings": {
                        "inbound": {"path": str(self._office / "in"), "interval": "100ms"},
                        "outbound": {"path": str(self._office / "out")},
                    }
                },
            },
            before=True,
        )

    def start(self) -> None:
        """Centre and bank, in a process of their own."""
        announced = self.folder / "announced.json"
        self.stage.start_partner(
            announced.exists,
            *("-m", "adapters.treasury.simulator", "--mq", self._amqp, "--folder", str(self.folder)),
            *("--accounts", str(self.folder / "accounts.csv"), "--announce", str(announced)),
        )

    async def order(self, reactor: Any, *names: str) -> None:
        """Tells the network to do something, see its `orders.py`; returns when it has begun."""
        for name in names:
            file = self.folder / "orders" / name
            file.touch()
            while file.exists():
                await deferLater(reactor, 0.05)

    def debited(self, voucher: str) -> Debited:
        """What the bank took for a voucher."""
        query = "SELECT sum(amount < 0), -sum(amount) FROM movements WHERE voucher = ?"
        with closing(sqlite3.connect(self.folder / "bank.sqlite", timeout=10.0)) as books:
            times, total = books.execute(query, (voucher,)).fetchone()
        return Debited(times or 0, total or 0)

    def twice(self) -> list[str]:
        """Vouchers that were paid twice. There must be none."""
        query = "SELECT voucher FROM movements GROUP BY voucher HAVING sum(amount < 0) - sum(amount > 0) > 1"
        with closing(sqlite3.connect(self.folder / "bank.sqlite", timeout=10.0)) as books:
            return [str(voucher) for (voucher,) in books.execute(query)]

    # -- the agency's side --------------------------------------------------------------------------------

    async def agree(self, who: Contributor) -> dict[str, Any]:
        """The enrolment system has an agreement verified."""
        return await self._ask(
            "agreement",
            {
                "request_no": f"XYQ{who.n:06}", "sender_code": COLLECTOR, "entrusted_on": str(today()), "revoke": "false",
                "collector_code": COLLECTOR, **self._of(who),
            },
        )  # fmt: skip

    async def debit(self, who: Contributor, of: int, amount: str = "400.00") -> dict[str, Any]:
        """The enrolment system has a fee debited; `amount` in yuan."""
        bank, code, account, name = _PAYEE
        return await self._ask(
            "debit",
            {
                "collector_code": COLLECTOR, "entrusted_on": str(today()), "serial": f"{of:03}{who.n:08}", "route": "1",
                "payee": {"bank_line_no": bank, "code": code, "account_no": account, "name": name},
                "amount": amount, "voucher_no": who.voucher(of), "billed_on": str(today()),
                "remark": "城乡居民医保", **self._of(who),
            },
        )  # fmt: skip

    def _of(self, who: Contributor) -> dict[str, Any]:
        return {
            "agreement_no": who.agreement,
            "contributor": {"no": who.number, "name": who.name},
            "payer": {
                "bank_line_no": _BANK, "branch_line_no": _BRANCH, "account_no": who.account, "name": who.name,
            },
        }  # fmt: skip

    async def _ask(self, what: str, content: dict[str, Any]) -> dict[str, Any]:
        """The answer; where the gateway refuses, what it says, such as `code`, `field` and `reason`."""
        headers = {"Authorization": f"Bearer {self.stage.secret('levy-online')}"}
        try:
            answer: dict[str, Any] = await deferToThread(post, f"{self._url}/{what}", content, headers)
        except HTTPError as refusal:
            said: dict[str, Any] = json.loads(refusal.read())["refused"]
            return said
        return answer

    def put(self, batch: str, of: int, people: Sequence[Contributor]) -> None:
        """The collection office hands in the debits of a month, 400 yuan each: the content first, then its companion."""
        day, count = f"{today():%Y%m%d}", len(people)
        head = ["H", batch, day, COLLECTOR, "1", *_PAYEE, str(count), f"{count * 400}.00"]
        rows = [
            [
                f"{n:06}", who.voucher(of), day, who.number, who.name, _BANK, _BRANCH, who.account,
                who.name, who.agreement, "400.00", "城乡居民医保", "",
            ]
            for n, who in enumerate(people, 1)
        ]  # fmt: skip
        content = "".join("|".join(row) + "\r\n" for row in (head, *rows))
        file = self._office / "in" / f"{batch}.txt"
        file.write_bytes(content.encode("gb18030"))
        file.with_name(f"{file.name}.ok").touch()

    def results(self, batch: str) -> list[list[str]]:
        """The rows of the result file that speaks of this batch, its head first; none until it lies complete."""
        for file in sorted((self._office / "out").glob("JG_*.txt")):
            rows = [line.split("|") for line in file.read_text(encoding="gb18030").splitlines()]
            if file.with_name(f"{file.name}.ok").exists() and rows[0][1] == batch:
                return rows
        return []
