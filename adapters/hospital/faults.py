"""What a hospital is told when its request is not answered, whatever it speaks. Each face writes it its own way.

What stood in a field is never repeated; only what the platform wrote is passed on, to whom it was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gateway.canonical.refusal import RequestRefused
from gateway.contract import Pending, Reject, Unavailable
from mappings import MappingError

#: Mapping errors may end in the offending value; only what stands before it is passed on.
_VALUE_ZH = re.compile(r"[(（]值为“.*", re.DOTALL)
_VALUE_EN = re.compile(r" \(is .*", re.DOTALL)
_LONGEST = 200


@dataclass(kw_only=True, eq=False)
class Fault(Exception):
    """Ends a request without an answer, or with a no."""

    code: str  #: stable: `malformed`, `invalid`, `signature`, `replay`, `duplicate-msgid`, `pending`, …
    zh: str
    en: str
    field: str = ""  #: place in the request, in its own terms
    name: str = ""  #: of the field, in Chinese
    rule: str = ""
    line: int = 0
    record: bool = True  #: it is input that was not accepted, to be put on record
    ours: bool = False  #: nothing is wrong with the request: its sender has nothing to change
    after: float | None = None  #: it comes too often: seconds to wait before the same is sent again
    msgid: str | None = None  #: of the request, where it could be read
    refusal_id: str = ""  #: under which operators find the refusal
    message_id: str = ""  #: under which operators find the message, where it was accepted
    infcode: str = ""  #: as the platform wrote it
    err_msg: str = ""  #: as the platform wrote it

    def __str__(self) -> str:
        return f"{self.code} {self.field} {self.rule}".strip()


def invalid(error: MappingError, name_of: Callable[[str], str] = lambda _field: "") -> Fault:
    """What a mapping found, without the values it found it in.

    Args:
        name_of: the Chinese name of a place, for errors that do not know it.
    """
    first = error.faults[0]
    field = first.field[:_LONGEST]
    name = first.name or name_of(field)
    what = f"{name} {field}".strip()
    if first.rule == "total":  # its text gives amounts
        zh, en = f"{what}：金额勾稽不符", f"{field}: the amounts do not add up"
    else:
        zh, en = _VALUE_ZH.sub("", first.zh), _VALUE_EN.sub("", first.en)
    more = len(error.faults) - 1
    zh += f"（另有 {more} 处错误）" if more else ""
    en += f" (and {more} more)" if more else ""
    return Fault(code="invalid", zh=zh, en=en, field=field, name=name, rule=first.rule)


def rejected(error: Reject, msgid: str) -> Fault:
    """The engine does not take such a message from this partner."""
    return Fault(code=error.code, zh=error.zh, en=error.en, field=error.field, rule=error.rule, msgid=msgid)


def later(error: Unavailable) -> Fault:
    """Nothing was committed."""
    return Fault(
        code="unavailable",
        zh=f"暂时无法受理，请稍后用同一 msgid 重发（{error.zh}）",
        en=f"cannot take it now: send the same message again later ({error.en})",
        ours=True,
        record=False,
    )


def conflict(msgid: str) -> Fault:
    """One message id, two messages."""
    return Fault(
        code="duplicate-msgid",
        zh="该 msgid 已用于另一笔内容不同的报文，请换用新的 msgid",
        en="this msgid was used before for a different message: take a new one",
        field="msgid",
        name="发送方报文ID",
        rule="unique",
        msgid=msgid,
    )


def pending(outcome: Pending) -> Fault:
    """Accepted, and not settled in time."""
    return Fault(
        code="pending",
        zh="结果未明，请用同一 msgid 再次查询",
        en="the outcome is not known yet: ask again with the same msgid",
        ours=True,
        rule=outcome.state,
        message_id=outcome.message_id,
        record=False,
    )


def said_no(reply: RequestRefused, message_id: str) -> Fault:
    """The other side refused, or the gateway says what became of it."""
    zh, en = "中心未受理该业务", "the platform refused the request"
    if reply.code != "rejected":  # nobody refused it: the gateway says in its own words what became of it
        zh, _, en = reply.reason.partition(" / ")
    return Fault(
        code=reply.code,
        zh=zh,
        en=en,
        field=reply.field or "",
        infcode=reply.raw_code or "",
        err_msg=reply.raw_text or reply.reason,
        message_id=message_id,
        record=False,
    )
