"""`message erase`: what a message holds is gone, that it passed stays on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from gateway.cli.acts import ConfirmOption, MessageArgument, ReasonOption
from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, fail, print_json, say
from gateway.cli.person import actor, checked_reason

if TYPE_CHECKING:
    from gateway.engine.config import Configuration
    from gateway.store.api import DeliveryRow, MessageRow


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(erase)


def erase(
    message: MessageArgument,
    reason: ReasonOption,
    confirm: ConfirmOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """删除一条报文的内容。 / Erase what a message holds.

    原文、规范报文、外发内容、答复、前置核验的问答和附件都删除，不可恢复；信封、投递结果和审计条目保留。审计日志中的摘要从此不能再对上任何内容。
    付款、征缴台账中的个人资料、已送出的文件、备份和伙伴处的内容不受影响。投递全部了结后才能删除。

    As received, canonical, as sent, replies, what was asked about it first, and attachments, for good; envelope, outcomes and audit entries stay, whose
    digests match nothing any more. Not the books of payments and levies, files that were handed over, backups, or what partners have.
    Only when all its deliveries have ended.
    """
    why = checked_reason(reason)
    from gateway.desk.lookup import the_message  # noqa: PLC0415
    from gateway.engine.clearance import question_key  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.engine.routes import GATEWAY  # noqa: PLC0415
    from gateway.store import open_reader  # noqa: PLC0415

    configuration = load(config)
    with open_reader(configuration.gateway.store) as reader:
        row = reader.message(the_message(reader, message))
        assert row is not None
        deliveries = reader.deliveries_of(row.id)
        asked = reader.by_partner_id(GATEWAY, question_key(row.id))
    # What the gateway asked about it first holds the same person's data.
    questions = [] if asked is None else [asked.message.id]
    deliveries += [] if asked is None else asked.deliveries
    _require_erasable(row, deliveries)
    if not confirm:
        raise fail(
            Exit.USAGE,
            f"将删除报文 {row.id} 的内容，不可恢复。确认请加 --confirm",
            f"what {row.id} holds will be gone for good. To go on add --confirm",
        )
    claims = [row.id, *(d.reply_id for d in deliveries if d.reply_id is not None)]
    _carry_out(configuration, row, questions, claims, why)
    if as_json:
        print_json({"message": row.id, "erased": True})
        return
    say(f"{row.id}：内容已删除", f"{row.id}: what it held is gone")


def _require_erasable(row: MessageRow, deliveries: list[DeliveryRow]) -> None:
    from gateway.store.states import UNFINISHED  # noqa: PLC0415

    if not row.body:
        raise fail(Exit.PROBLEM, f"{row.id} 的内容已经删除", f"{row.id} was erased before")
    open_ = [d for d in deliveries if d.state in UNFINISHED]
    if open_:
        raise fail(
            Exit.PROBLEM,
            f"还有 {len(open_)} 笔投递未了结，内容还要用到：先 message settle",
            f"{len(open_)} of its deliveries have not ended and need it: `message settle` first",
        )


def _carry_out(
    configuration: Configuration, row: MessageRow, questions: list[str], claims: list[str], reason: str
) -> None:
    """The message first: an attachment without one is removed by the running gateway, too."""
    from gateway.desk.record import journal_of  # noqa: PLC0415
    from gateway.store import open_clerk  # noqa: PLC0415
    from gateway.store.changes import erase_on_record  # noqa: PLC0415
    from gateway.store.chest import Chest  # noqa: PLC0415
    from gateway.store.keyring import KeyRing  # noqa: PLC0415

    entry = journal_of(configuration).entry(
        "message.erased",
        message=row.id,
        partner=row.partner,
        message_type=row.type,
        actor=actor(),
        detail={"reason": reason},
    )
    with open_clerk(configuration.gateway.store) as clerk:
        if not clerk.work(erase_on_record, [row.id, *questions], entry):
            raise fail(
                Exit.PROBLEM,
                "刚刚有新的投递或状态变化，未删除：请再看一次",
                "it has just changed and was not erased: look again",
            )
    chest = Chest(configuration.data_dir / "chest", KeyRing.load(configuration.keyring_file))
    for claim in claims:
        chest.remove(claim)
