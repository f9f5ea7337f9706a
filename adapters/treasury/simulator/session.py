"""Who may do business at the centre, and what it announces to those: log-in and -out, the working day, notices."""

from __future__ import annotations

import datetime as dt

from adapters.treasury.simulator.desk import Desk
from adapters.treasury.simulator.documents import REFUSED, SUCCESS, Document, Wrong
from adapters.treasury.simulator.post import BATCH

#: SysStat. Nobody has seen an official table: these are the simulator's own.
OPEN, CLOSED = "1", "2"


class Session:
    """Of all nodes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._books = desk.books

    def check(self, node: str) -> None:
        """Raises Wrong where a node may do no business: it has not logged in, or the network is closed."""
        if node not in self._desk.banks and node not in self._books.present():
            raise Wrong(REFUSED, "未登录")
        if self._books.system_state != OPEN:
            raise Wrong(REFUSED, "系统未开放")

    async def log_in(self, asked: Document) -> None:
        """9006."""
        given = asked.head("LoginInfo")
        right = given["Password"] == self._books.password(asked.source)
        if self._desk.post.faults.strikes("refuse-login"):
            right = False
        if right:
            self._books.log_in(asked.source, given["NewPassword"] or given["Password"])
        body = {
            "LoginResult": SUCCESS if right else REFUSED, "AddWord": "" if right else "口令错误",
            "SysStat": self._books.system_state,
        }  # fmt: skip
        await self._desk.post.send(asked.source, "9007", {"LoginReturn9007": body}, asked.id)

    async def log_out(self, asked: Document) -> None:
        """9008."""
        self._books.log_out(asked.source)
        body = {"LogoutResult": SUCCESS, "AddWord": ""}
        await self._desk.post.send(asked.source, "9009", {"LogoutInfo9009": body}, asked.id)

    async def test(self, asked: Document) -> None:
        """9005."""
        await self.word(asked, SUCCESS, "连接正常")

    async def word(self, asked: Document, code: str, text: str) -> None:
        """9120: the centre's word on a message as such."""
        body = {"OriMsgNo": asked.number, "Result": code, "AddWord": text, "Information": ""}
        await self._desk.post.send(
            asked.source, "9120", {"MsgReturn9120": body}, asked.id, batch=asked.number in BATCH
        )

    async def force_out(self, node: str) -> None:
        """9103."""
        self._books.log_out(node)
        await self._desk.post.send(node, "9103", {"ForceLogout9103": {"ForceQuitReason": "强制退出"}})

    async def change_day(self, day: str = "") -> None:
        """9101 to everybody.

        Args:
            day: yyyyMMdd; without it the next one.
        """
        today = dt.datetime.strptime(self._books.work_date, "%Y%m%d").date()
        self._books.work_date = day or f"{today + dt.timedelta(days=1):%Y%m%d}"
        await self.state(OPEN)

    async def state(self, state: str) -> None:
        """9101 with a state of the system, which holds from now on."""
        self._books.system_state = state
        body = {"WorkDate": self._books.work_date, "SysStat": state}
        for node in self._books.present():
            await self._desk.post.send(node, "9101", {"ChangeState9101": body})

    async def trouble(self) -> None:
        """9102 to everybody."""
        body = {"TroubleNode": self._desk.post.node, "NodeState": "1", "TroubleReason": "设备故障"}
        for node in self._books.present():
            await self._desk.post.send(node, "9102", {"TroubleInfo9102": body})

    async def stop_notice(self) -> None:
        """9104 to everybody: closed until a 9101 says otherwise."""
        self._books.system_state = CLOSED
        body = {"RunSign": "0", "StopRunTime": "", "BackRunTime": "", "StopRunReason": "例行维护"}
        for node in self._books.present():
            await self._desk.post.send(node, "9104", {"StopInfo9104": body})
