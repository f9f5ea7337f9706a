"""The scenes of the bank: an agency's files, two people, what banks do with a batch, and what a day comes to."""

from __future__ import annotations

import shlex
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from demo import commands, ledger
from demo.bank import Row, collection, disbursement, today, yuan
from demo.people import APPROVER, RELEASER
from gateway.audit import verify

if TYPE_CHECKING:  # the day plays these scenes
    from demo.day import Day

_LARGE, _SMALL, _AID = "BF2026001", "KK2026001", "YZ2026001"
_COUNT = 20_000
#: The last digit of an account says what becomes of it: 3 no money, 4 no such account, 8 pending at first.
_COLLECTED = [
    Row(f"KR{n:06}", f"虚构{name}", f"62299900001{n:07}{digit}", "400.00", f"XY990101{n:06}")
    for n, (name, digit) in enumerate(zip("甲乙丙丁戊己庚辛", "12839181", strict=True), 1)
]
_AIDED = [
    Row(f"YR{n:06}", f"虚构{name}", f"62299900002{n:07}{digit}", f"{800 + n}.50")
    for n, (name, digit) in enumerate(zip("子丑寅卯", "1294", strict=True), 1)
]
_PAID = [
    Row(
        f"BR{n:06}",
        f"虚构{'甲乙丙丁戊己庚辛壬癸'[n % 10]}",
        f"62299900003{n:07}{_digit}",
        f"{n % 900 + 100}.05",
    )
    for n in range(1, _COUNT + 1)
    for _digit in ("4" if n % 500 == 0 else "3" if n % 800 == 0 else "1",)
]
_REFUSED = sum(row.account[-1] in "34" for row in _PAID)


async def banking(day: Day) -> None:
    """From an agency's files to the end of the bank's day."""
    await _uploads(day)
    await _refused_files(day)
    await _two_people(day)
    await _collected(day)
    await _came_back(day)
    await _lost_and_killed(day)
    await _reconciled(day)


async def _uploads(day: Day) -> None:
    banks, book = day.banks, day.book
    book.scene(
        "经办机构上传代扣、代发文件（SFTP，国密摘要）：回执与存证",
        "an agency uploads a collection and a disbursement: receipts, and proofs",
    )
    book.say(f"$ {shlex.join(banks.command)}".replace(f"{Path.cwd()}/", ""))
    for name in (_SMALL, _LARGE):
        book.say(f"  put {name}.txt in/", f"put {name}.txt.sm3 in/")
    put = await banks.upload(**{_SMALL: collection(_SMALL, _COLLECTED), _LARGE: disbursement(_LARGE, _PAID)})
    banks.put_aid(f"{_AID}.txt", disbursement(_AID, _AIDED))
    taken = put and await day.until(lambda: banks.receipt(_SMALL) and banks.receipt(_LARGE), 60)
    right = True
    for stem, rows in ((_SMALL, _COLLECTED), (_LARGE, _PAID)):
        receipt = banks.receipt(stem) or {}
        said = receipt.get("count"), receipt.get("total_yuan")
        right = right and said == (len(rows), yuan(rows))
        message = str(receipt.get("message_id"))
        book.say(
            f"回执：{said[0]} 笔 {said[1]} 元，SM3 {str(receipt.get('sm3'))[:16]}…", stem, message_id=message
        )
        book.note(f"文件 {stem}.txt", "受理 accepted", f"{said[0]} 笔待审批", message)
        day.accepted.append(message)
    book.check(
        "完整受理：笔数、金额、摘要写入回执",
        "taken whole: count, sum and digests are in the receipt",
        taken and right,
    )
    joined = await day.until(lambda: banks.proven(_SMALL))
    receipts = banks.account / "receipts"
    parts = (f"{receipts / _SMALL}.txt.receipt.{ending}" for ending in ("tlog-proof", "entry"))
    proven = day.run(verify.__file__, "receipt", *parts, "--vkey", str(receipts / "vkey"))
    book.check(
        "机构凭公钥离线核验存证", "the agency verifies its proof offline, by a public key", joined and proven
    )


async def _refused_files(day: Day) -> None:
    banks, book = day.banks, day.book
    book.scene(
        "错误的文件：退回，指明行、列、字段与规则", "wrong files come back, with line, column, field and rule"
    )
    [one, two] = _PAID[:2]
    outside = [one, two._replace(name="虚构𠮷")]
    amount = [one, two._replace(amount="12.345")]
    wrong = {
        "BF2026002": disbursement("BF2026002", [one, two], total="1.00"),
        "BF2026003": disbursement("BF2026003", outside, charset="gb18030"),
        "BF2026004": disbursement("BF2026004", amount, total=yuan([one, one])),
    }
    await banks.upload(**wrong)
    refused = await day.until(lambda: all(banks.report(stem) for stem in wrong))
    for stem in wrong if refused else ():
        report = banks.report(stem) or {}
        found = report["findings"][0]
        book.say(
            f"{stem}  {found['rule']}  {found['reason']['zh']}",
            found["reason"]["en"],
        )
        book.note(f"错误文件 {stem}", f"退回 {found['rule']}", "无 none", report["refusal_id"])
    book.check(
        "全部退回，没有登记任何明细",
        "all came back, and no item was taken in",
        refused and not day.ledger.proposed() & set(wrong),
    )


async def _two_people(day: Day) -> None:
    book, people = day.book, day.banks.people
    book.scene(
        "两人经手：一人审批、组批，另一人放行", "two people: one approves and builds, another one releases"
    )
    arrived = await day.until(lambda: day.ledger.proposed() == {_SMALL, _LARGE, _AID}, 60)
    approving = people.by(APPROVER, "payment", "approve", "--account", "premiums", "--confirm")
    typed = Deferred.fromCoroutine(commands.together(book, approving, lines=1))
    for account in ("benefits", "medical-aid"):
        await people.decide(APPROVER, partial(ledger.approve, account))
    await typed
    for account, kind in (
        ("premiums", "direct-debit"),
        ("benefits", "credit-transfer"),
        ("medical-aid", "credit-transfer"),
    ):
        for row in await people.decide(APPROVER, partial(ledger.build, account, kind)):
            book.say(
                f"批次 {row.id}：{row.count} 笔，{Decimal(row.total) / 100:.2f} 元",
                "waits for release",
                built_by=row.built_by,
            )
    [small], [aid] = day.ledger.batches("premiums"), day.ledger.batches("medical-aid")
    large = day.ledger.batches("benefits")[0]  # still waits: only later in the day it is released
    releasing = (
        people.by(name, "batch", "release", row.id, "--confirm")
        for name, row in ((APPROVER, large), (RELEASER, small))
    )
    typed = Deferred.fromCoroutine(commands.together(book, *releasing, lines=1))
    day.banks.online.fault("drop-after", "BB6BTHHL")  # what comes of it, the scene of the online bank shows
    await people.decide(RELEASER, partial(ledger.release, aid.id))
    own, second = await typed
    book.check(
        "同一人不得放行自己审批、组批的批次；第二人可以",
        "nobody releases what they approved or built; a second person does",
        arrived and own.returncode != 0 and "somebody else" in own.stderr and second.returncode == 0,
        (own.stderr, second.stderr),
    )


async def _collected(day: Day) -> None:
    book, banks = day.book, day.banks
    book.scene(
        "代扣：中间回盘、最终回盘，逐笔登记",
        "the collection: an intermediate and a final return, booked item by item",
    )
    closed = await day.until(lambda: day.ledger.closed("premiums"), 60)
    [batch] = day.ledger.batches("premiums")
    await commands.together(
        book, ("-m", "gateway", "batch", "show", batch.id, "--config", str(day.stage.config)), lines=30
    )
    book.say(
        "一笔先“处理中”后成功", "one item was pending first, and settled in the end", reference="KR000003"
    )
    words = day.ledger.history(batch, 3)
    told = await day.until(lambda: banks.results(_SMALL))
    book.note(f"代扣 {batch.id}", "银行 中间+最终", "7 成功 1 失败", str(batch.message_id))
    counts = day.ledger.counts(batch)
    book.check(
        "部分成功逐笔入账，每笔一次；结果文件送回机构",
        "partial success is booked per item, once; the results are in the agency's out/",
        closed and told and counts == {"settled": 7, "rejected": 1} and words == ["pending", "settled"],
        (counts, words),
    )


async def _came_back(day: Day) -> None:
    book, online = day.book, day.banks.online
    book.scene(
        "国密直连（SM2 签名、SM4 加密）：银行收下批次而答复丢失；日后退票",
        "a bank online, by SM2 and SM4: it takes the batch and its answer is lost; a payment comes back later",
    )
    closed = await day.until(lambda: day.ledger.closed("medical-aid"), 60)
    [batch] = day.ledger.batches("medical-aid")
    asked = list(dict.fromkeys(online.bank.requests))
    doubted, once = (
        day.ledger.doubted(batch),
        online.books.executed[batch.id] == online.books.attempts[batch.id] == 1,
    )
    book.say(f"交易：{'、'.join(asked)}", "what the bank was asked, in this order")
    book.check(
        "结果不明 → 按批次号查询 → 找到，不再提交；银行只执行一次",
        "unknown → asked by the batch's number → found, not submitted again; the bank executed once",
        closed and doubted and once,
        (doubted, online.books.attempts, online.books.executed),
    )
    online.books.send_back(batch.id, online.books.batches[batch.id].items[1].sequence)
    back = await day.until(lambda: "returned" in day.ledger.counts(batch))
    counts = day.ledger.counts(batch)
    book.say(
        "退票一笔", "one payment came back", batch=batch.id, **{state: str(n) for state, n in counts.items()}
    )
    book.note(f"救助金代发 {batch.id}", "在线 online", "2 成功 1 失败 1 退票", str(batch.message_id))
    book.check(
        "退票登记到原笔，不算成功",
        "what came back is booked on its item, which is no success any more",
        back and counts == {"settled": 2, "rejected": 1, "returned": 1},
        counts,
    )


async def _lost_and_killed(day: Day) -> None:
    book, banks = day.book, day.banks
    book.scene(
        f"代发 {_COUNT} 笔：银行收下文件而连接中断；登记回盘时网关被 SIGKILL",
        f"{_COUNT} disbursements: the bank has the file and the connection drops; the gateway is killed while it books",
    )
    batches = day.ledger.batches("benefits")
    await banks.order("fault-drop-after-rename", times=3)
    for batch in batches:
        await banks.people.decide(RELEASER, partial(ledger.release, batch.id))
    booking = await day.until(lambda: "settled" in day.ledger.counts(*batches), 90, pause=0.02)
    day.stage.kill_gateway()
    begun = day.ledger.counts(*batches)
    booked = begun.get("settled", 0) + begun.get("rejected", 0)
    book.say(f"已登记 {booked} 笔，进程消失", f"{booked} items were booked when it was killed")
    day.stage.start_gateway(wait=False)
    closed = await day.until(lambda: day.ledger.closed("benefits"), 90)
    words, items = day.ledger.words(batches)
    counts = day.ledger.counts(*batches)
    executed = [banks.books.batches().get(batch.id) for batch in batches]
    for batch in day.ledger.batches("benefits"):
        done = day.ledger.counts(batch)
        effect = f"{done.get('settled')} 成功 {done.get('rejected')} 失败"
        book.note(f"代发 {batch.id}", "回盘 return", effect, str(batch.message_id))
    book.check(
        "连接中断后重新查看，两个文件银行各收一次、执行一次",
        "after every lost connection it looked again: the bank had each file once and executed it once",
        executed == [(1, 1)] * len(batches),
        executed,
    )
    book.check(
        f"{_COUNT} 笔各登记一次，一笔不丢，一笔不重",
        "every item is booked exactly once",
        booking
        and closed
        and 0 < booked < _COUNT
        and (words, items) == (_COUNT, _COUNT)
        and counts == {"settled": _COUNT - _REFUSED, "rejected": _REFUSED},
        (booked, words, items, counts),
    )
    told = await day.until(lambda: banks.results(_LARGE), 60)
    for file in banks.results(_LARGE):
        book.say("结果文件已在机构的 out/", "the results are in the agency's out/", file=file.name)
    book.check(
        "结果文件送回，只有一份", "the agency has its results, once", told and len(banks.results(_LARGE)) == 1
    )


async def _reconciled(day: Day) -> None:
    book, banks = day.book, day.banks
    book.scene("日终对账：银行多记了一笔", "the end of the bank's day: it has booked one payment too many")
    banks.slip_in("X0000001", 1234500)
    await banks.order(f"reconcile-{today():%Y%m%d}")
    compared = await day.until(day.ledger.differences, 60)
    [done] = await commands.together(
        book, ("-m", "gateway", "payment", "differences", "--config", str(day.stage.config)), lines=12
    )
    found = day.ledger.differences()
    book.note("日终对账", "1 项差异", "银行有、本机无", "X0000001")
    book.check(
        "唯一的差异被找出，并写明下一步",
        "the one difference is found, with what to do about it",
        compared and [kind for kind, _ in found] == ["missing-here"] and done.returncode == 0,
        found,
    )
