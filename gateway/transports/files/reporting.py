"""What is wrong with a refused file: for the people who made it, and for their programs. Never holds a value."""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.transports.files.names import shown
from gateway.transports.files.taking import Finding, TurnedAway

REPORT: Final = ".report.txt"
REPORT_JSON: Final = ".report.json"
CHINA: Final = dt.timezone(dt.timedelta(hours=8))
#: Findings that are listed; of the others only the number is told.
LISTED: Final = 200

_NEXT: Final = {
    "too-large": ("请拆分后重新发送", "split it and send the parts"),
    "duplicate": ("请换一个文件名重新发送", "send it again under a new name"),
    "virus": ("请检查本机，清除病毒后重新生成文件", "clean the machine it came from and make the file anew"),
    "signature": ("请核对签名密钥与文件后重新签名发送", "check key and file, sign it again and send both"),
}
_CORRECT: Final = ("请按下表更正文件，重新放入", "correct the file as listed below and put it there again")
_COLUMNS: Final = ("行 line", "列 column", "字段 field", "规则 rule", "原因 reason")


@dataclass(frozen=True, slots=True)
class Report:
    """The two files that stand beside a refused one."""

    text: bytes
    json: bytes


def report(name: str, refused: TurnedAway, at: dt.datetime) -> Report:
    """Chinese, then English; up to `LISTED` findings and how many more there are."""
    listed = refused.findings[:LISTED]
    more = refused.more + len(refused.findings) - len(listed)
    name = shown(name)
    return Report(_text(name, refused, listed, more, at), _json(name, refused, listed, more, at))


def _text(name: str, refused: TurnedAway, listed: tuple[Finding, ...], more: int, at: dt.datetime) -> bytes:
    zh, en = _NEXT.get(refused.code, _CORRECT)
    lines = [
        f"文件 / file:       {name}",
        f"时间 / time:       {at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}",
        f"拒绝编号 / id:     {refused.refusal_id}",
        f"代码 / code:       {refused.code}",
        "",
        "未受理，未产生任何影响。 / Nothing was taken in and nothing changed.",
        f"下一步 / next:     {zh}。 / {en}.",
        "",
    ]
    rows = [_COLUMNS, *((*_place(one), one.field or "-", one.rule, f"{one.zh} / {one.en}") for one in listed)]
    widths = [max(_width(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    for row in rows:
        padded = [text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=False)]
        lines.append("  ".join((*padded, row[-1])))
    if more:
        lines += ["", f"另有 {more} 处未列出。 / {more} more are not listed."]
    return ("\n".join(lines) + "\n").encode()


def _json(name: str, refused: TurnedAway, listed: tuple[Finding, ...], more: int, at: dt.datetime) -> bytes:
    facts = {
        "file": name,
        "size": refused.size,
        "sha256": refused.sha256 or None,
        "time": at.astimezone(CHINA).isoformat(timespec="seconds"),
        "state": "refused",
        "refusal_id": refused.refusal_id,
        "code": refused.code,
        "findings": [
            {
                "line": one.line,
                "column": one.column,
                "field": one.field or None,
                "rule": one.rule,
                "reason": {"zh": one.zh, "en": one.en},
            }
            for one in listed
        ],
        "more": more,
    }
    return msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n"


def _place(one: Finding) -> tuple[str, str]:
    return (str(one.line) if one.line else "-"), (str(one.column) if one.column else "-")


def _width(text: str) -> int:
    """Columns on a screen: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
