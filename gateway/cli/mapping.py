"""`mapping`: list, check, test, convert by, look through, and compare mappings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

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
from gateway.cli.person import checked_reason

app = typer.Typer(
    help="映射：列出、检查、测试、转换、对照预览、比较版本。 / Mappings: list, check, test, convert, preview, compare.",
    no_args_is_help=True,
)

PathsArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        exists=True,
        metavar="[FILE|DIR]…",
        help="映射文件或目录，默认全部在用的 / files or folders; all in use where none are given",
    ),
]
DirsArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        exists=True,
        file_okay=False,
        metavar="[DIR]…",
        help="目录，默认随附的与配置的 / folders; the shipped and the configured ones where none are given",
    ),
]
WithOption = Annotated[
    str,
    typer.Option(
        "--with",
        metavar="MAPPING",
        help="映射：name、name@version 或文件 / a mapping: name, name@version or a file",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="报文之外的字段，可多次 / fields that are not in the message itself; repeatable",
    ),
]
FileArgument = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="报文文件 / file of a message")
]


@app.command("list")
def list_(
    folders: DirsArgument = None, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """列出映射及其版本。 / List the mappings and their versions.

    名称@版本、标题、标准报文类型、格式、方向、生效日期。 / name@version, title, canonical type, codec, direction, dates.
    """
    from gateway.cli.mapping_files import catalogue_of, today  # noqa: PLC0415

    day = today()
    rows = [_facts(version, day) for version in catalogue_of(config, folders or ())]
    if as_json:
        print_json(rows)
        return
    columns = (
        "映射 name",
        "标题 title",
        "标准报文 canonical",
        "格式 codec",
        "方向 direction",
        "生效 effective",
    )
    table(columns, [_row(facts) for facts in rows])
    say(f"{len(rows)} 个", f"{len(rows)} found")


@app.command()
def check(
    paths: PathsArgument = None, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """检查映射文件。 / Check mapping files.

    列出每个问题的文件、行号、位置、说明与建议；同一目录内还检查版本与生效日期。提示（note）不影响退出码。

    Every problem with file, line, path and suggestion; of a folder also versions and effective dates. A note leaves
    the exit code alone.
    """
    from gateway.cli.mapping_files import problems_of, tell  # noqa: PLC0415

    found = problems_of(paths or (), config)
    if as_json:
        print_json(
            [
                {
                    name: getattr(p, name)
                    for name in ("level", "file", "line", "path", "zh", "en", "suggestion")
                }
                for p in found
            ]
        )
    else:
        tell(found)
    errors = sum(problem.level == "error" for problem in found)
    if not as_json:
        say(f"{errors} 个错误，{len(found) - errors} 个提示", f"{errors} errors, {len(found) - errors} notes")
    if errors:
        raise typer.Exit(Exit.PROBLEM)


@app.command("test")
def try_out(
    paths: PathsArgument = None, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """测试映射：样例与往返律。 / Test mappings: their samples and laws.

    样例在映射文件旁的 samples/ 内。装有 hypothesis 的环境还用生成的报文验证往返律；生产环境只验证样例及其往返。

    Samples are in samples/ beside the file. Where hypothesis is installed, the round-trip laws are tried on made-up
    messages too; elsewhere only samples, read and written back. The last column says which was done.
    """
    from gateway.cli.mapping_files import files_of  # noqa: PLC0415
    from gateway.cli.mapping_tests import tested  # noqa: PLC0415

    results = [tested(file, tables) for file, tables in files_of(paths or (), config)]
    if as_json:
        print_json(results)
    else:
        columns = ("映射 name", "样例 samples", "结果 result", "范围 scope")
        table(columns, [(r["mapping"], str(r["samples"]), r["said"] or "✓", r["scope"]) for r in results])
    if any(not result["ok"] for result in results):
        raise typer.Exit(Exit.PROBLEM)


@app.command()
def convert(
    file: FileArgument,
    by: WithOption,
    to: Annotated[
        str, typer.Option(metavar="canonical|partner", help="转换成什么 / what to make")
    ] = "canonical",
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="写入的文件，默认标准输出 / file to write; else standard output"),
    ] = None,
    refused: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="拒绝清单，.csv 或 .jsonl，值已脱敏 / report of what was refused, without personal values",
        ),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial",
            help="有拒绝时仍写出其余记录，仅供查看 / write the rest all the same, to be looked at",
        ),
    ] = False,
    given: SetOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """按映射转换文件。 / Convert a file by a mapping.

    记录文件（delimited、fixed）逐行处理，大小不限，内存不变；标准侧为 JSON 行：首行 {"head":…}，每行一条记录，末行
    {"tail":…,"rows":n}。其他格式为单个报文，标准侧为 JSON。

    Record files are converted row by row, of any size, in constant memory; their canonical side is JSON lines:
    {"head":…}, one row a line, {"tail":…,"rows":n}. Other formats are one message, and one JSON document.

    有拒绝时退出码 1，且不写出结果文件（除非 --partial）。绝不在最终文件名下留下半个文件。

    Exits 1 if anything was refused, and then writes no result, unless --partial. Never leaves half a file under the
    final name.
    """
    from gateway.cli.converting import Conversion, converted  # noqa: PLC0415
    from gateway.cli.mapping_files import supplied, the_mapping  # noqa: PLC0415

    if to not in ("canonical", "partner"):
        raise typer.BadParameter("canonical, partner", param_hint="--to")
    if partial and to != "canonical":
        raise typer.BadParameter("只用于 --to canonical / with --to canonical only", param_hint="--partial")
    if refused is not None and refused.suffix not in (".csv", ".jsonl"):
        raise typer.BadParameter(".csv, .jsonl", param_hint="--refused")
    if refused is not None and refused.resolve() in (file.resolve(), out and out.resolve()):
        raise typer.BadParameter("应为另一个文件 / must be another file", param_hint="--refused")
    mapping = the_mapping(by, config, "--with")
    if mapping.direction == ("encode" if to == "canonical" else "decode"):
        zh, en = "此映射没有这个方向", f"this mapping has direction: {mapping.direction} only"
        raise typer.BadParameter(f"{zh} / {en}", param_hint="--to")
    job = Conversion(mapping, file, to, out, refused, partial, supplied(given or (), mapping))
    try:
        refused_any = converted(job)
    except OSError as error:
        what = f"{error.filename or out or 'stdout'}: {error.strerror}"
        raise fail(Exit.UNAVAILABLE, f"无法读写 {what}", f"cannot read or write {what}") from None
    if refused_any:
        raise typer.Exit(Exit.PROBLEM)


@app.command()
def preview(
    file: FileArgument,
    by: WithOption,
    given: SetOption = None,
    unmask: Annotated[
        bool,
        typer.Option(
            "--unmask", help="显示个人信息；磁盘上的文件不入审计 / show personal data; files are not audited"
        ),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="最多行数 / at most so many lines")] = 1000,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """对照预览：左为对方报文，右为标准字段。 / Both sides of a message, aligned.

    每个位置一行：位置、名称、对方文本 → 标准字段、标准值；错误就列在所在位置。个人信息默认脱敏。文件本就在您手中，
    故 --unmask 只是开关，不入审计；查看网关保存的报文请用 gateway message show。

    One line a place: place, name, partner's text → canonical field and value, faults where they are. Personal values are
    masked. The file is yours already, so --unmask is a mere switch; for messages the gateway keeps use gateway message
    show.
    """
    from gateway.cli.mapping_files import supplied, the_mapping  # noqa: PLC0415
    from gateway.cli.previewing import previewed, shown  # noqa: PLC0415

    mapping = the_mapping(by, config, "--with")
    rows = previewed(mapping, file, supplied(given or (), mapping), hidden=not unmask)
    faults = sum(len(row["faults"]) for row in rows)
    if as_json:
        print_json(rows)
    else:
        table(("位置 place", "名称", "对方 partner", "→ 标准字段 field", "标准值 value"), shown(rows[:limit]))
        if len(rows) > limit:
            say(f"另有 {len(rows) - limit} 行未显示", f"{len(rows) - limit} more lines")
        say(f"{faults} 处错误", f"{faults} faults")
    if faults:
        raise typer.Exit(Exit.PROBLEM)


@app.command()
def compare(
    old: Annotated[str, typer.Argument(metavar="OLD", help="name、name@version 或文件 / or a file")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="同上 / likewise")],
    on: Annotated[
        str,
        typer.Option(
            metavar="recent[=N]|DIR|FILE",
            help="用什么比较：最近保存的报文，或样例文件 / stored messages, or sample files",
        ),
    ],
    reason: Annotated[
        str,
        typer.Option(
            help="读取保存的报文的原因，写入审计日志 / why stored messages are read; audited", metavar="…"
        ),
    ] = "",
    given: SetOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """比较两个版本：同样的报文会有什么不同。 / Compare two versions on the same messages.

    列出：相同、不同（字段、旧值、新值，已脱敏）、新被拒绝、新被接受。有任何差别退出码 1。

    Same, different (field, old, new; masked), newly refused, newly accepted. Exits 1 where anything differs.

    --on recent 读取网关保存的原文，须 --reason；先写审计，再读取。

    --on recent reads what the gateway keeps and needs --reason; the audit entry is committed first.
    """
    from gateway.cli.comparing import compared, of_files, of_store  # noqa: PLC0415
    from gateway.cli.mapping_files import supplied, the_mapping  # noqa: PLC0415

    before, after = the_mapping(old, config, "OLD"), the_mapping(new, config, "NEW")
    if before.canonical_type != after.canonical_type:
        raise fail(Exit.USAGE, "标准报文类型不同，无法比较", "they are about different canonical messages")
    count = _recent(on)
    if count is None:
        traffic = of_files(before, after, Path(on), supplied(given or (), before, after))
    else:
        traffic = of_store(before, after, config, count, checked_reason(reason))
    result = compared(before, after, traffic)
    if as_json:
        print_json(result.facts())
    else:
        table(
            ("报文 message", "结果 result", "字段 field", "旧 old", "新 new"),
            [(d.message, d.kind_text, d.field, d.old, d.new) for d in result.differences],
        )
        say(*result.summary())
    if result.differences:
        raise typer.Exit(Exit.PROBLEM)


def _recent(on: str) -> int | None:
    """How many stored messages are meant; None where files are."""
    word, _, number = on.partition("=")
    if word != "recent":
        if not Path(on).exists():
            raise typer.BadParameter(
                "recent[=N]、已有的目录或文件 / an existing folder or file", param_hint="--on"
            )
        return None
    if number and not (number.isascii() and number.isdigit() and 0 < int(number) <= 1000):
        raise typer.BadParameter("recent=1 … recent=1000", param_hint="--on")
    return int(number or 100)


def _facts(version: Any, day: Any) -> dict[str, Any]:
    definition = version.definition
    return {
        "mapping": version.label,
        "zh": definition.title_zh,
        "en": definition.title_en,
        "canonical": definition.canonical,
        "codec": definition.codec.kind,
        "direction": definition.direction,
        "from": version.begins,
        "until": version.ends,
        "in_use": version.holds(day),
        "file": str(definition.file),
    }


def _row(facts: dict[str, Any]) -> tuple[str, ...]:
    dates = f"{facts['from'] or '…'} ～ {facts['until'] or '…'}" if facts["from"] or facts["until"] else ""
    idle = "" if facts["in_use"] else "（未在用 not in use）"
    title = f"{facts['zh']} {facts['en']}"
    return facts["mapping"], title, facts["canonical"], facts["codec"], facts["direction"], f"{dates}{idle}"
