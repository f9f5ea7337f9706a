"""`payment`: items as agencies proposed them, what people decide about them, and what banks said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import payment_acts, payment_differences
from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, say, table
from gateway.cli.paying import (
    AccountOption,
    ItemArgument,
    ProposalOption,
    UnmaskOption,
    WhyOption,
    in_yuan,
    item_state,
    open_office,
)
from gateway.cli.person import actor, checked_reason

if TYPE_CHECKING:
    pass

app = typer.Typer(
    help="支付明细：查看、审批、撤回、账户核验、差异。 / Payments: items, approval, account checks, differences.",
    no_args_is_help=True,
)
payment_acts.add_to(app)
payment_differences.add_to(app)


@app.command(name="list")
def list_items(
    account: AccountOption = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="状态 / state",
            metavar="proposed|approved|batched|released|sent|unknown|settled|rejected|returned|withdrawn",
        ),
    ] = None,
    proposal: ProposalOption = None,
    batch: Annotated[str | None, typer.Option(help="批次号 / batch")] = None,
    payee: Annotated[
        bool,
        typer.Option("--payee", help="按对方账号查找（提示输入） / by the other side's account, asked for"),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="最多条数 / at most")] = 50,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """列出明细，姓名与账号脱敏。 / List items; names and numbers are masked.

    例 / example:

      gateway payment list --account resident --state proposed     待审批的 / what waits for approval
    """
    from gateway.desk.book import item_facts  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.words import ITEM_STATES  # noqa: PLC0415
    from gateway.store import payments_reads as reads  # noqa: PLC0415

    if state is not None and state not in ITEM_STATES:
        raise typer.BadParameter("、".join(ITEM_STATES), param_hint="--state")
    number = typer.prompt("对方账号 / account number", hide_input=True, err=True) if payee else None
    with open_office(load(config)) as office:
        wanted = reads.Wanted(
            account=account,
            state=state,
            proposal=proposal,
            batch_id=batch,
            account_tag=None if number is None else office.seals.tag(number),
            limit=limit,
        )
        found = [item_facts(row, office.seals, hidden=True) for row in office.book.ask(reads.items, wanted)]
    if as_json:
        print_json(found)
        return
    table(
        (
            "标识 id",
            "账户",
            "单号 reference",
            "户名",
            "账号",
            "金额（元）",
            "状态 state",
            "核验",
            "批次 batch",
        ),
        map(_row, found),
    )
    total = sum(one["amount_fen"] for one in found)
    say(f"{len(found)} 笔，合计 {in_yuan(total)} 元", f"{len(found)} items, {in_yuan(total)} yuan")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    from gateway.payments.words import VERIFICATIONS  # noqa: PLC0415

    return (
        one["id"],
        one["account"],
        one["reference"],
        one["name"],
        one["account_no"],
        in_yuan(one["amount_fen"]),
        item_state(one["state"]),
        VERIFICATIONS.get(one["verification"] or "", ""),
        one["batch"] or "",
    )


@app.command()
def show(
    item: ItemArgument,
    unmask: UnmaskOption = False,
    reason: WhyOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """一笔明细的全过程。 / The whole life of one item, with every word of the bank's."""
    why = checked_reason(reason) if unmask else ""
    from gateway.desk.book import item_facts, one_item, word_facts  # noqa: PLC0415
    from gateway.desk.viewing import record_view  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import payments_reads as reads  # noqa: PLC0415

    configuration = load(config)
    with open_office(configuration) as office:
        row = one_item(office.book, item)
        if unmask:
            record_view(configuration, [row.proposal], why, actor(), by="gateway payment show")
        facts = item_facts(row, office.seals, hidden=not unmask)
        words = [
            word_facts(one, office.seals, hidden=not unmask) for one in office.book.ask(reads.history, row.id)
        ]
    if as_json:
        print_json({**facts, "history": words})
        return
    table(("", ""), [(key, str(value)) for key, value in facts.items() if value is not None], "明细 item")
    table(
        ("时间 time", "银行所述 status", "代码 code", "说明 text", "其后状态 state", "报文 message id"),
        [
            (w["time"], w["status"], w["code"] or "", w["text"] or "", item_state(w["state"]), w["message"])
            for w in words
        ],
        "银行结果 what the bank said",
    )
