"""The life of a debit, as a pure state machine.

    arriving ──all of the file is in──► asked ──the network has it──► sent ──a code that says nothing──► doubtful
                                          │                            │                                   │
                                          └────────────────────────────┴───────────────┬───────────────────┘
                                                                                       ▼ a final word
                          SUCCESS  answered or listed in the day's check: money moved, a receipt is given
                          REFUSED  refused: no money moved          NO-EFFECT  not in the day's check: none moved
                          REVERSED undone: whatever was said before, no money is moved any more

Final states are in capitals. A final word that contradicts an earlier one changes nothing: it is a difference, for
people. Not so a reversal, which ends everything: the network gives one only where nothing is owed any more, and it may
come before or after the word it undoes. Of two words by which no money moved the more exact one stands.
So whatever the order in which words come that do not contradict each other, and however often, the end is the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple

ARRIVING, ASKED, SENT, DOUBTFUL = "arriving", "asked", "sent", "doubtful"
SUCCESS, REFUSED, REVERSED, NO_EFFECT = "success", "refused", "reversed", "no-effect"

#: Nobody knows yet what became of it.
OPEN: Final = frozenset({ASKED, SENT, DOUBTFUL})
FINAL: Final = frozenset({SUCCESS, REFUSED, REVERSED, NO_EFFECT})

#: Words: what a result code means (`gateway.levies.codes`).
SUCCEEDED, REJECTED, UNDONE, IN_DOUBT = "success", "rejected", "reversed", "in-doubt"


class Step(NamedTuple):
    """What a word leads to."""

    after: str
    difference: str | None = None  #: a key of `words.DIFFERENCES`; then the debit stays as it is


def after_word(state: str, word: str, *, amount: int, said: int | None = None) -> Step:
    """What follows a word of the network's on a debit.

    Args:
        state: of the debit, which has arrived.
        word: one of the words above.
        amount: of the debit, in fen.
        said: the amount as the network repeats it, if it does.
    """
    if said is not None and said != amount:
        return Step(state, "amount")
    if state == REVERSED or word == UNDONE:
        return Step(REVERSED)
    if word == IN_DOUBT:
        return Step(DOUBTFUL if state in OPEN else state)
    if word == SUCCEEDED:
        return Step(SUCCESS) if state in OPEN or state == SUCCESS else Step(state, "contradiction")
    return Step(state, "contradiction") if state == SUCCESS else Step(REFUSED)
