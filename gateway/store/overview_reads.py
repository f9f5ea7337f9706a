"""What the console's overview asks, for both databases. Plain functions on a session, as in `reads`."""

# ruff: noqa: S608 (only names of states that this program defines are put into the texts)

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.store.session import Session

#: As the partial index `deliveries_due` has it, which is used only where its condition stands literally.
_DUE: Final = "state IN ('held', 'waiting', 'in-doubt', 'dead')"
#: Deliveries looked at for reasons that no unfinished one tells: the newest ones, by id.
_LATEST: Final = 2000


class LastReason(NamedTuple):
    """Why a delivery to a partner is not, or was not, accepted; the latest one."""

    partner: str
    state: str
    reason: str
    updated: int  #: milliseconds
    message_id: str


def for_people_counts(session: Session) -> dict[str, int]:
    """State → number of deliveries in `reads.for_people`."""
    found = session.rows(
        f"""SELECT state, count(*) FROM deliveries
            WHERE {_DUE} AND (state IN ('dead', 'in-doubt') OR (state = 'held' AND next_at IS NULL))
            GROUP BY state"""
    )
    return {state: int(number) for state, number in found}


def since(session: Session, moment: int) -> tuple[int, dict[str, int]]:
    """Messages that partners sent since `moment` (milliseconds), and the deliveries begun since by state.

    Ids of deliveries begin with their time (UUIDv7): the primary key finds them."""
    [(messages,)] = session.rows(
        "SELECT count(*) FROM messages WHERE created >= ? AND direction = 'in'", (moment,)
    )
    digits = f"{moment:012x}"
    states = session.rows(
        "SELECT state, count(*) FROM deliveries WHERE id >= ? GROUP BY state", (f"{digits[:8]}-{digits[8:]}",)
    )
    return int(messages), {state: int(number) for state, number in states}


def last_reasons(session: Session) -> dict[str, LastReason]:
    """Partner → its latest reason, among what is unfinished and the newest deliveries."""
    columns = "partner, state, reason, updated, message_id"
    found = session.rows(
        f"""SELECT {columns} FROM (
                SELECT {columns}, row_number() OVER (PARTITION BY partner ORDER BY updated DESC) AS place FROM (
                    SELECT {columns} FROM deliveries WHERE {_DUE} AND reason IS NOT NULL
                    UNION ALL
                    SELECT {columns} FROM (SELECT {columns} FROM deliveries ORDER BY id DESC LIMIT {_LATEST}) AS newest
                        WHERE reason IS NOT NULL AND state <> 'accepted') AS told) AS ranked
            WHERE place = 1"""
    )
    return {row[0]: LastReason(*row) for row in found}
