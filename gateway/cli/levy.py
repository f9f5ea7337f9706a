"""`levy`: debits as agencies asked for them, what the treasury network said, receipts, days and differences."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli import levy_days
from gateway.cli.levying import CollectorOption, VoucherArgument, debit_state, open_levies
from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, say, table
from gateway.cli.paying import UnmaskOption, WhyOption, in_yuan
from gateway.cli.person import actor, checked_reason

app = typer.Typer(
    help="征缴：扣款、收据、日终核对、差异。 / Levies: debits, receipts, the check of the day, differences.",
    no_args_is_help=True,
)
levy_days.add_to(app)


@app.command(name="list")
def list_debits(
    collector: CollectorOption = None,
    day: Annotated[str | None, typer.Option(help="工作日 / working day", metavar="YYYY-MM-DD")] = None,
    state: Annotated[
        str | None,
        typer.Option(help="状态 / state", metavar="asked|sent|doubtful|success|refused|reversed|no-effect"),
    ] = None,
    file: Annotated[
        str | None, typer.Option(help="提交文件的报文标识 / the message that asked for them", metavar="ID")
    ] = None,
    package: Annotated[str | None, typer.Option(help="包流水号 / package")] = None,
    contributor: Annotated[
        bool,
        typer.Option("--contributor", help="按缴费人识别号查找（提示输入） / by contributor, asked for"),
    ] = False,
    employer: Annotated[
        bool, typer.Option("--employer", help="按企业代码查找（提示输入） / by employer code, asked for")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="最多条数 / at most")] = 50,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """列出扣款，姓名与号码脱敏。 / List debits; names and numbers are masked.

    例 / example:

      gateway levy list --state doubtful      结果不明的 / whose outcome is unknown
    """
    from gateway.desk.levies import debit_facts  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.levies.words import DEBIT_STATES  # noqa: PLC0415
    from gateway.store import levies_reads as reads  # noqa: PLC0415

    if state is not None and state not in DEBIT_STATES:
        raise typer.BadParameter("、".join(DEBIT_STATES), param_hint="--state")
    who = _asked("缴费人识别号 / contributor number") if contributor else None
    firm = _asked("企业代码 / employer code") if employer else None
    with open_levies(load(config)) as office:
        wanted = reads.Wanted(
            collector=collector,
            day=day,
            state=state,
            file=file,
            package=package,
            contributor_tag=None if who is None else office.seals.contributor(who),
            employer_tag=None if firm is None else office.seals.employer(firm),
            limit=limit,
        )
        found = [debit_facts(row, office.seals, hidden=True) for row in office.book.ask(reads.debits, wanted)]
    if as_json:
        print_json(found)
        return
    columns = (
        "税（费）票号码 id",
        "征收机关",
        "缴费人",
        "识别号",
        "金额（元）",
        "状态 state",
        "收据 receipt",
        "包 package",
    )
    table(columns, map(_row, found))
    total = in_yuan(sum(one["amount_fen"] for one in found))
    say(f"{len(found)} 笔，合计 {total} 元", f"{len(found)} debits, {total} yuan")


def _asked(what: str) -> str:
    """Read without an echo: on the command line it would be seen by others."""
    text: str = typer.prompt(what, hide_input=True, err=True)
    return text.strip()


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["voucher_no"],
        one["collector"],
        one["contributor_name"],
        one["contributor_no"],
        in_yuan(one["amount_fen"]),
        debit_state(one["state"]),
        one["receipt"] or "",
        one["package"] or "",
    )


@app.command()
def show(
    voucher: VoucherArgument,
    collector: CollectorOption = None,
    unmask: UnmaskOption = False,
    reason: WhyOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """一笔扣款的全过程。 / The whole life of one debit, with every word of the network's."""
    why = checked_reason(reason) if unmask else ""
    from gateway.desk.levies import debit_facts, one_debit, word_facts  # noqa: PLC0415
    from gateway.desk.viewing import record_view  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.levies.words import WORDS  # noqa: PLC0415
    from gateway.store import levies_reads as reads  # noqa: PLC0415

    configuration = load(config)
    with open_levies(configuration) as office:
        row = one_debit(office.book, voucher, collector)
        if unmask:
            record_view(configuration, [row.file], why, actor(), by="gateway levy show")
        facts = debit_facts(row, office.seals, hidden=not unmask)
        words = [
            word_facts(one, office.seals, hidden=not unmask) for one in office.book.ask(reads.history, row.id)
        ]
    if as_json:
        print_json({**facts, "history": words})
        return
    table(("", ""), [(key, str(value)) for key, value in facts.items() if value is not None], "扣款 debit")
    table(
        ("时间 time", "网络所述 word", "代码 code", "说明 text", "其后状态 state", "报文 message id"),
        [
            (
                w["time"],
                f"{WORDS.get(w['word'], '')} {w['word']}",
                w["code"] or "",
                w["text"] or "",
                debit_state(w["state"]),
                w["message"],
            )
            for w in words
        ],
        "网络结果 what the network said",
    )


@app.command()
def batch(
    file: Annotated[
        str | None,
        typer.Argument(help="提交文件的报文标识；不写则列出最近的 / a file; without, the latest ones"),
    ] = None,
    collector: CollectorOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="最多条数 / at most")] = 20,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """扣款文件：各状态笔数，及分成的包。 / Files of debits: how they stand, and the packages they became."""
    from gateway.desk.levies import file_facts, package_facts  # noqa: PLC0415
    from gateway.desk.refused import NotPossible  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import levies_reads as reads  # noqa: PLC0415

    with open_levies(load(config)) as office:
        book = office.book
        rows = [book.ask(reads.file, file)] if file else book.ask(reads.files, collector, limit)
        found = [file_facts(book, row) for row in rows if row is not None]
        packages = package_facts(book, file) if file else []
    if file and not found:
        raise NotPossible(f"没有扣款文件 {file}", f"no file of debits {file}")
    if as_json:
        print_json({**found[0], "packages": packages} if file else found)
        return
    _print_files(found)
    if file:
        _print_packages(packages)


def _print_files(found: list[dict[str, Any]]) -> None:
    from gateway.levies.words import FILE_STATES  # noqa: PLC0415

    columns = (
        "文件 id",
        "征收机关",
        "提交单位",
        "批次号",
        "笔数",
        "合计（元）",
        "状态 state",
        "各笔 debits",
        "已回告",
    )
    table(
        columns,
        [
            (
                one["file"],
                one["collector"],
                one["proposer"],
                one["batch_no"],
                str(one["count"]),
                in_yuan(one["total_fen"]),
                f"{FILE_STATES.get(one['state'], '')} {one['state']}",
                "，".join(f"{debit_state(name)} {number}" for name, (number, _) in one["debits"].items()),
                "是 yes" if one["reports"] else "",
            )
            for one in found
        ],
    )


def _print_packages(packages: list[dict[str, Any]]) -> None:
    from gateway.desk.words import state as delivery_state  # noqa: PLC0415
    from gateway.levies.words import PACKAGE_STATES  # noqa: PLC0415

    table(
        (
            "包 package",
            "笔数",
            "合计（元）",
            "状态 state",
            "回执 answered",
            "投递 delivery",
            "报文 message id",
        ),
        [
            (
                one["package"],
                str(one["count"]),
                in_yuan(one["total_fen"]),
                f"{PACKAGE_STATES.get(one['state'], '')} {one['state']}",
                "有 yes" if one["answered"] else "",
                delivery_state(one["delivery"]),
                one["message"],
            )
            for one in packages
        ],
        "包 packages",
    )


@app.command()
def receipt(
    voucher: VoucherArgument,
    collector: CollectorOption = None,
    unmask: UnmaskOption = False,
    reason: WhyOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """收据，附所依据的报文及核验方法。 / A receipt, with the messages it rests on and how to verify them."""
    why = checked_reason(reason) if unmask else ""
    from gateway.desk.levies import one_debit, receipt_facts  # noqa: PLC0415
    from gateway.desk.viewing import record_view  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415

    configuration = load(config)
    with open_levies(configuration) as office:
        row = one_debit(office.book, voucher, collector)
        if unmask:
            record_view(configuration, [row.file], why, actor(), by="gateway levy receipt")
        facts = receipt_facts(configuration, office.book, row, office.seals, hidden=not unmask)
    if as_json:
        print_json(facts)
        return
    lines = {
        "收据号 receipt": facts["receipt"],
        "征收机关 collector": facts["collector"],
        "缴费人 contributor": f"{facts['contributor_name']}（{facts['contributor_no']}）",
        "企业代码 employer": facts["employer_code"],
        "金额（元） amount": in_yuan(facts["amount_fen"]),
        "扣款日期 debited on": facts["debited_on"],
        "税（费）票号码 voucher": facts["voucher_no"],
        "效力 validity": "已冲正，作废 void" if facts["void"] else "有效 valid",
    }
    table(("", ""), [(name, text) for name, text in lines.items() if text], "收据 receipt")
    table(("报文 message id",), [(one,) for one in facts["messages"]], "依据 it rests on")
    say("核验：对每条报文执行", "to verify, for each message:")
    say("  gateway audit prove 报文标识 --out proof")
    say("  python gateway/audit/verify.py receipt proof/receipt.tlog-proof proof/entry.bin --vkey vkey")
