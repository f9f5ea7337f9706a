"""What a person may decide about a delivery, in the words of the console's buttons and messages."""

from __future__ import annotations

from typing import Final

from gateway.console.refusals import Refused
from gateway.desk.cases import Choice

#: What the button says.
LABELS: Final[dict[Choice, tuple[str, str]]] = {
    Choice.REPLAY: ("重放", "Replay"),
    Choice.ASK_AGAIN: ("再次查询", "Ask again"),
    Choice.LET_GO: ("放行", "Let go"),
    Choice.TOOK_EFFECT: ("按已生效了结", "Settle: took effect"),
    Choice.NO_EFFECT: ("按未生效了结", "Settle: no effect"),
}

#: What is said once it is done.
DONE: Final[dict[Choice, tuple[str, str]]] = {
    Choice.REPLAY: ("已重放，由运行中的网关投递", "replayed: the running gateway delivers it"),
    Choice.ASK_AGAIN: ("已安排再次查询，由运行中的网关执行", "the running gateway asks again"),
    Choice.LET_GO: ("已放行，由运行中的网关投递", "let go: the running gateway delivers it"),
    Choice.TOOK_EFFECT: (
        "已按生效了结。没有答复报文，请告知提交方",
        "settled as done; there is no reply, so tell the sender",
    ),
    Choice.NO_EFFECT: (
        "已按未生效了结。没有答复报文，请告知提交方",
        "settled as without effect; there is no reply, so tell the sender",
    ),
}


def choice_named(name: str) -> Choice:
    """The choice that a URL names.

    Raises:
        Refused: there is none of that name.
    """
    try:
        return Choice(name)
    except ValueError:
        raise Refused("没有这种处理方式", "no such decision", 404) from None
