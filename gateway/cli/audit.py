"""`audit`: verify the log, prove that an entry is in it, show its key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.acts import ReasonOption
from gateway.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    Exit,
    JsonOption,
    complain,
    fail,
    print_json,
    say,
    table,
)
from gateway.cli.person import actor, checked_reason

if TYPE_CHECKING:
    from gateway.desk.proving import Proved

app = typer.Typer(
    help="审计日志：验证、出具存证、查看公钥。 / The audit log: verify it, prove entries, show its key.",
    no_args_is_help=True,
)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="日志目录或其副本 / the log folder, or a copy of it")],
    vkey: Annotated[Path, typer.Option(help="公钥文件 / verifier key file")],
    since: Annotated[
        Path | None,
        typer.Option(help="先前保存的检查点，证明历史未被改写 / an earlier checkpoint it must continue"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """验证整个日志。 / Verify a whole log.

    验证签名、每个条目、每个哈希和根。只需目录和公钥，不需要网关。

    Signature, every entry, every hash, the root. Needs only folder and key, no gateway.

    外部人员可直接用 gateway/audit/verify.py 得到同样的结果。
    Outsiders get the same result from the stand-alone file gateway/audit/verify.py.
    """
    from gateway.audit.verify import describe, verify_log  # noqa: PLC0415

    earlier = None if since is None else _read(since)
    report = verify_log(folder, _read(vkey).decode("utf-8", "replace"), earlier)
    if as_json:
        size = None if report.checkpoint is None else report.checkpoint.size
        problems = [{"place": p.place, "zh": p.zh, "en": p.en} for p in report.problems]
        print_json({"ok": report.ok, "size": size, "entries": report.entries, "problems": problems})
    else:
        for line in describe(report):
            say(line)
    if not report.ok:
        raise typer.Exit(Exit.PROBLEM)


@app.command(name="prove")
def prove_message(
    message_id: Annotated[str, typer.Argument(help="报文标识 / message id")],
    out: Annotated[Path, typer.Option(help="写入的目录 / folder to write to")],
    config: ConfigOption = DEFAULT_CONFIG,
    every: Annotated[
        bool, typer.Option("--all", help="该报文的全部条目，不只是受理 / every entry of the message")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """出具存证。 / Write the proof that a message is in the log.

    写出 entry.bin（条目）和 receipt.tlog-proof（回执），凭公钥即可验证。标识也可以是答复的标识或 refusal_id。

    Writes entry.bin and receipt.tlog-proof, which anyone can check with the key alone. The id of a reply, or a
    refusal_id, will do as well.

      python gateway/audit/verify.py receipt receipt.tlog-proof entry.bin --vkey vkey
    """
    from gateway.desk.proving import prove, trail_of  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import open_reader  # noqa: PLC0415

    configuration = load(config)
    with open_reader(configuration.gateway.store) as reader:
        trail = trail_of(reader, message_id)
    if trail.reply is not None:
        complain(
            f"{trail.reply} 是对报文 {trail.about} 的答复，存证为后者的条目",
            f"{trail.reply} is the reply to {trail.about}: its entries are proved",
        )
    wanted = trail.entries if every else (trail.acceptance,)
    _, _, proved = prove(configuration.audit_folder, wanted)
    written = [_write(out, one, f"-{one.index}" if every else "") for one in proved]
    if as_json:
        print_json(written)
    for item in written if not as_json else ():
        say(f"索引 {item['index']} {item['event']}：{item['entry']} {item['receipt']}")


@app.command()
def match(
    message_id: Annotated[str, typer.Argument(help="报文标识或 refusal_id / message id, or refusal_id")],
    file: Annotated[
        Path, typer.Argument(help="要核对的文件 / the file in question", exists=True, dir_okay=False)
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """核对一个文件是否就是当时收到的内容。 / Whether a file is what passed.

    与伙伴争议“当时发的是什么”时使用：对方拿出的文件，与审计日志中受理、拒绝、应答的摘要逐一比较，一字节不同即不符。
    被拒绝、网关未保存的内容也能核对。退出码 0 有一致的，1 没有。

    For disputes about what was sent: the file that a partner brings is compared with the digests of what was accepted,
    refused or answered, also of what the gateway never kept. Exit 0 where one is the same, 1 where none is.
    """
    from gateway.desk.matching import matches  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store import open_reader  # noqa: PLC0415

    configuration = load(config)
    with open_reader(configuration.gateway.store) as reader:
        found = matches(configuration, reader, message_id, file)
    if not found:
        raise fail(
            Exit.PROBLEM,
            f"没有 {message_id} 带摘要的审计条目",
            f"no audit entries with a digest about {message_id}",
        )
    if as_json:
        print_json(
            [
                {"index": m.index, "event": m.entry.event, "time": m.entry.time, "same": m.same, "why": m.why}
                for m in found
            ]
        )
    else:
        table(
            ("索引 index", "时间 time", "事件 event", "来自或去往 partner", "结果 result"),
            [
                (
                    "" if m.index is None else str(m.index),
                    m.entry.time.isoformat(timespec="seconds"),
                    m.entry.event,
                    m.entry.partner or "",
                    m.why if m.same is None else "一致 same" if m.same else "不符 other",
                )
                for m in found
            ],
        )
    if not any(m.same for m in found):
        raise typer.Exit(Exit.PROBLEM)


@app.command()
def key(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """显示验证公钥。 / Show the log's verifier key.

    可交给任何需要验证的人；绝不显示私钥。更换过密钥而旧密钥尚未停用的，旧公钥列在其后。

    For whoever wants to verify; never the signing key. After a change, keys that still sign beside it follow.
    """
    from gateway.desk.auditing import vkeys_of  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415

    configuration = load(config)
    origin = configuration.gateway.audit.origin
    vkey, *earlier = vkeys_of(configuration)
    if as_json:
        print_json({"origin": origin, "vkey": vkey, "earlier": earlier})
        return
    for line in (vkey, *earlier):
        say(line)


@app.command("change-key")
def change_key(
    reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """更换签名密钥；新旧密钥并行签名，直到旧密钥停用。 / A new signing key; the old one signs beside it until it is retired.

    重启网关后生效。此后每个检查点和回执都有新旧两个签名，持旧公钥的伙伴照常验证。新公钥写入审计日志，由旧密钥的签名担保。
    把新公钥交给全部伙伴后，用 audit retire-key 停用旧密钥。私钥泄露时应尽快停用。

    In force when the gateway is started again. From then on checkpoints and receipts bear both signatures, so that partners
    with the old verifier key go on as before; the new one stands in the log, vouched for by the old one. When all partners
    have it: `audit retire-key`; at once where the old key got out.
    """
    why = checked_reason(reason)
    from gateway.audit import keys  # noqa: PLC0415
    from gateway.desk.auditing import require_key  # noqa: PLC0415
    from gateway.desk.record import record  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415
    from gateway.store.filelock import exclusively  # noqa: PLC0415

    configuration = load(config)
    require_key(configuration)
    origin, file = configuration.gateway.audit.origin, configuration.audit_key_file
    with exclusively(file.parent):  # a second one would throw this one's draft away
        old = keys.load_signer(origin, file)
        new = keys.draft_key(origin, file)
        facts: dict[str, str | int] = {"old": old.vkey, "new": new.vkey, "reason": why}
        record(configuration, "audit.key-changing", facts, actor())
        keys.change_key(origin, file)
    if as_json:
        print_json({"vkey": new.vkey, "earlier": old.vkey})
        return
    say(f"新公钥 {new.vkey}", f"new verifier key {new.vkey}")
    say(
        "请备份密钥文件，重启网关，再把新公钥交给伙伴",
        "back the key files up, start the gateway again, hand the new key out",
    )
    say(
        f"全部伙伴收到后：gateway audit retire-key {old.key_id.hex()}",
        f"when all have it: gateway audit retire-key {old.key_id.hex()}",
    )


@app.command("retire-key")
def retire_key(
    key_id: Annotated[
        str, typer.Argument(metavar="KEY", help="旧公钥中间的 8 位编号 / the 8 digits within the old key")
    ],
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """停用旧签名密钥。 / An earlier signing key signs no more.

    重启网关后生效。旧回执仍用旧公钥验证，请保留公钥；此后的检查点和回执只能用新公钥验证。

    In force when the gateway is started again. Receipts of before are still checked with the old verifier key, so keep
    that; later ones with the new key alone.
    """
    why = checked_reason(reason)
    from gateway.audit import keys  # noqa: PLC0415
    from gateway.audit.checkpoint import open_checkpoint  # noqa: PLC0415
    from gateway.audit.errors import BadNote  # noqa: PLC0415
    from gateway.desk.auditing import require_key  # noqa: PLC0415
    from gateway.desk.record import record  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415

    configuration = load(config)
    require_key(configuration)
    signer, *earlier = keys.load_signers(configuration.gateway.audit.origin, configuration.audit_key_file)
    if key_id == signer.key_id.hex():
        raise fail(
            Exit.PROBLEM, "这是当前密钥，请先 audit change-key", "it is the present key: change it first"
        )
    try:
        open_checkpoint(_read(configuration.audit_folder / "checkpoint"), [signer.verifier])
    except BadNote:
        raise fail(
            Exit.PROBLEM,
            "最新检查点还没有新密钥的签名：请先启动网关，一两秒后再试",
            "the published checkpoint is not signed by the new key yet: start the gateway, then try again in a second",
        ) from None
    if key_id not in [one.key_id.hex() for one in earlier]:
        raise fail(
            Exit.PROBLEM,
            f"没有旧密钥 {key_id}，见 audit key",
            f"there is no earlier key {key_id}: see `audit key`",
        )
    record(configuration, "audit.key-retiring", {"key": key_id, "reason": why}, actor())
    away = keys.retire_key(configuration.audit_key_file, key_id)
    if as_json:
        print_json({"retired": key_id, "file": str(away)})
        return
    say(
        f"密钥 {key_id} 已停用，存于 {away}；请重启网关",
        f"{key_id} signs no more, and is in {away}; start the gateway again",
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise fail(Exit.UNAVAILABLE, f"无法读取 {file}", f"cannot read {file}: {error.strerror}") from None


def _write(out: Path, proved: Proved, suffix: str) -> dict[str, Any]:
    out.mkdir(parents=True, exist_ok=True)
    entry_file, receipt_file = out / f"entry{suffix}.bin", out / f"receipt{suffix}.tlog-proof"
    entry_file.write_bytes(proved.data)
    receipt_file.write_bytes(proved.receipt)
    return {
        "index": proved.index,
        "event": proved.entry.event,
        "entry": str(entry_file),
        "receipt": str(receipt_file),
    }
