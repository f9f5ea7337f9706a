"""`codes`: list and show code tables, and what changed between two of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, print_json, say, table

if TYPE_CHECKING:
    from mappings.codes import Code, CodeTable

app = typer.Typer(help="代码表：列出、查看、比较。 / Code tables: list, show, compare.", no_args_is_help=True)

TableArgument = Annotated[
    str, typer.Argument(metavar="TABLE", help="表名或 .csv 文件 / name of a table, or a .csv file")
]
#: Title, canonical code, meaning and validity of a code may change; the code itself is what is compared.
_COMPARED = ("name_zh", "name_en", "canonical", "outcome", "valid_from", "valid_to")


@app.command("list")
def list_(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """列出代码表。 / List the code tables.

    来源分类：standard 国家标准，seen 见于在用系统，common 行业通识，sample 虚构。open 表示另有地方代码。

    The class says how sure a table is; open means that local codes beside it are to be expected.
    """
    from gateway.cli.mapping_files import catalogue_of  # noqa: PLC0415
    from mappings import codes  # noqa: PLC0415

    folders = catalogue_of(config).tables
    tables = [_found(name, folders) for name in codes.names(folders)]
    if as_json:
        print_json([_about(found) for found in tables])
        return
    columns = ("表 name", "标题 title", "代码数 codes", "来源 source", "分类 class", "开放 open")
    table(
        columns,
        [(t.name, t.title, str(len(t.codes)), t.source, t.kind, "是 yes" if t.open else "") for t in tables],
    )
    say(f"{len(tables)} 个", f"{len(tables)} found")


@app.command()
def show(
    name: TableArgument,
    on: Annotated[
        str | None,
        typer.Option(metavar="2026-01-01", help="只看该日有效的代码 / only codes valid on that day"),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """查看一个代码表。 / Show one code table."""
    found = _table(name, config)
    if on is not None:
        found = found.on(_day(on, "--on"))
    if as_json:
        print_json({**_about(found), "codes": [_facts(code) for code in found.codes]})
        return
    say(f"{found.name}  {found.title}  {found.source}")
    columns = ("代码 code", "标准值 canonical", "名称", "name", "生效 from", "失效 until", "含义 outcome")
    table(columns, [tuple(str(value or "") for value in _facts(code).values()) for code in found.codes])
    say(f"{len(found.codes)} 个代码", f"{len(found.codes)} codes")


@app.command()
def diff(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="TABLE、TABLE@日期或 .csv 文件 / TABLE@DATE or a file")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="同上 / likewise")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """比较两个代码表，或一个表的两个日期。 / Compare two tables, or one table on two days.

    列出新增、删除、名称、对应、有效期的变化，以及用到该表的映射。有变化退出码 1。

    Codes added and removed, changed titles, mapping and validity, and the mappings that use the table. Exits 1 where
    anything differs.

    例 / example:  gateway codes diff region@2023-12-31 region@2024-01-01
    """
    before, after = _dated(old, config), _dated(new, config)
    changes = _changes(before, after)
    users = _users({before.name, after.name}, config)
    if as_json:
        print_json({"changes": changes, "used_by": users})
    else:
        columns = ("代码 code", "变化 change", "旧 old", "新 new")
        table(columns, [tuple(str(c[k] or "") for k in ("code", "change", "old", "new")) for c in changes])
        say(f"{len(changes)} 处变化", f"{len(changes)} changes")
        say("用到的映射：" + ("、".join(users) or "无"), "used by: " + (", ".join(users) or "none"))
    if changes:
        raise typer.Exit(Exit.PROBLEM)


def _dated(text: str, config: Path) -> CodeTable:
    name, at, day = text.partition("@")
    found = _table(name, config)
    return found.on(_day(day, text)) if at else found


def _table(name: str, config: Path) -> CodeTable:
    from gateway.cli.mapping_files import catalogue_of  # noqa: PLC0415

    return _found(name, () if name.endswith(".csv") else catalogue_of(config).tables)


def _found(name: str, folders: tuple[Path, ...]) -> CodeTable:
    """
    Raises:
        typer.BadParameter: there is none, or its file is damaged.
    """
    from mappings import codes  # noqa: PLC0415

    try:
        return codes.read(Path(name)) if name.endswith(".csv") else codes.table(name, folders)
    except KeyError:
        raise typer.BadParameter(f"没有代码表 {name} / no code table {name!r}") from None
    except OSError as error:
        raise typer.BadParameter(f"无法读取 {name} / cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise typer.BadParameter(f"代码表 {name} 已损坏 / is damaged: {error}") from None


def _day(text: str, option: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("2026-01-01", param_hint=option) from None


def _changes(before: CodeTable, after: CodeTable) -> list[dict[str, Any]]:
    """Code by code; of a code that stands several times, row by row in order of time."""
    old, new = _by_code(before), _by_code(after)
    changes: list[dict[str, Any]] = []
    for code in sorted({*old, *new}):
        if code not in new or code not in old:
            change = "新增 added" if code in new else "删除 removed"
            here = (new.get(code) or old[code])[-1]
            titles = {"old": here.name_zh, "new": ""} if code in old else {"old": "", "new": here.name_zh}
            changes.append({"code": code, "change": change, **titles})
            continue
        for name in _COMPARED:
            first, second = ([getattr(row, name) for row in rows] for rows in (old[code], new[code]))
            if first != second:
                changes.append({"code": code, "change": name, "old": _listed(first), "new": _listed(second)})
    return changes


def _by_code(found: CodeTable) -> dict[str, list[Code]]:
    rows: dict[str, list[Code]] = {}
    for code in sorted(found.codes, key=lambda c: c.valid_from or dt.date.min):
        rows.setdefault(code.code, []).append(code)
    return rows


def _listed(values: list[Any]) -> str:
    return "、".join("" if value is None else str(value) for value in values)


def _users(names: set[str], config: Path) -> list[str]:
    """The mappings in use that read or write by one of these tables."""
    from gateway.cli.mapping_files import catalogue_of  # noqa: PLC0415
    from mappings.lenses import CodeLens  # noqa: PLC0415
    from mappings.lint import examine  # noqa: PLC0415
    from mappings.plan import leaves  # noqa: PLC0415

    found = catalogue_of(config)
    users = []
    for version in found:
        plan, _ = examine(version.definition.file, found.tables)
        lenses = [leaf.lens for leaf in leaves(plan.items)] if plan is not None else []
        if any(isinstance(lens, CodeLens) and lens.table.name in names for lens in lenses):
            users.append(version.label)
    return users


def _about(found: CodeTable) -> dict[str, Any]:
    return {
        "table": found.name,
        "title": found.title,
        "count": len(found.codes),
        "source": found.source,
        "class": found.kind,
        "version": found.version,
        "open": found.open,
        "file": str(found.file),
    }


def _facts(code: Code) -> dict[str, Any]:
    names = ("code", "canonical", "name_zh", "name_en", "valid_from", "valid_to", "outcome")
    return {name: getattr(code, name) for name in names}
