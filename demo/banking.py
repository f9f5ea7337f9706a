"""The scenes of the bank: an agency's files, two people, what banks do with a batch, and what a day comes to."""

from __future__ import annotations

import shlex
from collections import Counter
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from demo import commands
from demo.bank import Row, collection, disbursement, today, yuan
from demo.people import APPROVER, RELEASER
from gateway.audit import verify
from gateway.audit.entry import decode
from gateway.payments import batch_acts, item_acts
from gateway.payments.office import Office, Signer
from gateway.store import open_reader
from gateway.store import payments_reads as reads
from gateway.store.payments import BatchRow, ItemRow
from gateway.store.session import Session

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
    book.say(f"$ {shlex.join(banks.command)} ".replace(f"{Path.cwd()}/", ""))
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
            f"{stem}  第 {found['line']} 行第 {found['column']} 列  {found['field']}  {found['rule']}",
            f"{found['reason']['zh']} / {found['reason']['en']}",
        )
        book.note(f"错误文件 {stem}", f"退回 {found['rule']}", "无 none", report["refusal_id"])
    with open_reader(day.stage.settings) as reader:
        proposed = {row.batch_id for row in reader.ask(reads.proposals, None, 100)}
    book.check(
        "全部退回，没有登记任何明细",
        "all came back, and no item was taken in",
        refused and not proposed & set(wrong),
    )


async def _two_people(day: Day) -> None:
    book, people = day.book, day.banks.people
    book.scene(
        "两人经手：一人审批、组批，另一人放行", "two people: one approves and builds, another one releases"
    )
    arrived = await day.until(lambda: _proposed(day) == {_SMALL, _LARGE, _AID}, 60)
    await commands.together(
        book, people.by(APPROVER, "payment", "approve", "--account", "premiums", "--confirm"), lines=1
    )
    for account in ("benefits", "medical-aid"):
        await people.decide(APPROVER, partial(_approve, account))
    for account, kind in (
        ("premiums", "direct-debit"),
        ("benefits", "credit-transfer"),
        ("medical-aid", "credit-transfer"),
    ):
        for row in await people.decide(APPROVER, partial(_build, account, kind)):
            book.say(
                f"批次 {row.id}：{row.count} 笔，{Decimal(row.total) / 100:.2f} 元",
                "waits for release",
                built_by=row.built_by,
            )
    [small], [aid] = _batches(day, "premiums"), _batches(day, "medical-aid")
    own, second = await commands.together(
        book,
        *(people.by(name, "batch", "release", small.id, "--confirm") for name in (APPROVER, RELEASER)),
        lines=1,
    )
    await people.decide(RELEASER, partial(_release, aid.id))
    book.check(
        "同一人不得放行自己审批、组批的批次；第二人可以",
        "nobody releases what they approved or built; a second person does",
        arrived and own.returncode != 0 and second.returncode == 0,
        (own.stderr, second.stderr),
    )


async def _collected(day: Day) -> None:
    book, banks = day.book, day.banks
    book.scene(
        "代扣：中间回盘、最终回盘，逐笔登记",
        "the collection: an intermediate and a final return, booked item by item",
    )
    closed = await day.until(lambda: _closed(day, "premiums"), 60)
    [batch] = _batches(day, "premiums")
    await _shown(day, batch)
    book.say(
        "一笔先“处理中”后成功", "one item was pending first, and settled in the end", reference="KR000003"
    )
    item = _items(day, batch)[2]
    with open_reader(day.stage.settings) as reader:
        words = [word.status for word in reader.ask(reads.history, item.id)]
    told = await day.until(lambda: banks.results(_SMALL))
    book.note(f"代扣 {batch.id}", "银行 中间+最终", "7 成功 1 失败", str(batch.message_id))
    counts = _counts(day, batch)
    book.check(
        "部分成功逐笔入账，每笔一次；结果文件送回机构",
        "partial success is booked per item, once; the results are in the agency's out/",
        closed and told and counts == {"settled": 7, "rejected": 1} and words == ["pending", "settled"],
        (counts, words),
    )


async def _came_back(day: Day) -> None:
    book, online = day.book, day.banks.online
    book.scene(
        "国密直连（SM2 签名、SM4 加密）：提交、查询状态与明细；日后退票",
        "a bank online, by SM2 and SM4: submitted, asked about; a payment comes back later",
    )
    closed = await day.until(lambda: _closed(day, "medical-aid"), 60)
    [batch] = _batches(day, "medical-aid")
    asked = list(dict.fromkeys(online.bank.requests))
    book.say(f"交易：{'、'.join(asked)}", "what the bank was asked", bank_reference=str(batch.bank_reference))
    online.books.send_back(batch.id, online.books.batches[batch.id].items[1].sequence)
    back = await day.until(lambda: "returned" in _counts(day, batch))
    once = online.books.executed[batch.id] == 1
    counts = _counts(day, batch)
    book.say(
        "退票一笔", "one payment came back", batch=batch.id, **{state: str(n) for state, n in counts.items()}
    )
    book.note(f"救助金代发 {batch.id}", "在线 online", "2 成功 1 失败 1 退票", str(batch.message_id))
    book.check(
        "退票登记到原笔，可重新提出；银行只执行一次",
        "what came back is booked on its item and may be proposed anew; the bank executed once",
        closed and back and once and counts == {"settled": 2, "rejected": 1, "returned": 1},
        (counts, online.books.executed),
    )


async def _lost_and_killed(day: Day) -> None:
    book, banks = day.book, day.banks
    book.scene(
        f"代发 {_COUNT} 笔：银行收下文件而连接中断；登记回盘时网关被 SIGKILL",
        f"{_COUNT} disbursements: the bank has the file and the connection drops; the gateway is killed while it books",
    )
    batches = _batches(day, "benefits")
    await banks.order("fault-drop-after-rename", times=3)
    for batch in batches:
        await banks.people.decide(RELEASER, partial(_release, batch.id))
    booking = await day.until(lambda: "settled" in _counts(day, *batches), 90, pause=0.02)
    day.stage.kill_gateway()
    doubted = _doubted(day, batches)
    begun = _counts(day, *batches)
    booked = begun.get("settled", 0) + begun.get("rejected", 0)
    book.say(f"已登记 {booked} 笔，进程消失", f"{booked} items were booked when it was killed")
    day.stage.start_gateway(wait=False)
    closed = await day.until(lambda: _closed(day, "benefits"), 90)
    words, items = _words(day, batches)
    counts = _counts(day, *batches)
    executed = [banks.books.batches().get(batch.id) for batch in batches]
    for batch in batches:
        book.note(f"代发 {batch.id}", "回盘 return", f"{_counts(day, batch)}", str(batch.message_id))
    book.check(
        "应答丢失：查明银行已收到，不再送；各执行一次",
        "the answer was lost: the bank was found to have it; executed once each",
        doubted and executed == [(1, 1)] * len(batches),
        (doubted, executed),
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
    compared = await day.until(lambda: _differences(day), 60)
    [done] = await commands.together(
        book, ("-m", "gateway", "payment", "differences", "--config", str(day.stage.config)), lines=12
    )
    found = _differences(day)
    book.note("日终对账", "1 项差异", "银行有、本机无", "X0000001")
    book.check(
        "唯一的差异被找出，并写明下一步",
        "the one difference is found, with what to do about it",
        compared and [kind for kind, _ in found] == ["missing-here"] and done.returncode == 0,
        found,
    )


# -- deciding ------------------------------------------------------------------------------------------


def _approve(account: str, office: Office, who: Signer) -> None:
    wanted = reads.Wanted(account=account, state="proposed", limit=_COUNT)
    item_acts.approve(office, who, office.book.ask(reads.items, wanted))


def _build(account: str, kind: str, office: Office, who: Signer) -> list[BatchRow]:
    return batch_acts.build(office, who, account, kind)


def _release(batch: str, office: Office, who: Signer) -> None:
    batch_acts.release(office, who, batch_acts.batch_of(office, batch))


# -- looking -------------------------------------------------------------------------------------------


async def _shown(day: Day, batch: BatchRow) -> None:
    await commands.together(
        day.book, ("-m", "gateway", "batch", "show", batch.id, "--config", str(day.stage.config)), lines=30
    )


def _proposed(day: Day) -> set[str]:
    with open_reader(day.stage.settings) as reader:
        return {row.batch_id for row in reader.ask(reads.proposals, None, 10) if row.state == "proposed"}


def _batches(day: Day, account: str) -> list[BatchRow]:
    """Of an account, oldest first."""
    with open_reader(day.stage.settings) as reader:
        return sorted(reader.ask(reads.batches, account, None, 10), key=lambda row: row.id)


def _closed(day: Day, account: str) -> bool:
    return {row.state for row in _batches(day, account)} == {"closed"}


def _counts(day: Day, *batches: BatchRow) -> dict[str, int]:
    """state → items."""
    total: Counter[str] = Counter()
    with open_reader(day.stage.settings) as reader:
        for batch in batches:
            total.update({state: count for state, (count, _) in reader.ask(reads.standing, batch.id).items()})
    return dict(total)


def _items(day: Day, batch: BatchRow) -> list[ItemRow]:
    with open_reader(day.stage.settings) as reader:
        return reader.ask(reads.items_of, batch.id)


def _words(day: Day, batches: list[BatchRow]) -> tuple[int, int]:
    """How many words of the bank's were booked on the items of batches, and on how many items."""

    def count(session: Session, batch: str) -> tuple[int, int]:
        [(words, items)] = session.rows(
            """SELECT count(*), count(DISTINCT h.item_id) FROM payment_history h
                JOIN payment_items i ON i.id = h.item_id WHERE i.batch_id = ?""",
            (batch,),
        )
        return int(words), int(items)

    with open_reader(day.stage.settings) as reader:
        found = [reader.ask(count, batch.id) for batch in batches]
    return sum(words for words, _ in found), sum(items for _, items in found)


def _doubted(day: Day, batches: list[BatchRow]) -> bool:
    """Whether one of them was in doubt: the audit log says so."""
    with open_reader(day.stage.settings) as reader:
        messages = [row.message_id for row in _batches(day, batches[0].account)]
        entries = [decode(entry) for one in messages if one for _, _, entry in reader.audit_of(one)]
    return any((entry.detail or {}).get("outcome") == "unknown" for entry in entries)


def _differences(day: Day) -> list[tuple[str, str | None]]:
    def open_ones(session: Session) -> list[tuple[str, str | None]]:
        found = reads.differences(session, None, closed=False, limit=10)
        return [(row.kind, row.reference) for row in found]

    with open_reader(day.stage.settings) as reader:
        return reader.ask(open_ones)
