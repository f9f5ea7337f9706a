"""Answers that say something else than what was done, or say it in another way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from adapters.settlement.simulator.platform import Platform

_MARK = b'"output":'
_CHINESE: Final = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2})+")


def spoil(kind: str, answer: bytes, platform: Platform) -> bytes:
    """The answer as that kind of fault leaves it."""
    if kind == "false-refusal":
        return platform.refusal("系统处理异常")
    if kind == "duplicate-msgid":
        return platform.refusal("报文ID重复")
    if kind == "truncated-file":
        return answer[: len(answer) // 2]
    change = _CHANGES.get(kind)
    return change(answer) if change and answer.startswith(b"{") else answer


def _output_string(answer: bytes) -> bytes:
    at = answer.index(_MARK) + len(_MARK)
    return answer[:at] + msgspec.json.encode(answer[at:-1].decode()) + b"}"


def _extra_fields(answer: bytes) -> bytes:
    answer = answer.replace(b'"setlinfo":{', b'"setlinfo":{"hifdm_pay":0.00,"memo_local":null,', 1)
    return answer[:-1] + b',"warn_msg":"","enctype":null,"trace":{"node":["a",1.50]}}'


def _mixed(answer: bytes) -> bytes:
    """Its first Chinese value as an old back end writes it."""
    return _CHINESE.sub(lambda found: found[0].decode().encode("gb18030"), answer, count=1)


def _rows_reversed(answer: bytes) -> bytes:
    tree = json.loads(answer, parse_float=Decimal)
    return msgspec.json.Encoder(decimal_format="number").encode(_reversed(tree))


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(one) for name, one in value.items()}
    return [_reversed(one) for one in reversed(value)] if isinstance(value, list) else value


_CHANGES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "output-string": _output_string,
    "extra-fields": _extra_fields,
    "mixed-charset": _mixed,
    "rows-reversed": _rows_reversed,
    "gbk": lambda answer: answer.decode().encode("gb18030"),
    "other-person": lambda answer: re.sub(rb'"psn_no":"[^"]*"', b'"psn_no":"9901019999999999999"', answer),
    "other-total": lambda answer: re.sub(rb'"medfee_sumamt":[-\d.]+', b'"medfee_sumamt":99999.99', answer),
}
