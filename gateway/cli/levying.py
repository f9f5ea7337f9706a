"""What the commands about levies have in common: the office, and what people are shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import Exit, fail
from gateway.cli.paying import Beside
from gateway.cli.person import actor

if TYPE_CHECKING:
    from gateway.engine.config import Configuration
    from gateway.levies.office import Office

CollectorOption = Annotated[
    str | None, typer.Option("--collector", help="征收机关简称 / collector, by its short name")
]
VoucherArgument = Annotated[str, typer.Argument(help="税（费）票号码 / voucher number")]


@contextmanager
def open_levies(configuration: Configuration) -> Iterator[Office]:
    """Everything that decisions about levies are made with.

    Raises:
        typer.Exit: no levies are configured.
    """
    from gateway.desk.levies import seals_of  # noqa: PLC0415
    from gateway.engine.outgoing import outgoing  # noqa: PLC0415
    from gateway.levies.office import Office  # noqa: PLC0415
    from gateway.store import open_clerk, open_reader  # noqa: PLC0415

    if configuration.levies is None:
        raise fail(
            Exit.PROBLEM,
            f"没有配置征缴：请先写 {configuration.folder}/levies.yaml，见 docs/levies.md",
            f"no levies are configured: write {configuration.folder}/levies.yaml first, see docs/levies.md",
        )
    out = outgoing(configuration)
    store = configuration.gateway.store
    with open_reader(store) as reader, open_clerk(store) as clerk:
        yield Office(
            book=Beside(reader.ask, clerk.work),
            settings=configuration.levies,
            seals=seals_of(configuration),
            journal=out.journal,
            due=out.due,
            ids=out.ids,
            clock=out.clock,
            node=configuration.gateway.node,
            region=configuration.gateway.region,
            actor=actor(),
        )


def debit_state(name: str) -> str:
    """A state of a debit in both languages."""
    from gateway.levies.words import DEBIT_STATES  # noqa: PLC0415

    return f"{DEBIT_STATES.get(name, '')} {name}".strip()
