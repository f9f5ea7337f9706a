"""`check`: everything that is wrong with a configuration and with the mappings, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, print_json, say


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(check)


def check(
    config: ConfigOption = DEFAULT_CONFIG,
    mappings: Annotated[bool, typer.Option(help="同时检查映射文件 / also check the mapping files")] = True,
    as_json: JsonOption = False,
) -> None:
    """检查配置与映射。 / Check configuration and mappings.

    列出每个问题的文件、行号、位置和应填内容。不启动网关，不联系任何伙伴。

    Lists every problem with file, line, path and what was expected. Starts nothing, contacts nobody.

    每行 / each line:  文件:行 位置 说明 / explanation [应为 expected]

    “提示”不算错误，不影响退出码。 / A “note” is no error and leaves the exit code alone.
    """
    found = list(_configuration(config))
    if mappings:
        found += _mappings(config)
    if as_json:
        print_json(found)
    for problem in found if not as_json else ():
        place = f"{problem['file']}:{problem['line']} {problem['path']}".rstrip()
        mark = "提示 note: " if problem["level"] == "note" else ""
        say(f"{mark}{place} {problem['zh']}", f"{problem['en']} [{problem['expected']}]")
    if any(problem["level"] == "error" for problem in found):
        raise typer.Exit(Exit.PROBLEM)
    if not as_json:
        say(f"{config}：没有问题", f"{config}: no problems")


def _configuration(folder: Path) -> Iterator[dict[str, Any]]:
    from gateway.engine.config import lint, notes  # noqa: PLC0415  imports the adapters in use

    for problem in lint(folder):
        yield _facts(problem, str(folder / problem.file))
    for note in notes(folder):
        yield _facts(note, str(folder / note.file), "note")


def _mappings(folder: Path) -> Iterator[dict[str, Any]]:
    """The shipped mappings and those of the configuration folder."""
    from mappings import lint, shipped  # noqa: PLC0415

    own = sorted((folder / "mappings").glob("**/*.yaml"))
    for file in (*shipped(), *own):
        for problem in lint(file):
            if problem.level == "error":  # a note keeps no mapping from loading
                yield _facts(problem, str(file))


def _facts(problem: Any, file: str, level: str = "error") -> dict[str, Any]:
    """Problems of the configuration and of mappings are of two classes, since neither knows the other."""
    expected = getattr(problem, "expected", "") or getattr(problem, "suggestion", "")
    facts = {name: getattr(problem, name) for name in ("line", "path", "zh", "en")}
    return {"level": level, "file": file, **facts, "expected": expected}
