"""What the pages share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.console.accounts import Accounts
from gateway.console.checking import LogCheck
from gateway.console.pulse import Pulse
from gateway.console.trying import Trials
from gateway.engine.config import Configuration
from gateway.store import Reader, open_reader


@dataclass(frozen=True, slots=True)
class Room:
    """One console: the gateway's configuration, who may enter, how the gateway is, and the verification of its log."""

    configuration: Configuration
    accounts: Accounts
    pulse: Pulse
    check: LogCheck = field(default_factory=LogCheck)
    trials: Trials = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trials", Trials(self.configuration))

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Read access to the store for one page."""
        with open_reader(self.configuration.gateway.store) as reader:
            yield reader
