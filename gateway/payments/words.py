"""What people read: states, and differences with what to do about them. Chinese first."""

from __future__ import annotations

from typing import Final, NamedTuple

ITEM_STATES: Final = {
    "arriving": "接收中",
    "proposed": "待审批",
    "approved": "已审批",
    "batched": "已组批",
    "released": "已放行",
    "sent": "银行处理中",
    "unknown": "结果不明",
    "settled": "成功",
    "rejected": "失败",
    "returned": "退票",
    "withdrawn": "已撤回",
}
BATCH_STATES: Final = {
    "built": "待放行",
    "released": "已放行",
    "under-way": "银行处理中",
    "partly-returned": "部分回盘",
    "closed": "已完结",
    "failed": "银行拒收",
    "cancelled": "已作废",
}
PROPOSAL_STATES: Final = {"arriving": "接收中", "proposed": "已接收", "refused": "整个文件被拒"}
KINDS: Final = {"credit-transfer": ("代发", "disbursement"), "direct-debit": ("代扣", "collection")}
VERIFICATIONS: Final = {"asked": "核验中", "verified": "户名相符", "refused": "核验不符"}


class Difference(NamedTuple):
    """A kind of difference, and the next action."""

    zh: str
    en: str
    todo_zh: str
    todo_en: str


DIFFERENCES: Final = {
    "unknown-batch": Difference(
        "回盘的批次号本机没有",
        "a return names a batch that is not ours",
        "与银行核对批次号；可能是他处提交的批次",
        "compare the batch number with the bank: it may have been submitted elsewhere",
    ),
    "unknown-item": Difference(
        "银行所列明细在批次中找不到",
        "the bank names an item that is not in the batch",
        "与银行逐笔核对，确认款项付给了谁",
        "look it up at the bank: whom was this money paid to?",
    ),
    "ambiguous": Difference(
        "银行所给号码对应不止一笔",
        "the bank's number fits several items",
        "凭金额与账号人工认定",
        "decide by amount and account which one is meant",
    ),
    "not-released": Difference(
        "银行返回了未放行的明细",
        "the bank speaks of an item that was never released",
        "立即查明：该笔不应到过银行",
        "find out at once: it should never have reached the bank",
    ),
    "amount": Difference(
        "金额不一致",
        "the amounts differ",
        "与银行核对原始凭证；以实际入账为准更正账务",
        "compare vouchers with the bank; correct the books by what was really booked",
    ),
    "account": Difference(
        "收付款账号不一致",
        "the account numbers differ",
        "立即与银行核实款项去向",
        "ask the bank at once where the money went",
    ),
    "contradiction": Difference(
        "前后两次最终结果矛盾",
        "a final result contradicts an earlier one",
        "向银行查证是否已付；关闭前不能重新提出，已重新提出的不能放行",
        "ask the bank whether it is paid; until this is closed it cannot be proposed anew, nor what was be released",
    ),
    "partial": Difference(
        "只扣到一部分",
        "only a part was collected",
        "差额由提出单位另行发起",
        "the agency proposes the rest as a new item",
    ),
    "missing-here": Difference(
        "银行有、本机无",
        "the bank booked a payment that we do not know",
        "向银行调取凭证，确认是否他处提交或重复支付",
        "get the voucher from the bank: submitted elsewhere, or paid twice?",
    ),
    "missing-there": Difference(
        "本机有、银行无",
        "we booked a payment that the bank does not list",
        "查对账文件是否完整、是否记在另一日；仍无则向银行查询",
        "is the file complete, is it in another day's? otherwise ask the bank",
    ),
    "state": Difference(
        "状态不一致",
        "the states differ",
        "取得该批次的最终回盘；已有则向银行查证",
        "get the final return of its batch; where there is one, verify with the bank",
    ),
    "day": Difference(
        "入账日期不一致",
        "the days differ",
        "核对跨日入账，无误即可关闭",
        "booked around midnight? then close it",
    ),
    "twice": Difference(
        "银行对同一笔记了两次账",
        "the bank booked one item twice",
        "立即要求银行核实并退回重复的一笔",
        "have the bank verify it at once and return the second payment",
    ),
}
