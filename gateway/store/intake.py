"""How far the content of a message has been taken into a book: the guard by which every record of it is in once."""

from __future__ import annotations

from gateway.store.errors import Moved
from gateway.store.session import Session


def begin_intake(session: Session, message_id: str) -> tuple[int, bool]:
    """(how far the message's content has been taken in, whether all of it is)."""
    session.run(
        "INSERT INTO book_intake (message_id, position, done) VALUES (?, 0, 0) ON CONFLICT DO NOTHING",
        (message_id,),
    )
    [(position, done)] = session.rows(
        "SELECT position, done FROM book_intake WHERE message_id = ?", (message_id,)
    )
    return int(position), bool(done)


def go_on(session: Session, message_id: str, position: int, after: int) -> None:
    """The guard of everything that is taken in piece by piece.

    Raises:
        Moved: this piece, or a later one, is in already.
    """
    guard = "UPDATE book_intake SET position = ? WHERE message_id = ? AND position = ? AND done = 0"
    if not session.run(guard, (after, message_id, position)):
        raise Moved


def end_intake(session: Session, message_id: str) -> None:
    """All of it is in."""
    session.run("UPDATE book_intake SET done = 1 WHERE message_id = ?", (message_id,))
