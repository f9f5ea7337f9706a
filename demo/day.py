"""The working day: a hospital, the province's platform, and everything that goes wrong between them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from adapters.hospital.simulator import Answer, HospitalSimulator, invented
from adapters.hospital.simulator.attacks import ATTACKS
from demo import commands
from demo.admitting import admissions
from demo.bank import Banks
from demo.banking import banking
from demo.book import Book
from demo.collecting import collecting
from demo.desk import at_the_desk
from demo.joined import Joined
from demo.joining import joined_by_settings
from demo.ledger import Ledger
from demo.national import national_interface
from demo.network import Network
from demo.stage import HOSPITAL, Stage
from demo.wards import Wards
from gateway.audit import verify
from gateway.store import open_reader

#: Attacks shown one by one; each must be refused, name what is wrong, and change nothing.
_SHOWN = (
    "entity-bomb",
    "external-entity",
    "huge-body",
    "wrong-charset",
    "truncated",
    "wrong-namespace",
    "unknown-operation",
    "missing-field",
    "extra-field",
    "bad-amount",
    "wrong-parts",
    "wrong-lines",
    "replayed-signature",
    "bad-signature",
)
_BURST = 40
VERIFIER = Path(verify.__file__)
_OPEN = frozenset({"held", "pending", "sending", "waiting", "in-doubt", "dead"})


class Day:
    """Plays the day and checks what it promised."""

    def __init__(
        self,
        stage: Stage,
        book: Book,
        reactor: Any,
        agencies: Joined,
        wards: Wards,
        banks: Banks,
        network: Network | None,
    ) -> None:
        self.stage = stage
        self.agencies = agencies
        self.wards = wards
        self.banks = banks
        self.network = network
        self.ledger = Ledger(stage.settings)
        self.book = book
        self.reactor = reactor
        self.hospital = HospitalSimulator(
            stage.url,
            paasid=stage.account(HOSPITAL, "soap", "authentication"),
            token=stage.secret(HOSPITAL),
            repeats=60,
            pause=0.25,
            timeout=15.0,
            reactor=reactor,
        )
        self.accepted: list[str] = []  #: ids of everything the gateway took responsibility for

    async def play(self) -> None:
        """From opening to closing time."""
        await self.identity()
        await self.settlement()
        await self.upload()
        await self.refusal()
        await self.cancellation()
        await self.lost_reply()
        await self.never_arrived()
        await self.hospital_reverses()
        await self.bad_input()
        await national_interface(self)
        await joined_by_settings(self)
        await admissions(self)
        await banking(self)
        if self.network is not None:
            await collecting(self, self.network)
        await self.province_down()
        await self.sudden_death()
        await at_the_desk(self)
        await self.proof()

    # -- scenes --------------------------------------------------------------------------------------

    async def identity(self) -> None:
        """1101."""
        self.book.scene("医院询问参保人身份（1101）", "a hospital asks who a person is")
        answer = await self.hospital.query_person(7)
        number = answer.fields.get("certno", "")
        self.book.say(
            f"答：{answer.fields.get('psn_name', '')[:1]}*，证件 {number[:4]}…{number[-4:]}", "found"
        )
        self.book.note("身份查询 1101", "查到 found", "—", answer.fields.get("psn_no", ""))
        kept = answer.element == "PersonQueryResult" and number == invented.person(7).identity
        self.book.check("问的是谁，答的就是谁", "the answer is about the person asked for", kept, answer)

    async def settlement(self) -> None:
        """2207 with its answer, and the same again."""
        self.book.scene("门诊结算（2207）：SOAP → 国家接口 JSON → 结算结果", "an outpatient settlement")
        n = self.hospital.number()
        began = time.perf_counter()
        answer = await self.hospital.settle(n)
        took = (time.perf_counter() - began) * 1000
        settlement = answer.fields.get("setl_id", "")
        self.book.say(
            f"基金支付 {answer.fields.get('fund_pay_sumamt')} 元，个人 {answer.fields.get('psn_part_amt')} 元，{took:.0f} ms",
            "settled",
            msgid=self.hospital.msgid(n),
            setl_id=settlement,
        )
        again = await self.hospital.settle(n)
        same = again.fields.get("setl_id") == settlement != ""
        self.book.say(
            "医院重发同一报文",
            "the hospital sends the same message again",
            setl_id=again.fields.get("setl_id", "?"),
        )
        books = self._books(n)
        self.book.note("门诊结算 2207", "已结算 settled", f"{len(books)} 笔", settlement)
        self.book.check(
            "重复的报文得到同一答复，只记一笔账",
            "a repeated message has one effect",
            same and len(books) == 1,
            answer,
        )
        self.settled = answer

    async def upload(self) -> None:
        """The same upload, acknowledged at once."""
        self.book.scene("单向上传：先回执，后送达", "one way: acknowledged at once, delivered later")
        n = self.hospital.number()
        answer = await self.hospital.upload(n)
        message_id = answer.fields.get("message_id", "")
        self.accepted.append(message_id)
        self.book.say("已受理", "acknowledged after the commit", message_id=message_id)
        arrived = await self.until(lambda: len(self._books(n)) == 1)
        self.book.note("单向上传", "回执 receipt", "1 笔" if arrived else "无", message_id)
        self.book.check("受理即送达", "what is acknowledged arrives", arrived, answer)

    async def refusal(self) -> None:
        """The province says no."""
        self.book.scene("省平台拒绝：医院收到原因", "the province refuses, and the hospital is told why")
        self.stage.fault("refusal")
        n = self.hospital.number()
        answer = await self.hospital.settle(n)
        self.book.say(answer.reason.partition(" / ")[0], "refused", code=answer.code)
        self.book.note(
            "被拒的结算", f"SOAP Fault {answer.code}", f"{len(self._books(n))} 笔", self.hospital.msgid(n)
        )
        self.book.check(
            "拒绝有原因，账上没有",
            "a refusal has a reason and no effect",
            answer.fault and not self._books(n),
            answer,
        )

    async def cancellation(self) -> None:
        """2208."""
        self.book.scene("撤销结算（2208）", "a settlement is cancelled")
        facts = self.settled.fields
        answer = await self.hospital.cancel(facts["setl_id"], facts["mdtrt_id"], facts["psn_no"])
        refund = answer.fields.get("setl_id", "")
        self.book.say("退费结算", "refund settlement", setl_id=refund)
        refunded = any(
            s["setl_id"] == facts["setl_id"] and s["refunded"] for s in self.stage.effects()["settlements"]
        )
        self.book.note("撤销 2208", "已撤销 done", "原结算已退 refunded", refund)
        self.book.check(
            "撤销生效且只生效一次", "the cancellation took effect once", refunded and not answer.fault, answer
        )

    async def lost_reply(self) -> None:
        """Committed at the province, but its answer never came."""
        self.book.scene(
            "省平台已记账，答复丢失：先查询（5203），绝不盲目重发", "the reply is lost after the commit"
        )
        self.stage.fault("drop-after-commit")
        n = self.hospital.number()
        answer = await self.hospital.settle(n)
        books = self._books(n)
        self.book.say(
            "结果不明 → 查询 → 找到", "unknown → query → found", setl_id=answer.fields.get("setl_id", "?")
        )
        self.book.note(
            "答复丢失的结算", "已结算 settled", f"{len(books)} 笔", answer.fields.get("setl_id", "")
        )
        kept = not answer.fault and len(books) == 1 and books[0]["setl_id"] == answer.fields.get("setl_id")
        self.book.check(
            "丢失的答复被找回，没有第二笔", "the lost answer is found; no second effect", kept, answer
        )

    async def never_arrived(self) -> None:
        """The request was lost on the way: reversed, so that it can never take effect."""
        self.book.scene(
            "请求在途中丢失：查询无果 → 冲正（2601）", "the request is lost: not found, so reversed"
        )
        self.stage.fault("reset-before")
        n = self.hospital.number()
        answer = await self.hospital.settle(n)
        self.book.say(answer.reason.partition(" / ")[0], "reversed", code=answer.code)
        self.book.note(
            "途中丢失的结算", "已冲正 reversed", f"{len(self._books(n))} 笔", self.hospital.msgid(n)
        )
        kept = answer.fault and not self._books(n)
        self.book.check("未生效，并如实告知医院", "no effect, and the hospital is told so", kept, answer)

    async def hospital_reverses(self) -> None:
        """2601 asked for by the hospital under its own msgid."""
        self.book.scene(
            "医院主动冲正（2601），用医院自己的报文标识", "the hospital reverses, by its own message id"
        )
        n = self.hospital.number()
        settled = await self.hospital.settle(n)
        answer = await self.hospital.reverse(self.hospital.msgid(n), settled.fields.get("psn_no", ""))
        self.book.say("冲正成功", "reversed", original=self.hospital.msgid(n))
        self.book.note("冲正 2601", "已冲正 done", f"{len(self._books(n))} 笔", self.hospital.msgid(n))
        self.book.check(
            "冲正后账上为零", "nothing is left in the books", not answer.fault and not self._books(n), answer
        )

    async def bad_input(self) -> None:
        """Attacks and mistakes."""
        self.book.scene(
            "错误与恶意输入：逐一拒绝，指明字段，记入审计", "bad input is refused, named, audited"
        )
        before = self.stage.effects()["in_force"]
        failed = []
        for name in _SHOWN:
            answer = await ATTACKS[name](self.hospital)
            what = answer.fields.get("field") or answer.fields.get("rule") or ""
            refused = answer.status >= 400 or answer.fault
            if not refused:
                failed.append(name)
            shown = answer.code or f"HTTP {answer.status}"
            self.book.say(f"{name:<20} → {shown:<20} {what}", answer.reason.partition(" / ")[0][:48])
            self.book.note(
                f"错误输入 {name}", f"拒绝 {shown}: {what}", "无 none", answer.fields.get("refusal_id", "")
            )
        # A replay needs a good message to be replayed: that one counts, its copy must not.
        kept = not failed and self.stage.effects()["in_force"] == before + 1
        self.book.check("全部拒绝，账未变动", "all refused, nothing changed", kept, failed)

    async def province_down(self) -> None:
        """The platform is away for a while."""
        self.book.scene("省平台中断：照常受理，恢复后送达", "the province is away; work waits and follows")
        assert self.stage.platform is not None
        self.stage.platform.send_signal(19)  # SIGSTOP: alive, but silent, as a hanging system is
        numbers = [self.hospital.number() for _ in range(5)]
        receipts = [await self.hospital.upload(n) for n in numbers]
        self.accepted += [answer.fields.get("message_id", "") for answer in receipts]
        self.book.say("5 份上传已受理，省平台无应答", "5 uploads acknowledged while nobody answers")
        await self._sleep(1.5)
        self.stage.platform.send_signal(18)
        arrived = await self.until(lambda: all(len(self._books(n)) == 1 for n in numbers), 60)
        self.book.note("中断期间 5 份上传", "回执 receipts", "各 1 笔" if arrived else "缺", "")
        self.book.check(
            "恢复后全部送达，各一笔", "all arrive, once each", arrived, self.stage.effects()["double_effects"]
        )

    async def sudden_death(self) -> None:
        """SIGKILL in the middle of work."""
        self.book.scene("网关进程被 SIGKILL：重启后继续", "the gateway is killed in mid-work, and restarted")
        numbers = [self.hospital.number() for _ in range(_BURST)]
        work = [Deferred.fromCoroutine(self.hospital.upload(n)) for n in numbers]
        await self.until(lambda: sum(one.called for one in work) >= _BURST // 4, pause=0.002)
        self.stage.kill_gateway()
        self.book.say(f"{_BURST} 份上传进行中，进程消失", "killed with work in flight")
        self.stage.start_gateway(wait=False)
        answers: list[Answer] = await gatherResults(work)
        self.accepted += [answer.fields.get("message_id", "") for answer in answers]
        acknowledged = sum(not answer.fault and answer.status == 200 for answer in answers)
        again = sum(answer.attempts > 1 for answer in answers)
        self.book.say(
            f"全部得到回执，其中 {again} 份由医院以同一标识重发", f"{again} were repeated by the hospital"
        )
        arrived = await self.until(lambda: all(len(self._books(n)) == 1 for n in numbers), 60)
        double = self.stage.effects()["double_effects"]
        self.book.note(f"SIGKILL 中的 {_BURST} 份", "回执 receipts", f"各 1 笔，重复 {double}", "")
        kept = arrived and acknowledged == _BURST and double == 0
        self.book.check("一份不丢，一份不重", "none lost, none twice", kept, (acknowledged, arrived, double))

    async def proof(self) -> None:
        """The audit log, as an outsider checks it."""
        self.book.scene(
            "审计日志：任何外部人员只凭公钥即可核验", "the audit log, checked with the public key alone"
        )
        settled = await self.until(self._nothing_open, 60)
        self.book.check("没有悬而未决的报文", "nothing is left open", settled)
        await self._sleep(2.5)
        folder = self.stage.folder / "audit"
        vkey = folder / "vkey"
        out = self.stage.folder / "proof"
        whole = self.run("-m", "gateway", "audit", "verify", str(folder), "--vkey", str(vkey))
        self.book.check("日志完整", "the whole log verifies", whole)
        size = (folder / "checkpoint").read_text(encoding="utf-8").splitlines()[1]
        self.book.note(
            "审计日志 audit log",
            "核验通过 verified" if whole else "未通过 NOT verified",
            f"{size} 条 entries",
            "",
        )
        made = self.run(
            *("-m", "gateway", "audit", "prove", self.accepted[0]),
            *("--out", str(out), "--config", str(self.stage.config)),
        )
        proven = made and self.run(
            *(str(VERIFIER), "receipt", str(out / "receipt.tlog-proof"), str(out / "entry.bin")),
            *("--vkey", str(vkey)),
        )
        self.book.check("单份报文的回执可离线核验", "one message's receipt verifies offline", proven)
        with open_reader(self.stage.settings) as reader:
            missing = [m for m in self.accepted if not reader.audit_of(m)]
        self.book.check("每份受理的报文都在日志中", "every accepted message is in it", not missing, missing)

    # -- looking -------------------------------------------------------------------------------------

    def _books(self, n: int) -> list[dict[str, Any]]:
        """The n-th bill's settlements in force at the province."""
        visit = f"{invented.REGION}S{n:012d}"
        return [s for s in self.stage.effects()["settlements"] if s["mdtrt_id"] == visit and s["in_force"]]

    def run(self, *arguments: str) -> bool:
        """A command as a person would type it; shown, so that they can."""
        done = commands.run(arguments)
        commands.show(self.book, arguments, done)
        return done.returncode == 0

    def _nothing_open(self) -> bool:
        with open_reader(self.stage.settings) as reader:
            counts = reader.counts()
        return not any(n for (_, state), n in counts.items() if state in _OPEN)

    def _sleep(self, seconds: float) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.reactor.callLater(seconds, done.callback, None)
        return done

    async def until(self, true: Any, seconds: float = 30.0, pause: float = 0.1) -> bool:
        """Waits for something to become true; False where it does not in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if true():
                return True
            await self._sleep(pause)
        return False
