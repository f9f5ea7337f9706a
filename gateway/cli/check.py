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
    """The shipped mappings, those of the configuration, and what else lies in its `mappings` or is named by a partner."""
    from gateway.cli.mapping_files import shipped_folders  # noqa: PLC0415
    from mappings import lint  # noqa: PLC0415
    from mappings.catalogue import Catalogue  # noqa: PLC0415

    folders, named = _own(folder)
    catalogue = Catalogue((*shipped_folders(), *folders))
    found = catalogue.lint()
    for file in sorted({*named, *(folder / "mappings").glob("**/*.yaml")} - set(catalogue.files)):
        found += lint(file, (file.parent / "codes", *catalogue.tables))
    for problem in found:
        if problem.level == "error":  # a note keeps no mapping from loading
            yield _facts(problem, problem.file)


def _own(folder: Path) -> tuple[tuple[Path, ...], list[Path]]:
    """The folders of mappings, and the mapping files of single partners, that a configuration names."""
    from gateway.engine.config import ConfigurationError, load  # noqa: PLC0415

    try:
        configuration = load(folder)
    except ConfigurationError:  # what is wrong with it was said
        return (), []
    files: list[Path] = []
    for partner in configuration.partners.values():
        # By convention an adapter's setting `mappings` names the partner's own mapping files.
        named = getattr(partner.settings, "mappings", ())
        listed = named.values() if isinstance(named, dict) else named
        files += [file for file in listed if isinstance(file, Path)]
    return configuration.gateway.mappings, files


def _facts(problem: Any, file: str, level: str = "error") -> dict[str, Any]:
    """Problems of the configuration and of mappings are of two classes, since neither knows the other."""
    expected = getattr(problem, "expected", "") or getattr(problem, "suggestion", "")
    facts = {name: getattr(problem, name) for name in ("line", "path", "zh", "en")}
    return {"level": level, "file": file, **facts, "expected": expected}
