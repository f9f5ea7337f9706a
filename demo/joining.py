"""The scene of the agencies that joined by settings alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.joined import credit_code
from gateway.store import open_reader
from gateway.transports.soap import PeerFault

if TYPE_CHECKING:  # the day plays this scene
    from demo.day import Day

_FINAL = frozenset({"accepted", "rejected", "reversed"})


async def joined_by_settings(day: Day) -> None:
    """Agencies with interfaces of their own, and no code for them."""
    day.book.scene(
        "只凭配置接入：市场监管局（SOAP）→ 保险公司（HTTP）与参保登记（文件）",
        "partners without code: a SOAP notice becomes another agency's XML, and a file",
    )
    await _delivered(day)
    await _refused(day)


async def _delivered(day: Day) -> None:
    agencies = day.agencies
    agencies.fault("silent-after-commit")
    receipt = await agencies.announce("SJ20250001", credit_code(1))
    number = receipt.findtext("{*}ReceiptNo") or ""
    day.accepted.append(number)
    day.book.say(
        "企业设立通知已回执，保险公司收下后不作声",
        "receipt given; the insurer takes it and is silent",
        message_id=number,
    )
    settled = await day.until(lambda: _nothing_owed(day, number) and len(agencies.enrolled()) == 1)
    once = len(agencies.notices("SJ20250001")) == 1 and agencies.received() == 1
    day.book.note("企业登记通知（配置接入）", "回执 receipt", "保险公司 1 笔，文件 1 份", number)
    day.book.check(
        "两个机构各得一份，结果不明的由查询了结",
        "both agencies have it once; the doubt is settled by a query",
        settled and once,
    )


async def _refused(day: Day) -> None:
    right = credit_code(2)
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    detail: dict[str, str] = {}
    try:
        await day.agencies.announce("SJ20250002", wrong)
    except PeerFault as fault:
        facts = fault.detail[0] if fault.detail is not None else ()
        detail = {fact.tag.rpartition("}")[2]: fact.text or "" for fact in facts}
    said = f"{detail.get('field')}: {detail.get('rule')}"
    day.book.say("统一社会信用代码校验位错误", "a wrong check character", refused=said)
    day.book.note("错误的登记通知", f"SOAP Fault {said}", "无 none", detail.get("message-id", ""))
    kept = said == "Entity/Uscc: uscc" and day.agencies.received() == 1
    day.book.check(
        "用对方的协议指明字段与规则", "refused in its own protocol, by field and rule", kept, detail
    )


def _nothing_owed(day: Day, message_id: str) -> bool:
    with open_reader(day.stage.settings) as reader:
        return all(delivery.state in _FINAL for delivery in reader.deliveries_of(message_id))
