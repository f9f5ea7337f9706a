"""`batch`: build batches of approved items, have a second person release them, and see what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, say, table
from gateway.cli.paying import (
    ConfirmOption,
    KeyOption,
    PassphraseOption,
    PersonOption,
    UnmaskOption,
    WhyOption,
    in_yuan,
    open_office,
    require_confirmed,
    signer,
)
from gateway.cli.person import actor, checked_reason
from gateway.desk.words import moment

if TYPE_CHECKING:
    from gateway.payments.office import Office
    from gateway.store.payments import BatchRow

app = typer.Typer(
    help="支付批次：组批、放行（第二人）、作废、结果。 / Batches: build, release by a second person, cancel, results.",
    no_args_is_help=True,
)
BatchArgument = Annotated[str, typer.Argument(help="批次号 / number of the batch")]


@app.command()
def build(
    account: Annotated[str, typer.Argument(help="账户简称 / account, by its short name")],
    person: PersonOption,
    key: KeyOption,
    kind: Annotated[
        str, typer.Option(help="代发或代扣 / kind", metavar="credit-transfer|direct-debit")
    ] = "credit-transfer",
    passphrase_file: PassphraseOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """把已审批的明细组成批次；超过笔数或金额上限的分成多批。 / Build batches of what is approved, as many as the limits ask for.

    此时尚未发出：须由另一人放行。 / Nothing is sent yet: somebody else must release them.
    """
    if kind not in ("credit-transfer", "direct-debit"):
        raise typer.BadParameter("credit-transfer, direct-debit", param_hint="--kind")
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.batch_acts import build as make  # noqa: PLC0415

    configuration = load(config)
    with open_office(configuration) as office:
        rows = make(office, signer(configuration, person, key, passphrase_file), account, kind)
    _print(rows, as_json=as_json)


@app.command(name="list")
def list_batches(
    account: Annotated[str | None, typer.Option("--account", help="账户简称 / account")] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="状态 / state",
            metavar="built|released|under-way|partly-returned|closed|failed|cancelled",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="最多条数 / at most")] = 50,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """列出批次，最新的在前。 / List batches, newest first."""
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.words import BATCH_STATES  # noqa: PLC0415
    from gateway.store import payments_reads as reads  # noqa: PLC0415

    if state is not None and state not in BATCH_STATES:
        raise typer.BadParameter("、".join(BATCH_STATES), param_hint="--state")
    with open_office(load(config)) as office:
        _print(office.book.ask(reads.batches, account, state, limit), as_json=as_json)


@app.command()
def show(
    batch: BatchArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """一个批次：谁组批、谁审批、谁放行、投递与各状态笔数。 / One batch: who built, approved, released it; delivery and totals."""
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.batch_acts import batch_of  # noqa: PLC0415
    from gateway.payments.words import ITEM_STATES  # noqa: PLC0415
    from gateway.store import payments_reads as reads  # noqa: PLC0415
    from gateway.store import reads as messages  # noqa: PLC0415

    with open_office(load(config)) as office:
        row = batch_of(office, batch)
        standing = office.book.ask(reads.standing, batch)
        approvers = sorted(office.book.ask(reads.approvers, batch))
        delivery = None if row.delivery_id is None else office.book.ask(messages.delivery, row.delivery_id)
    facts = {
        **_facts(row),
        "approved_by": approvers,
        "delivery": row.delivery_id,
        "delivery_state": None if delivery is None else delivery.state,
        "delivery_reason": None if delivery is None else delivery.reason,
        "items": {state: {"count": count, "sum_fen": total} for state, (count, total) in standing.items()},
    }
    if as_json:
        print_json(facts)
        return
    shown = {**facts, "approved_by": "、".join(approvers)}
    table(("", ""), [(k, str(v)) for k, v in shown.items() if v and k != "items"], "批次 batch")
    table(
        ("状态 state", "笔数 count", "金额（元）"),
        [(f"{ITEM_STATES[s]} {s}", str(count), in_yuan(total)) for s, (count, total) in standing.items()],
        "明细 items",
    )


@app.command()
def release(
    batch: BatchArgument,
    person: PersonOption,
    key: KeyOption,
    passphrase_file: PassphraseOption = None,
    confirm: ConfirmOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """放行批次：发往银行，只发一次。 / Release a batch: it goes to the bank, once.

    放行人须既未组批、也未审批其中任何明细。签名写入审计日志，外部可核验。

    The releaser must neither have built it nor approved any of its items. The signature goes into the audit log.
    """
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.batch_acts import batch_of  # noqa: PLC0415
    from gateway.payments.batch_acts import release as give  # noqa: PLC0415

    configuration = load(config)
    with open_office(configuration) as office:
        row = batch_of(office, batch)
        who = signer(configuration, person, key, passphrase_file)
        zh, en = _said("放行", "release", row)
        require_confirmed(confirm, zh, en)
        signed = give(office, who, row)
    if as_json:
        print_json({"batch": row.id, "count": row.count, "sum_fen": row.total, **signed.detail})
    else:
        say(f"已{zh}；运行中的网关数秒内发出", f"done: {en}; the running gateway sends it within seconds")


@app.command()
def cancel(
    batch: BatchArgument,
    person: PersonOption,
    key: KeyOption,
    reason: WhyOption,
    passphrase_file: PassphraseOption = None,
    confirm: ConfirmOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """作废未放行的批次，明细回到已审批。 / Cancel a batch that was not released; its items stay approved."""
    why = checked_reason(reason)
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.batch_acts import batch_of  # noqa: PLC0415
    from gateway.payments.batch_acts import cancel as undo  # noqa: PLC0415

    configuration = load(config)
    with open_office(configuration) as office:
        row = batch_of(office, batch)
        who = signer(configuration, person, key, passphrase_file)
        zh, en = _said("作废", "cancel", row)
        require_confirmed(confirm, zh, en)
        undo(office, who, row, why)
    say(f"已{zh}", f"done: {en}")


@app.command()
def results(
    batch: BatchArgument,
    state: Annotated[str | None, typer.Option(help="只看此状态 / only this state")] = None,
    unmask: UnmaskOption = False,
    reason: WhyOption = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="最多条数 / at most")] = 200,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """批次内各笔的结果。 / What became of each item of a batch."""
    why = checked_reason(reason) if unmask else ""
    from gateway.desk.book import item_facts  # noqa: PLC0415
    from gateway.desk.viewing import record_view  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.payments.batch_acts import batch_of  # noqa: PLC0415
    from gateway.payments.words import ITEM_STATES  # noqa: PLC0415

    configuration = load(config)
    with open_office(configuration) as office:
        row = batch_of(office, batch)
        rows = [one for one in _items(office, row) if state in (None, one.state)][:limit]
        if unmask:
            seen = sorted({one.proposal for one in rows})
            record_view(configuration, seen, why, actor(), by="gateway batch results")
        found = [item_facts(one, office.seals, hidden=not unmask) for one in rows]
    if as_json:
        print_json(found)
        return
    table(
        (
            "序号",
            "单号 reference",
            "户名",
            "账号",
            "金额（元）",
            "状态 state",
            "代码 code",
            "入账日",
            "银行流水号",
        ),
        [
            (
                str(one["batch_sequence"]),
                one["reference"],
                one["name"],
                one["account_no"],
                in_yuan(one["amount_fen"]),
                f"{ITEM_STATES[one['state']]} {one['state']}",
                one["code"] or "",
                one["settled_on"] or "",
                one["bank_reference"] or "",
            )
            for one in found
        ],
    )


def _items(office: Office, row: BatchRow) -> list[Any]:
    from gateway.store import payments_reads as reads  # noqa: PLC0415

    return office.book.ask(reads.items_of, row.id)


def _said(zh: str, en: str, row: BatchRow) -> tuple[str, str]:
    total = in_yuan(row.total)
    return (
        f"{zh}批次 {row.id}（{row.account}，{row.bank}）：{row.count} 笔，合计 {total} 元",
        f"{en} batch {row.id} ({row.account}, {row.bank}): {row.count} items, {total} yuan",
    )


def _facts(row: BatchRow) -> dict[str, Any]:
    return {
        "batch": row.id,
        "account": row.account,
        "bank": row.bank,
        "kind": row.kind,
        "state": row.state,
        "count": row.count,
        "sum_fen": row.total,
        "digest": row.digest,
        "built_by": row.built_by,
        "created": moment(row.created),
        "released_by": row.released_by,
        "released_at": moment(row.released_at) or None,
        "message": row.message_id,
        "bank_reference": row.bank_reference,
    }


def _print(rows: list[BatchRow], *, as_json: bool) -> None:
    from gateway.payments.words import BATCH_STATES  # noqa: PLC0415

    if as_json:
        print_json([_facts(row) for row in rows])
        return
    table(
        (
            "批次 batch id",
            "账户",
            "银行",
            "笔数",
            "金额（元）",
            "状态 state",
            "组批 built by",
            "放行 released by",
            "时间",
        ),
        [
            (
                row.id,
                row.account,
                row.bank,
                str(row.count),
                in_yuan(row.total),
                f"{BATCH_STATES[row.state]} {row.state}",
                row.built_by,
                row.released_by or "",
                moment(row.created),
            )
            for row in rows
        ],
    )
    say(f"{len(rows)} 批", f"{len(rows)} batches")
