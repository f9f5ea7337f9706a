"""Who looked at a payload, and why: written before it is shown.

The entry goes through the store like any other, so that it ends up in the log under the next checkpoint. Where it
cannot be written, nothing is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.contract import ConfigError, Unavailable
from gateway.desk.record import journal_of
from gateway.engine.config import Configuration
from gateway.store import open_clerk
from gateway.store.api import Record


def record_view(
    configuration: Configuration, message_ids: Sequence[str], reason: str, actor: str, by: str
) -> None:
    """Commits one entry `payload.viewed` for each message, all or none; `by` is what shows it: a command, a page.

    Raises:
        Unavailable: it could not be committed; the payload must not be shown.
    """
    journal = journal_of(configuration)
    detail: dict[str, str | int] = {"reason": reason, "by": by}
    entries = tuple(
        journal.entry("payload.viewed", message=message_id, actor=actor, detail=detail)
        for message_id in message_ids
    )
    try:
        with open_clerk(configuration.gateway.store) as clerk:
            clerk.record(Record(entries))
    except (ConfigError, Unavailable) as error:
        raise Unavailable(
            f"无法写入审计日志，因此不显示：{error.zh}", f"not shown, since it cannot be audited: {error.en}"
        ) from None
