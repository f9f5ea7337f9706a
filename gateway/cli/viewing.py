"""Who looked at a payload, and why: written before it is shown.

The entry goes through the store like any other, so that it ends up in the log under the next checkpoint. Where it
cannot be written, nothing is shown.
"""

from __future__ import annotations

from gateway.cli.person import actor, journal_of
from gateway.contract import ConfigError, Unavailable
from gateway.engine.config import Configuration
from gateway.store import open_clerk
from gateway.store.api import Record


def record_view(configuration: Configuration, message_id: str, reason: str) -> None:
    """Commits the entry `payload.viewed`.

    Raises:
        Unavailable: it could not be committed; the payload must not be shown.
    """
    entry = journal_of(configuration).entry(
        "payload.viewed",
        message=message_id,
        actor=actor(),
        detail={"reason": reason, "by": "gateway message show"},
    )
    try:
        with open_clerk(configuration.gateway.store) as clerk:
            clerk.record(Record((entry,)))
    except (ConfigError, Unavailable) as error:
        raise Unavailable(
            f"无法写入审计日志，因此不显示：{error.zh}", f"not shown, since it cannot be audited: {error.en}"
        ) from None
