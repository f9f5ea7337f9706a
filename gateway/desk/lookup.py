"""Which message a number that somebody typed means."""

from __future__ import annotations

from typing import Final

from gateway.desk.refused import NotPossible, SeveralMessages
from gateway.store import Reader
from gateway.store.api import Filter

_MOST: Final = 20  #: candidates that are told


def the_message(reader: Reader, text: str) -> str:
    """The id of the one message that `text` means; a reply means the message that it answers.

    Raises:
        NotPossible: there is none.
        SeveralMessages: there is more than one.
    """
    row = reader.message(text)
    if row is not None:
        return row.causation_id if row.direction == "reply" and row.causation_id else text
    found = [item.message for item in reader.find(Filter(text=text, limit=_MOST))]
    requests = [message for message in found if message.direction == "in"] or found
    if not requests:
        raise NotPossible(f"没有找到报文 {text}", f"no message {text}")
    if len(requests) > 1:
        raise SeveralMessages(requests)
    return requests[0].id
