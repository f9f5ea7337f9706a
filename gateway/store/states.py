"""Names of delivery states that the store itself has to know."""

from __future__ import annotations

from typing import Final

#: Something is still owed, or a person has to look. `dead` belongs here: a later message with the same
#: ordering key must not overtake one that a person may still replay.
UNFINISHED: Final = ("held", "pending", "sending", "waiting", "in-doubt", "dead")
#: Those that are taken up again at `next_at`.
TIMED: Final = ("held", "waiting", "in-doubt")
#: States as an SQL list: partial indices are used only where the query repeats their condition literally.
UNFINISHED_SQL: Final = ", ".join(f"'{state}'" for state in UNFINISHED)
