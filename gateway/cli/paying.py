"""What the commands about payments have in common: the office, who signs, and what people are shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Exit, fail
from gateway.cli.person import actor

if TYPE_CHECKING:
    from gateway.books.signing import Signer
    from gateway.engine.config import Configuration
    from gateway.payments.office import Office

PersonOption = Annotated[
    str, typer.Option("--as", help="本人在 people.yaml 中的代号 / your name in people.yaml", metavar="NAME")
]
KeyOption = Annotated[
    Path, typer.Option("--key", help="本人的密钥文件 / your key file", dir_okay=False, metavar="FILE")
]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="口令文件，供自动化；否则提示输入 / passphrase in a file, for automation; else it is asked for",
        envvar="GATEWAY_PASSPHRASE_FILE",
        dir_okay=False,
    ),
]
ConfirmOption = Annotated[bool, typer.Option("--confirm", help="确认执行 / yes, do it")]
UnmaskOption = Annotated[
    bool, typer.Option("--unmask", help="显示未脱敏内容，须 --reason / show personal data; needs --reason")
]
WhyOption = Annotated[
    str, typer.Option("--reason", help="原因，写入审计日志 / why; goes into the audit log", metavar="…")
]
ItemArgument = Annotated[str, typer.Argument(help="明细标识或单号 / an item's id or end-to-end id")]
AccountOption = Annotated[str | None, typer.Option("--account", help="账户简称 / account, by its short name")]
ProposalOption = Annotated[
    str | None,
    typer.Option("--proposal", help="提出文件的报文标识 / the message that proposed them", metavar="ID"),
]


@dataclass(frozen=True, slots=True)
class Beside:
    """The store beside the running gateway; implements `gateway.payments.office.Book`."""

    ask: Any
    work: Any


@contextmanager
def open_office(configuration: Configuration) -> Iterator[Office]:
    """Everything that decisions about payments are made with.

    Raises:
        typer.Exit: no payments are configured.
    """
    from gateway.desk.book import seals_of  # noqa: PLC0415
    from gateway.engine.outgoing import outgoing  # noqa: PLC0415
    from gateway.payments.office import Office  # noqa: PLC0415
    from gateway.store import open_clerk, open_reader  # noqa: PLC0415

    if configuration.payments is None:
        raise fail(
            Exit.PROBLEM,
            f"没有配置支付：请先写 {configuration.folder}/payments.yaml，见 docs/payments.md",
            f"no payments are configured: write {configuration.folder}/payments.yaml first, see docs/payments.md",
        )
    out = outgoing(configuration)
    seals = seals_of(configuration)
    store = configuration.gateway.store
    with open_reader(store) as reader, open_clerk(store) as clerk:
        yield Office(
            book=Beside(reader.ask, clerk.work),
            settings=configuration.payments,
            seals=seals,
            journal=out.journal,
            due=out.due,
            ids=out.ids,
            random=os.urandom,
            clock=out.clock,
            node=configuration.gateway.node,
            region=configuration.gateway.region,
            actor=actor(),
        )


def signer(configuration: Configuration, name: str, key_file: Path, passphrase_file: Path | None) -> Signer:
    """The person who decides, with the key opened.

    Raises:
        typer.Exit: nobody is configured, or nobody of that name; said how to begin.
    """
    from gateway.books.people import load_key  # noqa: PLC0415
    from gateway.books.signing import Signer  # noqa: PLC0415

    people = {person.name: person for person in configuration.people}
    if not people:
        raise fail(
            Exit.PROBLEM,
            f"没有配置人员：先用 gateway person new 生成各人的密钥，再把公钥写入 {configuration.folder}/people.yaml",
            "nobody is configured: make a key for each person by `gateway person new`, then write the public keys"
            f" into {configuration.folder}/people.yaml",
        )
    if name not in people:
        known = "、".join(people)
        raise fail(Exit.PROBLEM, f"people.yaml 中没有 {name}；已有：{known}", f"no {name!r} in people.yaml")
    person = people[name]
    return Signer(person, load_key(key_file, passphrase(passphrase_file), person))


def passphrase(file: Path | None, *, twice: bool = False) -> bytes:
    """From the file, else asked for at the terminal."""
    if file is not None:
        try:
            return file.read_text("utf-8").strip("\r\n").encode()
        except (OSError, UnicodeDecodeError) as error:
            raise fail(
                Exit.PROBLEM,
                f"无法读取口令文件 {file}：{type(error).__name__}",
                f"the passphrase file {file} cannot be read: {type(error).__name__}",
            ) from None
    text: str = typer.prompt("口令 / passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return text.encode()


def require_confirmed(confirmed: bool, zh: str, en: str) -> None:
    """Money moves: the person sees the totals first.

    Raises:
        typer.Exit: it has not been confirmed.
    """
    if not confirmed:
        raise fail(Exit.USAGE, f"{zh}。确认请加 --confirm", f"{en}. To go on add --confirm")


def in_yuan(fen: int) -> str:
    """An amount as people read it."""
    from gateway.canonical.money import fen_to_yuan  # noqa: PLC0415

    return fen_to_yuan(fen)


def item_state(name: str) -> str:
    """A state of an item in both languages."""
    from gateway.payments.words import ITEM_STATES  # noqa: PLC0415

    return f"{ITEM_STATES.get(name, '')} {name}".strip()
