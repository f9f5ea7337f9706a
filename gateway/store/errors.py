"""What goes wrong in the store itself, beside `gateway.contract.Unavailable`."""

from __future__ import annotations

from gateway.contract import GatewayError, Unavailable


class UnitRefused(GatewayError):
    """This unit contradicts what is stored (an id used twice, a value the database cannot hold).

    Nothing of it was written and trying again will not help: it is a fault of the program that made it.
    """


class FateUnknown(GatewayError):
    """The connection broke during COMMIT and the gateway stopped before the database could be asked.

    The unit may or may not be stored. As after a crash, the sender's repetition decides: it is found as
    existing, or accepted.
    """


class Moved(GatewayError):
    """What a change was decided on is not so any more. Nothing was written: look again, then decide."""

    def __init__(self) -> None:
        super().__init__(
            "情况刚刚有了变化，未作任何改动：请重新查看后再决定",
            "it has just changed, nothing was done: look at it again, then decide",
        )


def unavailable(cause: str) -> Unavailable:
    """`cause` is the database's own word for it; it must carry no data."""
    return Unavailable(
        f"数据库暂时不可用，本次未写入任何内容，请稍后重试（{cause}）",
        f"the database is unavailable, nothing was written, try again later ({cause})",
    )


def refused(cause: str) -> UnitRefused:
    """`cause` names the constraint or the error class, never the values."""
    return UnitRefused(f"数据库拒绝了这次写入（{cause}）", f"the database refused this change ({cause})")


def stopped() -> Unavailable:
    return Unavailable("存储已停止", "the store has stopped")
