"""What people read: states, and differences with what to do about them. Chinese first."""

from __future__ import annotations

from typing import Final, NamedTuple

DEBIT_STATES: Final = {
    "arriving": "接收中",
    "asked": "待发送",
    "sent": "已发送",
    "doubtful": "结果不明",
    "success": "扣款成功",
    "refused": "扣款失败",
    "reversed": "已冲正",
    "no-effect": "未扣款",
}
FILE_STATES: Final = {
    "arriving": "接收中",
    "registered": "组包中",
    "sent": "已发送",
    "refused": "整个文件被拒",
}
PACKAGE_STATES: Final = {
    "released": "待发送",
    "sent": "已发送",
    "closed": "已完结",
    "failed": "整包被拒或未发出",
}
WORDS: Final = {
    "success": "成功",
    "rejected": "拒绝",
    "reversed": "已冲正",
    "in-doubt": "结果不明",
    "listed": "日终核对已列出",
    "not-listed": "日终核对未列出",
}


class Difference(NamedTuple):
    """A kind of difference, and the next action."""

    zh: str
    en: str
    todo_zh: str
    todo_en: str


DIFFERENCES: Final = {
    "missing-here": Difference(
        "网络有、本机无",
        "the network has a debit that we do not know",
        "凭税（费）票号码查明是谁发起、扣自谁；非本机构发起的请网络核实退回",
        "find out by its voucher number who asked for it; where nobody did, have the network return it",
    ),
    "missing-there": Difference(
        "本机有、网络无",
        "we booked a debit that the network does not list",
        "查核对包是否齐全、是否列在另一日（列出后自动关闭）；仍无则向网络查询该笔",
        "are all parts there, is it in another day's? (then this closes by itself) otherwise ask about it",
    ),
    "amount": Difference(
        "金额不一致",
        "the amounts differ",
        "与银行核对原始凭证；该笔未登记结果，更正后的核对包到达即按其了结",
        "compare vouchers with the bank; nothing was booked for it, and a corrected check settles it",
    ),
    "state": Difference(
        "状态不一致",
        "the states differ",
        "向网络查询该笔（9003）；网络已扣而本机记为未扣的，先通知经办机构不要重新扣款",
        "ask the network about it; where money did move, first tell the agency not to debit it again",
    ),
    "twice": Difference(
        "同一笔列出两次",
        "one debit is listed twice",
        "立即请网络核实，重复扣款的办理退回",
        "have the network verify it at once, and return what was taken twice",
    ),
    "contradiction": Difference(
        "前后两次最终结果矛盾",
        "a final result contradicts an earlier one",
        "向网络查证是否已扣款，以日终核对为准；查明前不要重新扣款",
        "ask the network whether money moved; the day's check decides. Do not debit it again before",
    ),
    "taken-again": Difference(
        "同一票号的另一次扣款成功",
        "another attempt with this voucher number succeeded",
        "立即核实是否扣了两次，多扣的办理退回",
        "find out at once whether money was taken twice, and return it",
    ),
    "asked-again": Difference(
        "同一票号再次发起实时扣款",
        "a voucher number was asked for once more",
        "核对两次的结果；失败后重新扣款应使用新的票号",
        "compare the results of both; what failed is asked for under a new voucher number",
    ),
    "voucher-taken": Difference(
        "票号已用于内容不同的扣款",
        "the voucher number belongs to another levy",
        "通知发起单位更正票号，并核实该实时扣款的结果",
        "have the sender correct the number, and find out what came of that real-time debit",
    ),
    "ambiguous": Difference(
        "冲正回执对应不止一笔",
        "an answer to a reversal fits several debits",
        "凭日终核对认定是哪一笔",
        "the day's check shows which one is meant",
    ),
    "unknown-debit": Difference(
        "结果对应的扣款找不到",
        "a result about a debit that is not ours",
        "凭票号查明是否他处发起；补登记后结果会自动登记",
        "was it asked for elsewhere? once it is registered, the result is booked by itself",
    ),
    "unknown-package": Difference(
        "回执的包流水号本机没有",
        "results of a package that is not ours",
        "与网络核对包流水号；可能由他处提交",
        "compare the package number with the network: it may have been submitted elsewhere",
    ),
    "unknown-collector": Difference(
        "征收机关代码未配置",
        "a collector that is not configured",
        "核对 levies.yaml 的 collector_code 与 partner",
        "check collector_code and partner in levies.yaml",
    ),
    "parts": Difference(
        "核对子包前后矛盾",
        "parts of a day's check contradict each other",
        "请网络重发该日核对：gateway levy resend",
        "have the network send the day's check once more: gateway levy resend",
    ),
    "totals": Difference(
        "核对包的总数与明细不符",
        "a day's check does not add up",
        "请网络重发该日核对：gateway levy resend",
        "have the network send the day's check once more: gateway levy resend",
    ),
    "late": Difference(
        "日终核对未按时收齐",
        "a day's check is not complete in time",
        "查看已到几包（gateway levy days），请网络重发：gateway levy resend",
        "see which parts are there (gateway levy days), then ask for it: gateway levy resend",
    ),
}
