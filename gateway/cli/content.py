"""`message content`: takes a large content out of the chest, once it is on record who wanted it and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.acts import MessageArgument, ReasonOption
from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, Exit, fail, say
from gateway.cli.person import actor, checked_reason

if TYPE_CHECKING:
    from gateway.canonical import Attachment
    from gateway.store.chest import Chest


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(content)


def content(
    message: MessageArgument,
    reason: ReasonOption,
    out: Annotated[Path, typer.Option("--out", help="写入的文件 / the file to write")],
    records: Annotated[
        bool,
        typer.Option(
            "--records", help="写出由文件读得的逐笔记录（JSON 行） / the records read from it, a JSON a line"
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """取出报文的附件。 / Take out a message's attachment.

    附件是原样文件，含个人信息，不脱敏：先把取用人、原因写入审计日志，写入成功才取出，否则退出码 3。

    The file as it was received, personal data included: first it is recorded who takes it and why; nothing is written
    unless that is committed (exit 3 otherwise).
    """
    why = checked_reason(reason)
    from gateway.cli.outfile import out_file  # noqa: PLC0415
    from gateway.desk.life import collect, opening_chest, the_attachment  # noqa: PLC0415
    from gateway.desk.lookup import the_message  # noqa: PLC0415
    from gateway.desk.viewing import record_view  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import open_reader  # noqa: PLC0415

    configuration = load(config)
    with open_reader(configuration.gateway.store) as reader:
        told = collect(reader, the_message(reader, message))
    kept = the_attachment(configuration, told)
    if kept is None:
        raise fail(Exit.PROBLEM, f"报文 {told.row.id} 没有附件", f"message {told.row.id} has no attachment")
    if records and kept.records is None:
        raise fail(Exit.PROBLEM, "附件没有逐笔记录", "the attachment has no records")
    record_view(configuration, [told.row.id], why, actor(), by="gateway message content")
    chest = opening_chest(configuration)
    with out_file(out) as target:
        for piece in _records(chest, kept) if records else chest.read(kept):
            target.stream.write(piece)
    say(f"已写入 {out}", f"written to {out}")


def _records(chest: Chest, kept: Attachment) -> Iterator[bytes]:
    for record in chest.records(kept):
        yield record + b"\n"
