"""`key`: the keys under which payloads are stored."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli.acts import ReasonOption
from gateway.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    Exit,
    JsonOption,
    fail,
    print_json,
    say,
    table,
)
from gateway.cli.person import actor, checked_reason
from gateway.desk.words import moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.engine.config import Configuration
    from gateway.store.chest import Chest
    from gateway.store.keyring import Key, KeyRing

app = typer.Typer(
    help="载荷密钥：查看、轮换、重新加密、退役。 / Keys of stored payloads: list, rotate, reseal, retire.",
    no_args_is_help=True,
)

KeyArgument = Annotated[
    str, typer.Argument(metavar="KEY", help="密钥编号，见 key list / its id, see key list")
]

#: Rows of one transaction, for which the running gateway waits, and seconds that it has to itself after each.
_BATCH: Final = 20
_PAUSE: Final = 0.005
#: Seconds until whatever was begun under the old key before a rotation has been handed in.
_TAKEN_OVER: Final = 60.0


@app.command("list")
def list_(
    count: Annotated[
        bool,
        typer.Option(
            "--count", help="统计各密钥加密的内容，须读全库 / count what each has sealed: reads all"
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """密钥环中的密钥；只显示编号，不显示密钥。 / The keys of the ring, by their ids alone."""
    from gateway.engine.config import load  # noqa: PLC0415

    configuration = load(config)
    ring = _ring(configuration)
    sealed = _sealed_under(configuration, ring, *(key.id for key in ring.keys)) if count else {}
    if as_json:
        print_json([_facts(key, sealed.get(key.id)) for key in ring.keys])
        return
    head = ("密钥 key id", "生成 made", "用途 use", *(("库中行 rows", "附件 attachments") if count else ()))
    table(head, [_row(key, sealed.get(key.id)) for key in ring.keys])
    say(f"密钥文件 {ring.path}", f"key file {ring.path}")


@app.command()
def rotate(reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """换用新密钥；旧密钥仍能解密。 / Seal with a new key; the old ones go on opening.

    运行中的网关数秒内换用，不必重启。换用后先备份密钥文件，再用 key reseal 把已存内容改用新密钥。

    A running gateway takes it over within seconds. Back the key file up, then bring what is stored under the new key
    with `key reseal`.
    """
    why = checked_reason(reason)
    from gateway.desk.record import record  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415

    configuration = load(config)
    ring = _ring(configuration)
    before = ring.current
    record(configuration, "key.rotating", {"before": before, "reason": why}, actor())
    ring.rotate()
    if as_json:
        print_json({"before": before, "current": ring.current, "file": str(ring.path)})
        return
    say(
        f"新密钥 {ring.current}，旧密钥 {before} 保留",
        f"new key {ring.current}; the old one, {before}, stays",
    )
    say(
        f"请立即备份 {ring.path}：丢失后新存内容无法读取",
        f"back up {ring.path} now: without it what is stored from now on is lost",
    )
    say("然后执行 gateway key reseal", "then: gateway key reseal")


@app.command()
def reseal(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """把已存内容改用当前密钥加密。 / Bring what is stored under the current key.

    可在网关运行时执行，可中断，再次执行即继续；耗时与库的大小成正比。完成后可用 key retire 退役旧密钥。

    Beside a running gateway, too. It may be interrupted: the same command goes on. Then old keys can be retired.
    """
    from gateway.desk.record import record  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415

    configuration = load(config)
    ring = _ring(configuration)
    damaged: list[str] = []
    with _alone(configuration):
        seen = _reseal_rows(configuration, ring, damaged)
        renewed = _reseal_attachments(_chest(configuration, ring), damaged)
    facts: dict[str, str | int] = {"current": ring.current, "rows": seen, "attachments": renewed}
    record(configuration, "key.resealed", {**facts, "damaged": len(damaged)}, actor())
    if as_json:
        print_json({**facts, "damaged": damaged})
    else:
        say(
            f"已检查 {seen} 行，重新加密附件 {renewed} 个，均用密钥 {ring.current}",
            f"{seen} rows gone through, {renewed} attachments sealed anew, all under {ring.current}",
        )
    if damaged:
        for place in damaged if not as_json else ():
            say(f"  {place}")
        raise fail(
            Exit.PROBLEM,
            f"以上 {len(damaged)} 处无法解密（损坏，或密钥不在环中），保持原样：请从备份恢复",
            f"{len(damaged)} of them do not open (damaged, or their key is not in the ring) and were left: restore them",
        )


@app.command()
def retire(
    key: KeyArgument,
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """旧密钥退役：移出密钥环，另存一个文件。 / Take an old key out of the ring, into a file of its own.

    只在已没有任何内容用它加密时才允许。退役文件须离线保存：恢复旧备份，或证明审计日志中被拒绝报文的摘要时还要用到。

    Only where nothing is sealed under it any more. Keep that file off this machine: older backups need it, and so does
    whoever has to prove the digest of a refused message in the audit log.
    """
    why = checked_reason(reason)
    from gateway.desk.record import record  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415

    configuration = load(config)
    ring = _ring(configuration)
    with _alone(configuration):
        _require_retirable(configuration, ring, key)
        record(configuration, "key.retiring", {"key": key, "reason": why}, actor())
        away = ring.retire(key)
    if as_json:
        print_json({"retired": key, "file": str(away)})
        return
    say(f"密钥 {key} 已退役，存于 {away}", f"{key} is out of the ring, and in {away}")
    say(
        "请移到离线介质保存，与此前的备份放在一起",
        "move it to an offline medium, with the backups made before",
    )


def _require_retirable(configuration: Configuration, ring: KeyRing, key_id: str) -> None:
    known = {key.id: key for key in ring.keys}
    if key_id not in known:
        raise fail(Exit.PROBLEM, f"密钥环中没有 {key_id}", f"{key_id} is not in the ring")
    if known[key_id].current:
        raise fail(Exit.PROBLEM, "这是当前密钥，请先 key rotate", "it is the current key: rotate first")
    _require_taken_over(configuration, ring, key_id, known[ring.current].made)
    rows, attachments = _sealed_under(configuration, ring, key_id)[key_id]
    if rows or attachments:
        raise fail(
            Exit.PROBLEM,
            f"仍有 {rows} 行、{attachments} 个附件用它加密：请先 key reseal",
            f"{rows} rows and {attachments} attachments are sealed under it: `key reseal` first",
        )


def _require_taken_over(
    configuration: Configuration, ring: KeyRing, key_id: str, made: dt.datetime | None
) -> None:
    """Nobody seals with the old key any more, and nothing that was sealed with it is on its way."""
    from gateway.store import open_reader  # noqa: PLC0415
    from gateway.store.keyring import SEALING  # noqa: PLC0415
    from gateway.store.reads import live_owners  # noqa: PLC0415
    from gateway.store.reseal import unfinished  # noqa: PLC0415

    taken_over = made.timestamp() + _TAKEN_OVER if made else 0.0
    now = time.time()
    with open_reader(configuration.gateway.store) as reader:
        using = reader.ask(live_owners, f"{SEALING}{key_id}:", int(now * 1000))
        owed = reader.ask(unfinished, int(taken_over * 1000))
    if using:
        raise fail(
            Exit.PROBLEM,
            f"运行中的网关 {using[0]} 还在用它加密：查看其日志，密钥文件是否可读（属主、权限）",
            f"the running gateway {using[0]} still seals with it: look at its log, and whether it can read the key file",
        )
    if now < taken_over:
        raise fail(
            Exit.PROBLEM,
            f"刚刚换用新密钥，请在 {int(taken_over - now) + 1} 秒后再试",
            f"the new key has only just come: try again in {int(taken_over - now) + 1} seconds",
        )
    if owed:
        raise fail(
            Exit.PROBLEM,
            f"换用新密钥前受理的报文还有 {owed} 笔投递未完，消息总线上可能有用旧密钥加密的副本：请先处理（message work）",
            f"{owed} deliveries of before the rotation are unfinished, and copies under the old key may be on the bus:"
            " see `message work`",
        )
    drafts = _chest(configuration, ring).drafts()
    if drafts:
        raise fail(
            Exit.PROBLEM,
            f"有 {drafts} 个附件正在写入，可能用的是旧密钥：请稍后再试；一直存在的，重启网关即清除",
            f"{drafts} attachments are being written, maybe under the old key: try later; a start of the gateway removes"
            " what was left behind",
        )


@contextmanager
def _alone(configuration: Configuration) -> Iterator[None]:
    """Two that reseal at once would write the same drafts, and none may begin while a key leaves."""
    from gateway.store.filelock import exclusively  # noqa: PLC0415

    folder = configuration.data_dir / "chest"
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        with exclusively(folder, wait=False):
            yield
    except BlockingIOError:
        raise fail(
            Exit.UNAVAILABLE,
            "另一个 key reseal 或 retire 正在执行",
            "another `key reseal` or `retire` is at work",
        ) from None


def _reseal_rows(configuration: Configuration, ring: KeyRing, damaged: list[str]) -> int:
    from gateway.store import open_clerk, open_reader  # noqa: PLC0415
    from gateway.store.reseal import reseal_batch, rows  # noqa: PLC0415

    with open_reader(configuration.gateway.store) as reader:
        total = reader.ask(rows)
    with (
        open_clerk(configuration.gateway.store) as clerk,
        _shown("数据库 / database", total) as advance,
    ):
        # On PostgreSQL a row at a time: whoever holds some and waits for others could stand in the gateway's way.
        size = _BATCH if configuration.gateway.store.url.get_secret_value().startswith("sqlite") else 1
        place: str | None = ""
        done = 0
        while place is not None:
            place = clerk.work(reseal_batch, ring, place, size, damaged)
            advance(size)
            done += size
            if done % _BATCH == 0:
                time.sleep(_PAUSE)
    return total


def _reseal_attachments(chest: Chest, damaged: list[str]) -> int:
    from gateway.contract import ConfigError  # noqa: PLC0415

    claims = chest.claims()
    renewed = 0
    with _shown("附件 / attachments", len(claims)) as advance:
        for claim in claims:
            try:
                renewed += chest.reseal(claim)
            except ConfigError:
                damaged.append(f"chest {claim}")
            advance(1)
    return renewed


def _sealed_under(configuration: Configuration, ring: KeyRing, *key_ids: str) -> dict[str, tuple[int, int]]:
    """(rows, attachments) of each key."""
    from gateway.store import open_reader  # noqa: PLC0415
    from gateway.store.reseal import sealed_under  # noqa: PLC0415

    chest = _chest(configuration, ring)
    attached = Counter(key_id for claim in chest.claims() for key_id in _keys_of(chest, claim))
    with open_reader(configuration.gateway.store) as reader:
        return {key_id: (reader.ask(sealed_under, key_id), attached[key_id]) for key_id in key_ids}


def _keys_of(chest: Chest, claim: str) -> set[str]:
    """None of what is damaged: no key opens that; nor of what was erased a moment ago."""
    from gateway.contract import ConfigError  # noqa: PLC0415

    try:
        return chest.keys_of(claim)
    except ConfigError:
        return set()


@contextmanager
def _shown(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal; nothing where nobody watches."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


def _ring(configuration: Configuration) -> KeyRing:
    from gateway.store.keyring import KeyRing  # noqa: PLC0415

    return KeyRing.load(configuration.keyring_file)


def _chest(configuration: Configuration, ring: KeyRing) -> Chest:
    from gateway.store.chest import Chest  # noqa: PLC0415

    return Chest(configuration.data_dir / "chest", ring)


def _row(key: Key, sealed: tuple[int, int] | None) -> tuple[str, ...]:
    use = "当前，加密和解密 seals and opens" if key.current else "只解密 opens"
    counts = () if sealed is None else tuple(str(n) for n in sealed)
    return key.id, _when(key.made), use, *counts


def _facts(key: Key, sealed: tuple[int, int] | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"key": key.id, "made": key.made and key.made.isoformat(), "current": key.current}
    if sealed is not None:
        facts["rows"], facts["attachments"] = sealed
    return facts


def _when(made: dt.datetime | None) -> str:
    return moment(int(made.timestamp() * 1000)) if made else "—"
