"""What the pages share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.console.accounts import Accounts
from gateway.console.checking import LogCheck
from gateway.console.pulse import Pulse
from gateway.console.trying import Trials
from gateway.desk.refused import NotPossible
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

    def require_current(self) -> None:
        """Decisions go by what the configuration says of an operation (does it move money, is it there at all), which must
        be what the command line and a gateway started since go by, too.

        Raises:
            NotPossible: files of the configuration are not any more what this console read at its start.
        """
        changed = self.pulse.written.changed()
        if changed:
            names = "、".join(changed)
            raise NotPossible(
                f"配置文件在控制台启动后有改动（{names}）：请重启控制台（gateway console）后再办",
                f"configuration files have changed since this console started ({names}): start gateway console again first",
            )
