"""`levy days`, `resend`, `differences`, `close-difference`: the check of the day, and what people must look into."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import typer

from gateway.cli.levying import CollectorOption, open_levies
from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, say, table
from gateway.cli.paying import KeyOption, PassphraseOption, PersonOption, WhyOption, in_yuan, signer
from gateway.cli.person import checked_reason

LimitOption = Annotated[int, typer.Option(min=1, max=10_000, help="最多条数 / at most")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(days)
    app.command()(resend)
    app.command()(differences)
    app.command()(close_difference)


def days(
    collector: CollectorOption = None,
    limit: LimitOption = 31,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """各工作日的日终核对：已到几包，是否相符。 / Working days and their checks: which parts have come, and the result."""
    from gateway.desk.levies import day_facts  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import levies_reads as reads  # noqa: PLC0415

    with open_levies(load(config)) as office:
        rows = office.book.ask(reads.days, collector, limit)
        found = [day_facts(office.book, row) for row in rows]
    if as_json:
        print_json(found)
        return
    columns = (
        "日期 day",
        "征收机关",
        "子包 parts",
        "网络笔数",
        "网络合计（元）",
        "由核对了结 settled",
        "结果 result",
    )
    table(columns, map(_day, found))


def _day(one: dict[str, Any]) -> tuple[str, ...]:
    parts = f"{len(one['parts'])}/{one['part_count']}" if one["part_count"] else "0"
    if not one["compared"]:
        since = f"，自 since {one['since']}" if one["since"] else ""
        return one["day"], one["collector"], parts, "", "", "", f"未收齐 not complete{since}"
    result = f"{one['differences']} 项差异 differences" if one["differences"] else "相符 balanced"
    total = in_yuan(one["total_fen"])
    return one["day"], one["collector"], parts, str(one["count"]), total, str(one["settled"]), result


def resend(
    collector: Annotated[str, typer.Argument(help="征收机关简称 / collector, by its short name")],
    day: Annotated[
        str, typer.Option(help="哪一日的核对 / the day whose check is wanted", metavar="YYYY-MM-DD")
    ],
    package: Annotated[
        str | None,
        typer.Option(
            help="核对的包流水号，一包未到时须写明 / number of the check, where no part has come",
            metavar="NO",
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """请网络重发某日的核对。 / Ask the network to send the check of a day once more."""
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.levies.office import resend as ask_again  # noqa: PLC0415

    try:
        wanted = dt.date.fromisoformat(day)
    except ValueError:
        raise typer.BadParameter("YYYY-MM-DD", param_hint="--day") from None
    with open_levies(load(config)) as office:
        message_id = ask_again(office, office.collector(collector), wanted, package)
    if as_json:
        print_json({"message": message_id})
        return
    say(
        f"已请网络重发 {wanted} 的核对，报文 {message_id}",
        f"asked for the check of {wanted} in message {message_id}",
    )


def differences(
    collector: CollectorOption = None,
    closed: Annotated[bool, typer.Option("--all", help="含已关闭的 / also those that are closed")] = False,
    limit: LimitOption = 200,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """与网络的差异，及下一步怎么办。 / Differences with the network, and what to do about each."""
    from gateway.desk.levies import difference_facts  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import levies_reads as reads  # noqa: PLC0415

    with open_levies(load(config)) as office:
        rows = office.book.ask(reads.differences, collector, closed, limit)
    found = [difference_facts(row) for row in rows]
    if as_json:
        print_json(found)
        return
    columns = (
        "编号",
        "差异 kind",
        "征收机关",
        "日期",
        "包 package",
        "号码 reference",
        "本机 ours",
        "网络 theirs",
        "下一步 next",
    )
    table(columns, map(_difference, found))
    say(f"{len(found)} 项", f"{len(found)} differences")


def _difference(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(one["number"]),
        f"{one['zh']} {one['kind']}" + (" 已关闭" if one["closed_at"] else ""),
        one["collector"],
        one["day"] or "",
        one["package"] or "",
        one["reference"] or "",
        one["ours"] or "",
        one["theirs"] or "",
        one["next_zh"],
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
    from gateway.levies.office import close_difference as close  # noqa: PLC0415

    configuration = load(config)
    with open_levies(configuration) as office:
        close(office, signer(configuration, person, key, passphrase_file), number, why)
    say(f"差异 {number} 已关闭", f"difference {number} is closed")
