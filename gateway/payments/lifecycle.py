"""The lives of an item and of a batch, as pure state machines.

    proposed ──approve──► approved ──build──► batched ──release──► released ──the bank has it──► sent
       │                    │  ▲                │                     │                           │
       └──────withdraw──────┤  └────cancel──────┘                     └─────────────┬─────────────┘
                            ▼                                                       ▼ the bank's final word
                        WITHDRAWN              unknown ◄──a code nobody knows── SETTLED │ REJECTED
                                               (still open)                       │ 退票, days later
                                                                                  ▼
                                                                               RETURNED

    batch:  built ──release──► released ──the bank has it──► under-way ──some final──► partly-returned ──all──► CLOSED
              └──cancel──► CANCELLED └──the bank refused it as a whole──► FAILED

Final states are in capitals. SETTLED becomes RETURNED and nothing else. A final word that contradicts an earlier one
changes nothing: it is a difference, for people. A refused or returned item may be proposed anew, as a new item
that names the old one; no row is ever paid twice.
"""

from __future__ import annotations

from typing import Final, NamedTuple

ARRIVING, PROPOSED, APPROVED, BATCHED = "arriving", "proposed", "approved", "batched"
RELEASED, SENT, UNKNOWN = "released", "sent", "unknown"
SETTLED, REJECTED, RETURNED, WITHDRAWN = "settled", "rejected", "returned", "withdrawn"

#: The bank has it, or may have it, and its final word is still to come.
LIVE: Final = frozenset({RELEASED, SENT, UNKNOWN})
FINAL: Final = frozenset({SETTLED, REJECTED, RETURNED, WITHDRAWN})
#: May be proposed anew.
AGAIN: Final = (REJECTED, RETURNED)
#: May be withdrawn.
WITHDRAWABLE: Final = (PROPOSED, APPROVED)

BUILT, UNDER_WAY, PARTLY = "built", "under-way", "partly-returned"
CLOSED, FAILED, CANCELLED = "closed", "failed", "cancelled"


class Step(NamedTuple):
    """What a word of the bank's leads to."""

    after: str
    difference: str | None = None  #: a key of `words.DIFFERENCES`; then the item stays as it is


def after_word(
    state: str,
    outcome: str,
    *,
    final: bool,
    amount: int,
    asked: int | None,
    moved: int | None,
    booked: int | None = None,
) -> Step:
    """What follows a bank's word on an item.

    Args:
        state: of the item.
        outcome: of the word (`gateway.canonical.payment.outcome`).
        final: whether the word is a final one; an intermediate one never says that money moved.
        amount: of the item, in fen.
        asked: the amount as the bank repeats it, if it does.
        moved: what moved, if the bank says so.
        booked: what has moved as far as we know: less than `amount` where a debit was collected in part.
    """
    if state not in LIVE and state not in (SETTLED, REJECTED, RETURNED):
        return Step(state, "not-released")
    # Of what was collected in part, no more than that comes back.
    if asked is not None and asked != amount and not (outcome == "returned" and asked == booked):
        return Step(state, "amount")
    if not final or outcome in ("accepted", "pending"):
        return Step(SENT if state in LIVE else state)
    return _final(state, outcome, amount, moved, booked)


def _final(state: str, outcome: str, amount: int, moved: int | None, booked: int | None) -> Step:
    if outcome in ("settled", "partial"):
        return _moved(state, outcome, amount, moved, booked)
    if state in LIVE or (state, outcome) == (SETTLED, RETURNED):
        return Step(outcome)
    return Step(state, None if outcome in ("unknown", state) else "contradiction")


def _moved(state: str, outcome: str, amount: int, moved: int | None, booked: int | None) -> Step:
    if outcome == "settled" and moved is None:
        moved = amount
    if state in (SETTLED, RETURNED):
        known = booked is None or moved == booked  # said before; an older file may come after a later one
        return Step(state, None if known else "amount" if moved is not None else "contradiction")
    if outcome == "settled" and moved != amount:
        return Step(state, "amount")
    if state == REJECTED:
        return Step(state, "contradiction")
    certain = outcome == "settled" or (moved is not None and 0 < moved < amount)
    return Step(SETTLED if certain else UNKNOWN)
