"""The desk of the book of levies: what it does with which message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.books.desk import BookDesk, Take
from gateway.canonical.levy import (
    AgreementAnswered,
    DebitAnswered,
    DebitAsked,
    DebitBatchReturned,
    DebitBatchSubmitted,
    DebitReversalAnswered,
    DebitsChecked,
)
from gateway.canonical.levy_network import WorkingDayChanged
from gateway.levies import agreements, answers, days, registering, singles
from gateway.levies.operations import OPERATIONS
from gateway.levies.parts import Parts

_TAKES: Final[Mapping[type, Take[Parts]]] = {
    DebitBatchSubmitted: registering.take_file,
    DebitAsked: singles.take,
    DebitAnswered: answers.take_answer,
    DebitReversalAnswered: answers.take_reversal,
    DebitBatchReturned: answers.take_return,
    AgreementAnswered: agreements.take,
    WorkingDayChanged: days.take_day,
    DebitsChecked: days.take_part,
}


class Desk(BookDesk[Parts]):
    """The `Sender` behind the name `levies`."""

    operations = OPERATIONS

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts, _TAKES)
