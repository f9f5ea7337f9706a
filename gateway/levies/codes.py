"""What the network's result codes mean: the `outcome` of the code tables, which an operator may replace by the official
ones. A code without one means nothing: such a debit is in doubt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from gateway.levies.lifecycle import IN_DOUBT, REJECTED, SUCCEEDED, UNDONE
from mappings import codes

ANSWERS: Final = "tips_result"
DETAILS: Final = "tips_detail_result"
REVERSALS: Final = "tips_cancel_answer"


class Codes:
    """The tables, from the operator's folders before the shipped ones."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self._folders = (*folders, codes.FOLDER)

    def of_answer(self, code: str, day: dt.date) -> str:
        """The word that a result code says."""
        return self._word(code, day, ANSWERS)

    def of_detail(self, code: str, day: dt.date) -> str:
        """The word of the code of a package's detail, which has codes of its own beside the common ones."""
        return self._word(code, day, DETAILS, ANSWERS)

    def of_reversal(self, code: str, day: dt.date) -> str:
        """The word of an answer to a reversal. One that was refused says nothing of the debit."""
        return UNDONE if self._outcome(code, day, REVERSALS) == UNDONE else IN_DOUBT

    def saying(self, outcome: str, day: dt.date) -> str:
        """A code that says this, for words of our own.

        Raises:
            KeyError: the table has none.
        """
        rows = codes.table(ANSWERS, self._folders, day).codes
        found = next((row.code for row in rows if row.outcome == outcome), None)
        if found is None:
            raise KeyError(outcome)
        return found

    def _word(self, code: str, day: dt.date, *tables: str) -> str:
        outcome = next((found for table in tables if (found := self._outcome(code, day, table))), "")
        return outcome if outcome in (SUCCEEDED, REJECTED) else IN_DOUBT

    def _outcome(self, code: str, day: dt.date, table: str) -> str:
        rows = codes.table(table, self._folders, day).codes
        return next((row.outcome for row in rows if row.code == code), "")
