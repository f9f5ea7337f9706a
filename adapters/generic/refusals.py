"""What a partner is told whose input is not taken; every transport says it in its own way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.sax.saxutils import escape

import msgspec

from adapters.generic.formats import Format
from gateway.canonical.refusal import RequestRefused
from gateway.contract import Conflict, Pending, Reject, Unavailable
from mappings import MappingError

#: Mapping errors may end in the offending value; only what stands before it is passed on.
_VALUE_ZH = re.compile(r"[(（]值为“.*", re.DOTALL)
_VALUE_EN = re.compile(r" \(is .*", re.DOTALL)
_LONGEST = 200
_CONTROL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DETAILS = ("code", "field", "name", "rule", "line", "column", "refusal_id", "message_id")


@dataclass(kw_only=True, eq=False)
class Refused(Exception):
    """Ends the handling of one message. The texts never quote a value."""

    code: str  #: stable: `malformed`, `invalid`, `unknown-operation`, `denied`, `duplicate-id`, `pending`, …
    zh: str
    en: str
    field: str = ""
    name: str = ""  #: what people call the field
    rule: str = ""
    line: int = 0
    column: int = 0
    ours: bool = False  #: the same message may be sent again as it is
    record: bool = True  #: input that was not accepted, to be audited
    more: tuple[Refused, ...] = ()  #: what else is wrong with the same message
    partner_message_id: str | None = None
    refusal_id: str = ""
    message_id: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.field} {self.rule}".strip()

    @property
    def told(self) -> tuple[str, str]:
        """What is wrong first, and how much more is, in Chinese and in English."""
        if not self.more:
            return self.zh, self.en
        return f"{self.zh}（另有 {len(self.more)} 处错误）", f"{self.en} (and {len(self.more)} more)"

    @property
    def words(self) -> str:
        """Chinese, then English."""
        return " / ".join(self.told)

    def details(self) -> dict[str, str]:
        """What is known of it, by name."""
        return {name: str(getattr(self, name)) for name in _DETAILS if getattr(self, name)}

    def json(self) -> bytes:
        """`{"refused": {"code": …, "field": …, "rule": …, "reason": …}}`"""
        return msgspec.json.encode({"refused": {**self.details(), "reason": self.words}})

    def xml(self) -> bytes:
        """`<refused><code>…</code>…<reason>…</reason></refused>`, without namespace."""
        parts = {**self.details(), "reason": self.words}
        inner = "".join(f"<{name}>{escape(_CONTROL.sub('�', text))}</{name}>" for name, text in parts.items())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<refused>{inner}</refused>'.encode()

    def written(self, form: Format | None) -> bytes | None:
        """In the partner's own form, where a mapping says how; None without one."""
        if form is None or form.refusal is None:
            return None
        body = RequestRefused(code=self.code, reason=self.words, field=self.field or None)
        try:
            return form.refusal.encode(body)
        except MappingError:
            return None  # a form that cannot say it must not hide that the message was refused


def invalid(error: MappingError) -> Refused:
    """What a mapping says of a message."""
    first, *others = (
        Refused(
            code="invalid",
            zh=_VALUE_ZH.sub("", fault.zh),
            en=_VALUE_EN.sub("", fault.en),
            field=fault.field[:_LONGEST],
            name=fault.name,
            rule=fault.rule,
            line=fault.line,
            column=fault.column,
        )
        for fault in error.faults
    )
    first.more = tuple(others)
    return first


def rejected(error: Reject) -> Refused:
    """What the engine says of it."""
    if isinstance(error, Conflict):
        zh, en = "此报文编号已用于另一份内容不同的报文", "this id was used before for a different message"
        return Refused(code="duplicate-id", zh=zh, en=en, rule="unique")
    return Refused(code=error.code, zh=error.zh, en=error.en, field=error.field, rule=error.rule)


def said_no(reply: RequestRefused, message_id: str) -> Refused:
    """The other side's no."""
    zh, en = "对方未受理", "the receiver refused it"
    if reply.code != "rejected":  # nobody refused it: the gateway says in its own words what became of it
        zh, _, en = reply.reason.partition(" / ")
    else:
        zh, en = f"{zh}：{reply.raw_text or reply.reason}", f"{en}, code {reply.raw_code or '-'}"
    return Refused(
        code=reply.code, zh=zh, en=en, field=reply.field or "", message_id=message_id, record=False
    )


def pending(outcome: Pending) -> Refused:
    """No answer yet."""
    return Refused(
        code="pending",
        zh="结果未明，请用同一编号再次发送以查询",
        en="the outcome is not known yet: send the same message again to ask",
        rule=outcome.state,
        ours=True,
        record=False,
        message_id=outcome.message_id,
    )


def later(error: Unavailable) -> Refused:
    """Nothing was committed."""
    return Refused(
        code="unavailable",
        zh=f"暂时无法受理，请稍后原样重发（{error.zh}）",
        en=f"cannot take it now: send the same message again later ({error.en})",
        ours=True,
        record=False,
    )
