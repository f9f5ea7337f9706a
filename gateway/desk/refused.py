"""Why a person's act is not done. Nothing was changed; the texts say what would have to be otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.contract import GatewayError
from gateway.store.api import MessageRow


class NotPossible(GatewayError):
    """The act is not possible as things are."""


class NeedsConfirmation(NotPossible):
    """It moves money: the texts warn of what may go wrong, and the person must confirm having read them."""


class Changed(NotPossible):
    """What was decided about has changed since the person looked: look again, then decide."""


class SeveralMessages(NotPossible):
    """What was typed finds more than one message.

    Attributes:
        candidates: the messages that it finds, newest first.
    """

    def __init__(self, candidates: Sequence[MessageRow]) -> None:
        super().__init__("不止一条，请用标识指明", "more than one: name it by its id")
        self.candidates = tuple(candidates)


class SeveralDeliveries(NotPossible):
    """More than one delivery of the message can be meant.

    Attributes:
        standing: the partners with the state of each delivery, for people.
    """

    def __init__(self, standing: str) -> None:
        super().__init__(f"不止一笔投递，请指明伙伴：{standing}", f"name the partner: {standing}")
        self.standing = standing
