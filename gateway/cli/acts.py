"""`message work`, `message replay`, `message settle`: what waits for a person, and what the person decides."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, say, table
from gateway.cli.person import actor, checked_reason
from gateway.desk.words import state

if TYPE_CHECKING:
    from gateway.desk.cases import Case, Choice


MessageArgument = Annotated[
    str, typer.Argument(help="报文标识，或能唯一找到它的号码 / its id, or a number that finds only it")
]
ReasonOption = Annotated[
    str,
    typer.Option(
        "--reason", help="原因，写入审计日志，不得含个人信息 / why; audited, no personal data", metavar="…"
    ),
]
PartnerOption = Annotated[
    str | None,
    typer.Option("--partner", help="投递给哪个伙伴，多笔投递时填写 / which delivery, where several"),
]
ConfirmOption = Annotated[
    bool, typer.Option("--confirm", help="涉及资金时须确认 / required where money moves")
]

_AGES = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (0, "s"))

#: What to do next where a command does it; `gateway.desk.cases.next_of` says the rest.
_COMMANDS = {
    "partner": ("伙伴已停用：启用，或 settle", "partner disabled: enable it, or settle"),
    "cause": (
        "排除原因后 replay；不再需要则 settle --no-effect",
        "remove the cause, then replay; or settle --no-effect",
    ),
    "finding": (
        "核实后 settle --let-go 放行，或 settle --no-effect",
        "find out, then settle --let-go; or settle --no-effect",
    ),
    "word": ("凭流水号向对方核实，再 settle", "look the reference up at the partner, then settle"),
}


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(work)
    app.command()(replay)
    app.command()(settle)


def work(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多条数 / at most")] = 50,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """待人工处理的投递。 / What waits for a person.

    投递失败（dead）、结果不明（in-doubt）、前置核验未决（held）的投递，等待最久的在前；网关仍在自行处理的排在最后。

    Deliveries that are dead, in doubt, or held by a check, the longest waiting first; those the gateway still tries
    itself come last.
    """
    from gateway.desk.cases import case_of  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import open_reader  # noqa: PLC0415

    configuration = load(config)
    with open_reader(configuration.gateway.store) as reader:
        cases = [case_of(configuration, *found) for found in reader.for_people(limit)]
    if as_json:
        print_json([_facts(case) for case in cases])
        return
    table(
        (
            "多久 age",
            "报文 message id",
            "伙伴 partner",
            "操作 operation",
            "状态 state",
            "外发流水号 reference",
            "原因 reason",
            "下一步 next",
        ),
        map(_row, cases),
    )
    say(f"{len(cases)} 笔", f"{len(cases)} found")


def replay(
    message: MessageArgument,
    reason: ReasonOption,
    partner: PartnerOption = None,
    confirm: ConfirmOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """重放投递失败的报文。 / Replay a dead delivery.

    只用于 dead（次数用完、确定没有生效），不用于 in-doubt。外发流水号不变，次数重新计。运行中的网关数秒内自行投递。

    For dead deliveries only (certainly without effect), never for those in doubt. The reference stays, attempts
    count anew. The running gateway delivers it by itself within seconds.
    """
    from gateway.desk.cases import Choice  # noqa: PLC0415

    _decide(message, Choice.REPLAY, reason, partner, config, confirm=confirm, as_json=as_json)


def settle(
    message: MessageArgument,
    reason: ReasonOption,
    ask_again: Annotated[
        bool, typer.Option("--ask-again", help="再次查询、冲正 / query and reverse once more")
    ] = False,
    took_effect: Annotated[
        bool,
        typer.Option("--took-effect", help="对账确认已生效 / reconciliation showed that the partner has it"),
    ] = False,
    no_effect: Annotated[
        bool, typer.Option("--no-effect", help="对账确认未生效 / reconciliation showed that it does not")
    ] = False,
    let_go: Annotated[
        bool,
        typer.Option("--let-go", help="核验未决仍放行 / send it on although the check did not clear it"),
    ] = False,
    partner: PartnerOption = None,
    confirm: ConfirmOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """了结结果不明、失败或核验未决的投递。 / Settle a delivery in doubt, dead, or held.

    四者选一：--ask-again、--took-effect（仅 in-doubt）、--no-effect（in-doubt、dead、held）、--let-go（仅 held）。了结后
    没有答复报文：提交方重复提交时得到的是状态，不是结果，请另行告知。

    Exactly one of --ask-again, --took-effect (in doubt only), --no-effect (in doubt, dead, held), --let-go (held only).
    There is no reply then: a sender that repeats its request is told the state, not a result; tell them yourself.
    """
    from gateway.desk.cases import Choice  # noqa: PLC0415

    chosen = [
        choice
        for choice, wanted in (
            (Choice.ASK_AGAIN, ask_again),
            (Choice.TOOK_EFFECT, took_effect),
            (Choice.NO_EFFECT, no_effect),
            (Choice.LET_GO, let_go),
        )
        if wanted
    ]
    if len(chosen) != 1:
        raise typer.BadParameter(
            "四者选一 / exactly one", param_hint="--ask-again|--took-effect|--no-effect|--let-go"
        )
    _decide(message, chosen[0], reason, partner, config, confirm=confirm, as_json=as_json)


def _decide(
    text: str, choice: Choice, reason: str, partner: str | None, config: Any, *, confirm: bool, as_json: bool
) -> None:
    why = checked_reason(reason)
    from gateway.desk.cases import carry_out, find_case, follows_of, require_possible  # noqa: PLC0415
    from gateway.desk.lookup import the_message  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import open_reader  # noqa: PLC0415

    configuration = load(config)
    with open_reader(configuration.gateway.store) as reader:
        case = find_case(configuration, reader, the_message(reader, text), partner, choice)
    require_possible(case, choice, confirmed=confirm)
    done = carry_out(configuration, case, choice, why, actor())
    if as_json:
        print_json(
            {
                "message": case.message.id,
                "delivery": done.delivery_id,
                "choice": choice.value,
                "before": done.before,
                "after": done.after,
            }
        )
        return
    say(f"{case.message.id} {case.delivery.partner}：{state(done.before)} → {state(done.after)}")
    say(*follows_of(case, choice))


def _row(case: Case) -> tuple[str, ...]:
    delivery = case.delivery
    return (
        _age(delivery.updated),
        delivery.message_id,
        delivery.partner,
        delivery.operation,
        state(delivery.state),
        delivery.reference or "",
        delivery.reason or "",
        " / ".join(_next(case)),
    )


def _facts(case: Case) -> dict[str, Any]:
    delivery = case.delivery
    zh, en = _next(case)
    return {
        "message": delivery.message_id,
        "type": case.message.type,
        "from": case.message.partner,
        "delivery": delivery.id,
        "partner": delivery.partner,
        "operation": delivery.operation,
        "moves_money": case.moves_money,
        "state": delivery.state,
        "reference": delivery.reference,
        "reason": delivery.reason,
        "updated": delivery.updated,
        "next_at": delivery.next_at,
        "zh": zh,
        "en": en,
    }


def _next(case: Case) -> tuple[str, str]:
    """What to do next, by the names of the commands."""
    from gateway.desk.cases import next_of  # noqa: PLC0415

    return _COMMANDS.get(case.need) or next_of(case)


def _age(since: int) -> str:
    """As `--since` takes it."""
    passed = max(0, time.time_ns() // 1_000_000 - since)
    unit, name = next((size, name) for size, name in _AGES if passed >= size)
    return f"{passed // (unit or 1000)}{name}"
