"""`payment differences`, `payment close-difference`, `payment days`: what people must look into."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, say, table
from gateway.cli.paying import (
    AccountOption,
    KeyOption,
    PassphraseOption,
    PersonOption,
    WhyOption,
    open_office,
    signer,
)
from gateway.cli.person import checked_reason

LimitOption = Annotated[int, typer.Option(min=1, max=10_000, help="最多条数 / at most")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(differences)
    app.command()(close_difference)
    app.command()(days)


def differences(
    account: AccountOption = None,
    closed: Annotated[bool, typer.Option("--all", help="含已关闭的 / also those that are closed")] = False,
    limit: LimitOption = 200,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """与银行的差异，及下一步怎么办。 / Differences with the bank, and what to do about each."""
    from gateway.desk.book import difference_facts  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import payments_reads as reads  # noqa: PLC0415

    with open_office(load(config)) as office:
        found = office.book.ask(_differences, account, closed, limit)
        compared = office.book.ask(reads.days, account, 1)
    if as_json:
        print_json([difference_facts(row) for row in found])
        return
    table(
        (
            "编号",
            "差异 kind",
            "账户",
            "日期",
            "批次 batch",
            "单号 reference",
            "本机 ours",
            "银行 theirs",
            "下一步 next",
        ),
        map(_row, found),
    )
    say(f"{len(found)} 项", f"{len(found)} differences")
    for day in compared:
        if not found and not day.differences:
            say(
                f"最近一日 {day.day}（{day.account}）已对账：{day.count} 笔全部相符",
                f"the latest day compared, {day.day} ({day.account}), is balanced: {day.count} payments",
            )


def _differences(session: Any, account: str | None, closed: bool, limit: int) -> Any:
    from gateway.store import payments_reads as reads  # noqa: PLC0415

    return reads.differences(session, account, closed=closed, limit=limit)


def _row(row: Any) -> tuple[str, ...]:
    from gateway.desk.book import difference_facts  # noqa: PLC0415

    facts = difference_facts(row)
    return (
        str(row.n),
        f"{facts['zh']} {row.kind}" + (" 已关闭" if row.closed_at else ""),
        row.account,
        row.day or "",
        row.batch_id or "",
        row.reference or "",
        facts["ours"] or "",
        facts["theirs"] or "",
        facts["next_zh"],
    )


def close_difference(
    number: Annotated[int, typer.Argument(help="差异编号 / number of the difference")],
    person: PersonOption,
    key: KeyOption,
    reason: WhyOption,
    passphrase_file: PassphraseOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """查明后关闭差异，签名并说明原因。 / Close a difference once it is explained; signed, with a reason."""
    why = checked_reason(reason)
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.item_acts import close_difference as close  # noqa: PLC0415

    configuration = load(config)
    with open_office(configuration) as office:
        close(office, signer(configuration, person, key, passphrase_file), number, why)
    say(f"差异 {number} 已关闭", f"difference {number} is closed")


def days(
    account: AccountOption = None,
    limit: LimitOption = 31,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """各日对账结果。 / Days that were compared with the bank."""
    from gateway.canonical.money import fen_to_yuan  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import payments_reads as reads  # noqa: PLC0415

    with open_office(load(config)) as office:
        found = office.book.ask(reads.days, account, limit)
    if as_json:
        print_json([{name: getattr(row, name) for name in row.__struct_fields__} for row in found])
        return
    table(
        ("日期 day", "账户 account", "银行笔数", "银行合计（元）", "结果 result", "报文 message id"),
        [
            (
                row.day,
                row.account,
                str(row.count),
                fen_to_yuan(row.total),
                f"{row.differences} 项差异 differences" if row.differences else "相符 balanced",
                row.message_id,
            )
            for row in found
        ],
    )
