"""Why a person acts: what the audit log is told of it."""

from __future__ import annotations

import re
from typing import Final

from gateway.contract.privacy import mask_text
from gateway.desk.refused import NotPossible

_LONGEST: Final = 500
#: Numbers are often written in groups: the blanks between digits are left out before looking.
_GAPS: Final = re.compile(r"(?<=\d)[ \u3000]+(?=\d)")


def check_reason(text: str) -> str:
    """The reason as it may go into the audit log, which never holds personal data.

    Raises:
        NotPossible: there is none, or it must not be kept.
    """
    reason = text.strip()
    if not reason:
        raise NotPossible("须说明原因", "say why")
    if len(reason) > _LONGEST or not reason.isprintable():
        raise NotPossible(f"一行文字，至多 {_LONGEST} 个字符", f"one line of at most {_LONGEST} characters")
    joined = _GAPS.sub("", reason)
    if mask_text(joined) != joined:
        raise NotPossible(
            "原因写入审计日志，不得含证件号、卡号、手机号或 15 位以上的数字",
            "goes into the audit log: no identity, card or mobile numbers, no 15 or more digits in a row",
        )
    return reason
