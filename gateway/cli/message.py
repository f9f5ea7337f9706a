"""`message`: find messages, show the whole life of one, decide what the gateway cannot."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli import acts, content, erasing
from gateway.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    print_json,
    say,
    table,
)
from gateway.cli.person import actor, checked_reason
from gateway.desk.words import STATES, moment, state

app = typer.Typer(
    help="报文：查找、查看全过程、处理失败与不明。 / Messages: find, show, decide what waits for a person.",
    no_args_is_help=True,
)


@app.command()
def find(
    text: Annotated[
        str | None,
        typer.Argument(
            help="报文标识、对方报文号、业务号、外发流水号或会话标识，须完整 / an id, a partner's id, a subject, a"
            " reference or a correlation id, complete"
        ),
    ] = None,
    partner: Annotated[str | None, typer.Option(help="来源或目标伙伴 / from or to this partner")] = None,
    message_type: Annotated[
        str | None,
        typer.Option("--type", help="报文类型 / message type", metavar="settlement.claim.submitted.v1"),
    ] = None,
    in_state: Annotated[
        str | None,
        typer.Option(
            "--state",
            help="投递状态 / state of a delivery",
            metavar="held|pending|sending|waiting|in-doubt|accepted|rejected|reversed|dead",
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="起始：2026-01-05、2026-01-05T08:00、2h、30min、7d / from")
    ] = None,
    until: Annotated[str | None, typer.Option(help="截止，写法相同 / until, written likewise")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多条数 / at most")] = 50,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """查找报文。 / Find messages.

    最新的在前。不显示报文内容；网关运行与否均可使用。

    Newest first. Shows no content; works whether the gateway runs or not.

    例 / examples:

      gateway message find --state in-doubt          结果不明的 / unknown outcomes

      gateway message find --state dead --since 1d   一天内投递失败的 / given up within a day
    """
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import open_reader  # noqa: PLC0415
    from gateway.store.api import Filter  # noqa: PLC0415

    _known_state(in_state)
    what = Filter(
        text=text,
        partner=partner,
        type=message_type,
        state=in_state,
        since=_time(since, "--since"),
        until=_time(until, "--until"),
        limit=limit,
    )
    with open_reader(load(config).gateway.store) as reader:
        found = reader.find(what)
    if as_json:
        from gateway.desk.life import listed  # noqa: PLC0415

        print_json([listed(item) for item in found])
        return
    table(
        ("时间 time", "标识 id", "类型 type", "来源 from", "业务号 subject", "投递 deliveries"),
        map(_row, found),
    )
    say(f"{len(found)} 条", f"{len(found)} found")


@app.command()
def show(
    message: acts.MessageArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    unmask: Annotated[
        bool,
        typer.Option("--unmask", help="显示未脱敏内容，须 --reason / show personal data; needs --reason"),
    ] = False,
    reason: Annotated[
        str, typer.Option(help="查看原因，写入审计日志 / why; goes into the audit log", metavar="…")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """一条报文的全过程。 / The whole life of one message.

    信封、每次投递的状态与原因、答复、审计条目；内容默认脱敏。也可用答复的标识，或应答中的 refusal_id。

    Envelope, deliveries with their reasons, replies, audit entries; content is masked. The id of a reply, or a
    refusal_id, will do as well.

    --unmask 先把查看人、原因写入审计日志，写入成功才显示，否则退出码 3。网关运行与否均可使用。

    --unmask first records who looks and why; nothing is shown unless that is committed (exit 3 otherwise). Works
    whether the gateway runs or not.
    """
    why = checked_reason(reason) if unmask else ""
    from gateway.desk import life  # noqa: PLC0415
    from gateway.desk.lookup import the_message  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import open_reader  # noqa: PLC0415

    configuration = load(config)
    with open_reader(configuration.gateway.store) as reader:
        refused = life.refusal(reader, message)
        told = None if refused else life.collect(reader, the_message(reader, message))
    if told is None:
        _print_refusal(refused, as_json=as_json)
        return
    if unmask:
        from gateway.desk.viewing import record_view  # noqa: PLC0415

        record_view(configuration, [told.row.id], why, actor(), by="gateway message show")
    shown = life.content(configuration, told, hidden=not unmask)
    attachment = life.attachment_facts(configuration, told, hidden=not unmask)
    if as_json:
        print_json(life.as_facts(told, shown, attachment))
    else:
        if any(reply.id == message for reply in told.replies):
            say(f"{message} 是对下面这条报文的答复", f"{message} is the reply to this message")
        _print(told, shown, attachment)


def _row(found: Any) -> tuple[str, ...]:
    row = found.message
    owed = "、".join(f"{d.partner}: {state(d.state)}" for d in found.deliveries)
    return moment(row.created), row.id, row.type, row.partner, row.subject or "", owed


def _print(told: Any, shown: Any, attachment: Any) -> None:
    row = told.row
    facts = (
        ("标识 id", row.id),
        ("类型 type", row.type),
        ("来源 from", row.partner),
        ("对方报文号 partner's id", row.partner_message_id or ""),
        ("业务号 subject", row.subject or ""),
        ("时间 created", moment(row.created)),
        ("期限 deadline", moment(row.deadline)),
        ("区划 region", row.region),
        ("会话 correlation", row.correlation_id),
        ("起因 caused by", row.causation_id or ""),
        ("映射 mapping", row.mapping or ""),
    )
    table(("", ""), [fact for fact in facts if fact[1]], "报文 message")
    for delivery in told.deliveries:
        _print_delivery(delivery)
    _print_audit(told.audit)
    if attachment is not None:
        rows = [(name, str(value)) for name, value in attachment.items()]
        table(("", ""), rows, "附件 attachment（取出 to take it out: gateway message content）")
    say("内容 content:")
    print_json(shown)


def _print_audit(entries: Any) -> None:
    rows = [(("—" if e.index is None else str(e.index)), e.time, e.event, e.about) for e in entries]
    table(("索引 index", "时间 time", "事件 event", "说明 detail"), rows, "审计条目 audit entries")


def _print_refusal(refused: Any, *, as_json: bool) -> None:
    """Input that was not accepted: all that is kept of it is in the audit log."""
    if as_json:
        from gateway.desk.life import refusal_facts  # noqa: PLC0415

        print_json(refusal_facts(refused))
        return
    say("这是一次拒收：未受理，原文未保存", "a refusal: nothing was accepted, and the input was not kept")
    facts = (
        ("标识 id", refused.id),
        ("来源 from", refused.partner or ""),
        ("代码 code", refused.detail.get("code", "")),
        ("字段 field", refused.detail.get("field", "")),
        ("规则 rule", refused.detail.get("rule", "")),
        ("对方报文号 partner's id", refused.detail.get("partner_message_id", "")),
    )
    table(("", ""), [(name, str(value)) for name, value in facts if value], "拒收 refusal")
    _print_audit(refused.audit)


def _print_delivery(delivery: Any) -> None:
    facts = (
        ("伙伴 partner", delivery.partner),
        ("操作 operation", delivery.operation),
        ("状态 state", state(delivery.state)),
        ("次数 attempts", str(delivery.attempts)),
        ("查询与冲正 resolutions", str(delivery.resolutions) if delivery.resolutions else ""),
        ("原因 reason", delivery.reason or ""),
        ("下次 next", moment(delivery.next_at)),
        ("外发流水号 reference", delivery.reference or ""),
        ("答复 reply", delivery.reply_id or ""),
        ("更新 updated", moment(delivery.updated)),
    )
    table(("", ""), [fact for fact in facts if fact[1]], f"投递 delivery {delivery.id}")


def _known_state(name: str | None) -> None:
    if name is not None and name not in STATES:
        raise typer.BadParameter(", ".join(STATES), param_hint="--state")


def _time(text: str | None, option: str) -> int | None:
    """Milliseconds since 1970. A time without offset is the machine's local time."""
    from gateway.desk.refused import NotPossible  # noqa: PLC0415
    from gateway.desk.times import time_of  # noqa: PLC0415

    if text is None:
        return None
    try:
        return time_of(text)
    except NotPossible:
        raise typer.BadParameter("2026-01-05, 2026-01-05T08:00, 30min, 2h, 7d", param_hint=option) from None


acts.add_to(app)
content.add_to(app)
erasing.add_to(app)
