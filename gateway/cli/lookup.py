"""Which message a number on the command line means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.cli.output import Exit, fail, moment, say

if TYPE_CHECKING:
    from gateway.store import Reader


def the_message(reader: Reader, text: str) -> str:
    """The id of the one message that `text` means; a reply means the message that it answers."""
    from gateway.store.api import Filter  # noqa: PLC0415

    row = reader.message(text)
    if row is not None:
        return row.causation_id if row.direction == "reply" and row.causation_id else text
    found = reader.find(Filter(text=text, limit=20))
    requests = [item for item in found if item.message.direction == "in"] or found
    if len(requests) == 1:
        return requests[0].message.id
    if not requests:
        raise fail(Exit.PROBLEM, f"没有找到报文 {text}", f"no message {text}")
    for item in requests:
        say(f"{item.message.id} {moment(item.message.created)} {item.message.type}")
    raise fail(Exit.PROBLEM, "不止一条，请用标识指明", "more than one: name it by its id")
