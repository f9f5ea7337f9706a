"""What people do goes on record under their names, through the store like every other audit entry."""

from __future__ import annotations

import os
import time

from gateway.canonical import IdSource
from gateway.engine.config import Configuration
from gateway.engine.journal import Journal
from gateway.engine.world import SystemClock
from gateway.store import open_clerk
from gateway.store.api import Record


def journal_of(configuration: Configuration) -> Journal:
    """Makes audit entries of this node."""
    ids = IdSource(lambda: time.time_ns() // 1_000_000, os.urandom)
    return Journal(configuration.gateway.node, ids, SystemClock())


def record(configuration: Configuration, event: str, detail: dict[str, str | int], actor: str) -> None:
    """Puts on record what a person does to the gateway as a whole. Before it is done: what nobody could put on record is
    not done.

    Raises:
        gateway.contract.Unavailable: it could not be committed.
    """
    entry = journal_of(configuration).entry(event, actor=actor, detail=detail)
    with open_clerk(configuration.gateway.store) as clerk:
        clerk.record(Record((entry,)))
