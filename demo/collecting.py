"""The scenes of the treasury network: agreements, debits in real time, a month's debits, and what a day comes to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from demo import commands
from demo.network import Network
from gateway.store import levies_reads as reads
from gateway.store import open_reader
from gateway.store.levies import DayRow, DebitRow

if TYPE_CHECKING:  # the day plays these scenes
    from demo.day import Day

#: Agreements that the bank knows; the month's file has one debit for each of them.
PEOPLE = 2_500
_BATCH = "ZJ202611"
_MONTH, _ALONE = 0, 1  #: which fee a voucher is of
_SUCCESS = "90000"


async def collecting(day: Day, network: Network) -> None:
    """From an agreement to a day that balances."""
    await _agreed(day, network)
    await _answer_lost(day, network)
    await _undone(day, network)
    await _unanswered(day, network)
    await _month(day, network)
    await _day_end(day, network)


async def _agreed(day: Day, network: Network) -> None:
    book, who = day.book, network.people[0]
    book.scene(
        "财税库银（消息队列，GBK 报文，SM3 加签）：登录后先验证三方协议，再实时扣款",
        "the treasury network, by queues: logged in, an agreement is verified, then a fee is debited",
    )
    before = await network.debit(who, _ALONE)
    agreed = await network.agree(who)
    answer = await network.debit(network.people[1], _ALONE)
    book.say(
        f"未验证的协议：{before['reason'].partition(' / ')[0]}；验证：{agreed['text']}；扣款：{answer['text']}",
        "refused without, verified, debited",
        voucher=answer["voucher_no"],
    )
    once = network.debited(answer["voucher_no"])
    debit = await _ended(day, answer["voucher_no"])
    book.note("实时扣款 1001", f"成功 {answer['code']}", "银行扣 1 次", answer["voucher_no"])
    book.check(
        "没有协议不扣款；有协议的扣一次，当场得到答复，登记并编缴费凭证号",
        "no agreement, no debit; with one it is debited once, answered at once and booked with a receipt number",
        (before["code"], agreed["agreed"], answer["code"]) == ("rejected", "true", _SUCCESS)
        and once == (1, 40_000)
        and debit.receipt is not None,
        (before, agreed, answer, once, debit),
    )


async def _answer_lost(day: Day, network: Network) -> None:
    book, who = day.book, network.people[2]
    book.scene(
        "已扣款而回执丢失：向中心查询（9003），不重发", "debited, and the answer is lost: the centre is asked"
    )
    await network.order(day.reactor, "fault-lose-2001")
    answer = await network.debit(who, _ALONE)
    again = await network.debit(who, _ALONE)
    once = network.debited(answer["voucher_no"])
    book.say("结果不明 → 查询 → 已扣款", "unknown → query → debited", voucher=answer["voucher_no"])
    book.note("回执丢失的扣款", f"成功 {answer['code']}", "银行扣 1 次", answer["voucher_no"])
    book.check(
        "丢失的结果查询得回；同一费票再次请求得到同一答复，只扣一次",
        "the lost outcome is found; the same voucher again has the same answer, and is debited once",
        answer["code"] == again["code"] == _SUCCESS and once == (1, 40_000),
        (answer, again, once),
    )


async def _undone(day: Day, network: Network) -> None:
    book, who = day.book, network.people[3]
    book.scene(
        "银行已扣款却答通信错误：不信其一面之词，冲正（1021），款项退回",
        "the bank took the money and reports an error: reversed, and the money is back",
    )
    await network.order(day.reactor, "bank-in-doubt-after")
    answer = await network.debit(who, _ALONE)
    debit = await _ended(day, who.voucher(_ALONE))
    taken = network.debited(debit.voucher_no)
    book.say(f"答：{answer['reason'].partition(' / ')[0]}", "reversed", voucher=debit.voucher_no)
    book.note("答通信错误的扣款", "已冲正 reversed", "扣 1 次，退 1 次", debit.voucher_no)
    book.check(
        "结果不明的扣款已冲正，账户分文不少，请求方得到明确答复",
        "a debit in doubt is reversed, the account is as before, and whoever asked is told so",
        debit.state == "reversed" and taken == (1, 0),
        (answer, debit.state, taken),
    )


async def _unanswered(day: Day, network: Network) -> None:
    book, who = day.book, network.people[4]
    book.scene(
        "中心既不受理也不答复，查询、冲正都无果：存疑待日终核对，绝不重发",
        "the centre never saw it, and neither query nor reversal settles it: it waits for the day's check",
    )
    await network.order(day.reactor, "fault-drop-1001")
    answer = await network.debit(who, _ALONE)
    doubted = await day.until(
        lambda: [row.state for row in _debits(day, who.voucher(_ALONE))] == ["doubtful"]
    )
    await commands.together(
        book, ("-m", "gateway", "message", "work", "--config", str(day.stage.config)), lines=5
    )
    book.check(
        "请求方被告知尚无结果；待办中可见，写明下一步",
        "whoever asked is told that nothing is known yet; it is on the work list, with the next step",
        doubted and answer.get("code") != _SUCCESS,
        (answer, _debits(day, who.voucher(_ALONE))),
    )


async def _month(day: Day, network: Network) -> None:
    book = day.book
    book.scene(
        f"一月的扣款文件 {len(network.people):,} 笔：分三包，部分成功，结果拼成一个文件",
        "a month's debits in three packages: partial success, and one file of results",
    )
    network.put(_BATCH, _MONTH, network.people)
    done = await day.until(lambda: len(network.results(_BATCH)) > 0, 60)
    head, *rows = network.results(_BATCH) if done else [[""] * 12]
    codes = Counter(row[4] == _SUCCESS for row in rows)
    receipts = {row[6] for row in rows if row[4] == _SUCCESS}
    poor = sum(who.balance < 40_000 for who in network.people)
    book.say(f"结果：{head[10]} 笔成功 {head[11]} 元，{codes[False]} 笔余额不足", "results", batch=_BATCH)
    book.note(f"扣款文件 {_BATCH}", "结果文件", f"{codes[True]:,} 成功 {codes[False]} 失败", head[4])
    book.check(
        "每笔一个结果，成功的各有缴费凭证号；没有一笔扣两次",
        "each debit has one result, each success a receipt number, and nobody was debited twice",
        done
        and codes == {True: len(network.people) - poor, False: poor}
        and len(receipts) == codes[True]
        and network.twice() == [],
        (codes, poor, len(receipts), network.twice()),
    )


async def _day_end(day: Day, network: Network) -> None:
    book, reactor = day.book, day.reactor
    book.scene(
        "日终核对（3122）：中心少列一笔，被发现；更正后相符", "the day's check: one is missing, found, mended"
    )
    await network.order(reactor, "fault-row-missing", "day-end")
    found = await day.until(lambda: [one.differences for one in _days(day)] == [1], 60)
    await commands.together(
        book,
        ("-m", "gateway", "levy", "differences", "--config", str(day.stage.config)),
        ("-m", "gateway", "levy", "days", "--config", str(day.stage.config)),
        lines=9,
    )
    doubted = await _ended(day, network.people[4].voucher(_ALONE))
    book.note("无人答复的扣款", "日终：未扣款 not debited", "银行扣 0 次", doubted.voucher_no)
    book.check(
        "存疑的扣款由日终核对了结：中心未列，即未扣款",
        "the debit in doubt is settled by the day's check: not listed, so it took no money",
        doubted.state == "no-effect" and network.debited(doubted.voucher_no) == (0, 0),
        doubted,
    )
    await network.order(reactor, "tell")
    balanced = await day.until(lambda: [one.differences for one in _days(day)] == [0], 60)
    for checked in _days(day):
        book.note(f"日终核对 {checked.day}", f"{checked.count:,} 笔", f"{checked.differences} 处差异", "")
    book.check(
        "少列的一笔被指出，不多不少；更正后的核对关闭差异，当日相符",
        "exactly the missing one is named; the corrected check closes it, and the day balances",
        found and balanced and network.twice() == [],
        _days(day),
    )
    await network.order(reactor, "day-switch")


async def _ended(day: Day, voucher: str) -> DebitRow:
    """A debit as the book has it, when it has come to its end."""
    ends = ("success", "refused", "reversed", "no-effect")
    await day.until(lambda: any(row.state in ends for row in _debits(day, voucher)))
    [debit] = _debits(day, voucher)
    return debit


def _debits(day: Day, voucher: str) -> list[DebitRow]:
    with open_reader(day.stage.settings) as reader:
        return reader.ask(reads.debits, reads.Wanted(voucher_no=voucher))


def _days(day: Day) -> list[DayRow]:
    """Days that were compared."""
    with open_reader(day.stage.settings) as reader:
        return [row for row in reader.ask(reads.days, None, 10) if row.batch_no is not None]
