"""Messages that a person sets going on the command line, beside the running gateway.

Committed by the clerk with whatever decision they follow from. Their deliveries begin as `waiting` and due: nothing
has been sent, and the running gateway takes them up at its next look (`engine.sweep_interval`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from gateway.canonical import IdSource, Message
from gateway.canonical.envelope import encode_body
from gateway.contract import Clock, Reject
from gateway.engine.accept import milliseconds, owe
from gateway.engine.config import Configuration
from gateway.engine.journal import Journal
from gateway.engine.lifecycle import WAITING
from gateway.engine.routes import Router
from gateway.engine.vault import Vault
from gateway.engine.world import SystemClock
from gateway.store.api import Accept
from gateway.store.chest import Chest
from gateway.store.keyring import KeyRing


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a person's program has of the parts that make messages."""

    vault: Vault
    journal: Journal
    chest: Chest
    ids: Callable[[], str]
    router: Router
    clock: Clock

    def due(self, message: Message, partner: str) -> Accept:
        """The unit that commits the message, owed to one partner from now on.

        Raises:
            Reject: the partner takes no such messages.
        """
        target = self.router.target(partner, message.type)
        if target is None:
            raise Reject(
                f"伙伴 {partner} 不接收 {message.type}，或已停用",
                f"partner {partner!r} takes no {message.type}, or is disabled",
                code="no-operation",
            )
        _, unit = owe(self, message, (target,), b"", encode_body(message.data))
        now = milliseconds(message.time)
        deliveries = tuple(
            msgspec.structs.replace(row, state=WAITING, next_at=now, reason="由人放行 / released by a person")
            for row in unit.deliveries
        )
        return msgspec.structs.replace(unit, deliveries=deliveries)


def outgoing(configuration: Configuration) -> Outgoing:
    """For the command line.

    Raises:
        ConfigError: there are no keys yet, or they cannot be used.
    """
    keyring = KeyRing.load(configuration.keyring_file)
    clock = SystemClock()
    ids = IdSource(lambda: time.time_ns() // 1_000_000, os.urandom)
    return Outgoing(
        Vault(keyring, os.urandom),
        Journal(configuration.gateway.node, ids, clock),
        Chest(configuration.data_dir / "chest", keyring, os.urandom),
        ids,
        Router(configuration.routes, {p.name: p.operations for p in configuration.enabled}),
        clock,
    )
