"""`payment approve`, `withdraw`, `again`, `verify-accounts`: what people decide about items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, fail, print_json, say
from gateway.cli.paying import (
    AccountOption,
    ConfirmOption,
    KeyOption,
    PassphraseOption,
    PersonOption,
    ProposalOption,
    WhyOption,
    in_yuan,
    item_state,
    open_office,
    require_confirmed,
    signer,
)
from gateway.cli.person import checked_reason

if TYPE_CHECKING:
    from gateway.payments.office import Office
    from gateway.store.payments import ItemRow

ItemsArgument = Annotated[
    list[str] | None, typer.Argument(help="明细标识或单号，可多个 / ids or end-to-end ids, several")
]
_ALL = 1_000_000


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(approve)
    app.command()(withdraw)
    app.command()(again)
    app.command()(verify_accounts)


def approve(
    person: PersonOption,
    key: KeyOption,
    items: ItemsArgument = None,
    account: AccountOption = None,
    proposal: ProposalOption = None,
    passphrase_file: PassphraseOption = None,
    confirm: ConfirmOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """审批明细：逐笔指明，或整个文件、整个账户的待审批明细。 / Approve items: named, or all that a file or an account holds.

    先不加 --confirm 查看笔数与合计；加上后签名并记入审计日志。审批人不得放行含该明细的批次。

    Without --confirm it shows count and sum. With it the approval is signed and audited. Who approves cannot release.
    """
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.item_acts import approve as decide  # noqa: PLC0415

    configuration = load(config)
    with open_office(configuration) as office:
        who = signer(configuration, person, key, passphrase_file)
        rows = _chosen(office, items, account, proposal, "proposed")
        zh, en = _totals("审批", "approve", rows)
        require_confirmed(confirm, zh, en)
        signed = decide(office, who, rows)
    _done(rows, signed, zh, en, as_json=as_json)


def withdraw(
    person: PersonOption,
    key: KeyOption,
    items: ItemsArgument,
    reason: WhyOption,
    passphrase_file: PassphraseOption = None,
    confirm: ConfirmOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """撤回未组批的明细，不再支付。 / Withdraw items that are in no batch: they will not be paid."""
    why = checked_reason(reason)
    from gateway.desk.book import one_item  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.item_acts import withdraw as decide  # noqa: PLC0415

    configuration = load(config)
    with open_office(configuration) as office:
        who = signer(configuration, person, key, passphrase_file)
        rows = [one_item(office.book, text) for text in items or ()]
        zh, en = _totals("撤回", "withdraw", rows)
        require_confirmed(confirm, zh, en)
        signed = decide(office, who, rows, why)
    _done(rows, signed, zh, en, as_json=as_json)


def again(
    person: PersonOption,
    key: KeyOption,
    reason: WhyOption,
    item: Annotated[str | None, typer.Argument(help="明细标识或单号 / an item's id or end-to-end id")] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", help="新的单号 / its new end-to-end id")
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch", help="批次内全部失败、退票的明细 / all of a batch that were refused or returned"
        ),
    ] = None,
    suffix: Annotated[
        str | None,
        typer.Option("--suffix", help="接在各笔单号之后，如 -2 / put behind each end-to-end id, such as -2"),
    ] = None,
    passphrase_file: PassphraseOption = None,
    confirm: ConfirmOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """把失败或退票的明细按原内容重新提出（新的一笔，只能一次）。 / Propose refused or returned items anew, once.

    一笔：ITEM --reference 新单号；整批：--batch 批次号 --suffix -2。户名、账号有误的，由提出单位另发更正的明细。

    One: ITEM --reference NUMBER; of a batch: --batch B --suffix -2. Where a name was wrong the agency sends it corrected.
    """
    why = checked_reason(reason)
    if (
        (item is None) == (batch is None)
        or (item is None) != (reference is None)
        or (batch is None) != (suffix is None)
    ):
        raise typer.BadParameter("ITEM --reference …，或 / or --batch … --suffix …", param_hint="ITEM")
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.item_acts import propose_again  # noqa: PLC0415
    from gateway.store import payments_reads as reads  # noqa: PLC0415

    configuration = load(config)
    with open_office(configuration) as office:
        who = signer(configuration, person, key, passphrase_file)
        anew = _anew(office, item, reference, batch, suffix)
        old = [row for row, _ in anew]
        zh, en = _totals("重新提出", "propose anew", old)
        files = [office.book.ask(reads.proposal, name) for name in {row.proposal for row in old}]
        if not confirm and any(file is not None and file.reports for file in files):
            zh += "。结果已回告提出单位，须先确认其不再自行提出，否则会付两次"
            en += "; their proposer knows the results: make sure that it does not propose them again, too"
        require_confirmed(confirm, zh, en)
        new = propose_again(office, who, anew, why)
    if as_json:
        print_json(
            [{"item": row.id, "replaces": row.replaces, "reference": row.end_to_end_id} for row in new]
        )
    else:
        say(f"已{zh}，待审批", f"done: {en}; they wait for approval")


def _anew(
    office: Office, item: str | None, reference: str | None, batch: str | None, suffix: str | None
) -> list[tuple[ItemRow, str]]:
    from gateway.desk.book import one_item  # noqa: PLC0415
    from gateway.payments.lifecycle import AGAIN  # noqa: PLC0415
    from gateway.store import payments_disputes as disputes  # noqa: PLC0415
    from gateway.store import payments_reads as reads  # noqa: PLC0415

    if item is not None:
        return [(one_item(office.book, item), reference or "")]
    rows: list[ItemRow] = office.book.ask(reads.items_of, batch or "")
    ended = [row for row in rows if row.state in AGAIN]
    open_ = [row for row in ended if office.book.ask(disputes.replaced_by, row.id) is None]
    if not open_:
        raise fail(
            Exit.PROBLEM,
            f"批次 {batch} 没有可重新提出的明细",
            f"nothing of batch {batch} can be proposed anew",
        )
    return [(row, f"{row.end_to_end_id}{suffix}") for row in open_]


def verify_accounts(
    account: Annotated[str, typer.Argument(help="账户简称 / account, by its short name")],
    once_more: Annotated[
        bool,
        typer.Option(
            "--again", help="未答复与不符的再问一次 / ask again about those not answered, or refused"
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """请银行核验待审批明细的户名与账号。 / Ask the bank whether the accounts of proposed items belong to their names."""
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.item_acts import verify_accounts as ask  # noqa: PLC0415

    with open_office(load(config)) as office:
        asked = ask(office, account, again=once_more)
    if as_json:
        print_json([{"request": request, "accounts": count} for request, count in asked])
        return
    for request, count in asked:
        say(
            f"核验请求 {request}：{count} 个账户，网关数秒内发出",
            f"request {request}: {count} accounts, sent within seconds",
        )
    if not asked:
        say("没有需要核验的明细", "nothing is to be verified")


def _chosen(
    office: Office, items: list[str] | None, account: str | None, proposal: str | None, state: str
) -> list[ItemRow]:
    from gateway.desk.book import one_item  # noqa: PLC0415
    from gateway.store import payments_reads as reads  # noqa: PLC0415

    if bool(items) == (account is not None or proposal is not None):
        raise typer.BadParameter(
            "写明细，或 --account、--proposal / name items, or --account or --proposal", param_hint="ITEMS"
        )
    if items:
        return [one_item(office.book, text) for text in dict.fromkeys(items)]
    wanted = reads.Wanted(account=account, proposal=proposal, state=state, limit=_ALL)
    found: list[ItemRow] = office.book.ask(reads.items, wanted)
    if not found:
        raise fail(Exit.PROBLEM, f"没有 {item_state(state)} 的明细", f"no items are {state}")
    return found


def _totals(zh: str, en: str, rows: list[ItemRow]) -> tuple[str, str]:
    total = in_yuan(sum(row.amount for row in rows))
    return f"{zh} {len(rows)} 笔，合计 {total} 元", f"{en} {len(rows)} items, {total} yuan in all"


def _done(rows: list[ItemRow], signed: Any, zh: str, en: str, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "items": [row.id for row in rows],
                "count": len(rows),
                "sum_fen": sum(row.amount for row in rows),
                **signed.detail,
            }
        )
    else:
        say(f"已{zh}", f"done: {en}")
