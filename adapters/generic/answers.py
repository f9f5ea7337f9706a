"""What an answer of the partner proves, by the settings' own list of statuses and codes. Pure.

status not listed ─────────────────────────────► Unknown
rejected_statuses / retry_statuses ────────────► Rejected / RetryLater
statuses ── no `at` ───────────────────────────► Accepted
         └─ code ── accepted / rejected / retry ► Accepted / Rejected / RetryLater
                 └─ absent, for a query ────────► Absent
                 └─ any other, or none ─────────► Unknown
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from lxml import etree

from adapters.generic.operations import AnswerSettings
from gateway.contract import Absent, Rejected, RetryLater, Unknown
from gateway.transports.soap import XmlError, parse
from mappings import Refused, parse_json


@dataclass(frozen=True, slots=True)
class Done:
    """The partner says that it did it."""

    payload: Any  #: what stands in the transport's envelope; None where the answer is the document itself
    code: str
    reference: str | None
    raw: bytes


Proof: TypeAlias = Done | Rejected | RetryLater | Absent | Unknown


def judge(settings: AnswerSettings, status: int, raw: bytes, payload: Any = None) -> Proof:
    """What an answer with this status proves.

    Args:
        raw: the answer's bytes.
        payload: the answer's own element, where the transport has taken it out of an envelope.
    """
    if status in settings.rejected_statuses:
        return Rejected(code=f"HTTP {status}", reason=_reason(settings, raw, payload), raw=raw)
    if status in settings.retry_statuses:
        return RetryLater(reason=f"对方未受理，HTTP {status} / not taken in")
    if status not in settings.statuses:
        return Unknown(reason=f"HTTP {status}", raw=raw)
    if settings.at is None:
        return Done(payload, "", None, raw)
    try:
        tree = payload if payload is not None else _tree(settings, raw)
    except ValueError:
        return Unknown(reason="应答无法解析 / the answer cannot be read", raw=raw)
    return _by_code(settings, tree, raw, payload)


def _by_code(settings: AnswerSettings, tree: Any, raw: bytes, payload: Any) -> Proof:
    code = text_at(tree, settings.at)
    if code in settings.accepted:
        return Done(payload, code, text_at(tree, settings.reference_at), raw)
    if code in settings.rejected:
        return Rejected(code=code, reason=text_at(tree, settings.reason_at) or code, raw=raw)
    if code in settings.retry:
        return RetryLater(reason=f"对方未受理，代码 {code} / not taken in")
    if code in settings.absent:
        return Absent(raw=raw)
    shown = "缺失 / missing" if code is None else "未列明 / not listed"
    return Unknown(reason=f"结果代码 {settings.at} {shown}", raw=raw)


def _reason(settings: AnswerSettings, raw: bytes, payload: Any) -> str:
    try:
        tree = payload if payload is not None else _tree(settings, raw)
    except ValueError:
        return "对方拒绝 / refused"
    return text_at(tree, settings.reason_at) or "对方拒绝 / refused"


def _tree(settings: AnswerSettings, raw: bytes) -> Any:
    """Raises ValueError."""
    try:
        return parse_json(raw) if settings.format == "json" else parse(raw, None, max_bytes=len(raw))
    except (Refused, XmlError) as error:
        raise ValueError("not what was agreed") from error


def text_at(tree: Any, place: str | None) -> str | None:
    """The text at a place, whatever namespaces say; None where there is none, or more than one."""
    if place is None:
        return None
    for step in place.split("/"):
        tree = _step(tree, step)
    if isinstance(tree, etree._Element):
        return (tree.text or "").strip() or None
    return str(tree) if isinstance(tree, str | int) and not isinstance(tree, bool) else None


def _step(tree: Any, step: str) -> Any:
    if isinstance(tree, etree._Element):
        found = [
            child for child in tree if isinstance(child.tag, str) and etree.QName(child).localname == step
        ]
        return found[0] if len(found) == 1 else None
    return tree.get(step) if isinstance(tree, dict) else None
