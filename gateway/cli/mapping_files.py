"""Which mappings a command line means: files, folders, or names of the catalogue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import typer

from gateway.cli.output import Exit, say
from mappings import DefinitionError, Mapping, Problem, lint, load, shipped
from mappings.catalogue import Catalogue, NoMapping, catalogue, china_day


def catalogue_of(config: Path, folders: Iterable[Path] = ()) -> Catalogue:
    """The mappings of some folders; else the shipped ones, with those of the configuration over them.

    Raises:
        gateway.engine.config.ConfigurationError: the configuration has errors.
    """
    chosen = tuple(folders)
    return catalogue(*(chosen or (*shipped_folders(), *own_folders(config))))


def shipped_folders() -> tuple[Path, ...]:
    return tuple(sorted({file.parent for file in shipped()}))


def own_folders(config: Path) -> tuple[Path, ...]:
    """The folders that the configuration names; none where there is no configuration."""
    if not (config / "gateway.yaml").exists():
        return ()
    from gateway.engine.config import load as configuration  # noqa: PLC0415  only where there is one

    return configuration(config).gateway.mappings


def today() -> dt.date:
    """In China."""
    return china_day(dt.datetime.now(dt.UTC))


def the_mapping(text: str, config: Path, option: str) -> Mapping:
    """The mapping in a file, or the one that `name` or `name@version` means today.

    Raises:
        typer.BadParameter: there is none.
        typer.Exit: its file has errors; they were said.
    """
    try:
        if text.endswith((".yaml", ".yml")):
            return load(text)
        return catalogue_of(config).find(text, today())
    except NoMapping as error:
        raise typer.BadParameter(f"{error.zh} / {error.en}", param_hint=option) from None
    except DefinitionError as error:
        tell(error.problems)
        raise typer.Exit(Exit.PROBLEM) from None


def problems_of(paths: Iterable[Path], config: Path) -> list[Problem]:
    """Everything that is wrong with files and folders; with all mappings in use where none are given."""
    given = tuple(paths)
    if not given:
        return catalogue_of(config).lint()
    folders = tuple(path for path in given if path.is_dir())
    found = [problem for path in given if not path.is_dir() for problem in lint(path)]
    return found + (Catalogue(folders).lint() if folders else [])


def files_of(paths: Iterable[Path], config: Path) -> list[Path]:
    """Mapping files: given, in given folders, or all in use."""
    given = tuple(paths)
    if not given:
        return [version.definition.file for version in catalogue_of(config)]
    return [file for path in given for file in (sorted(path.glob("*.yaml")) if path.is_dir() else (path,))]


def tell(problems: Iterable[Problem]) -> None:
    """Problems for people, one a line."""
    for problem in problems:
        mark = "提示 note: " if problem.level == "note" else ""
        hint = f" [{problem.suggestion}]" if problem.suggestion else ""
        place = f"{problem.file}:{problem.line} {problem.path}".rstrip()
        say(f"{mark}{place} {problem.zh}", f"{problem.en}{hint}")


def supplied(given: Iterable[str], option: str = "--set") -> dict[str, str]:
    """`name=value`, several times.

    Raises:
        typer.BadParameter: not of that form.
    """
    return dict(_pairs(given, option))


def _pairs(given: Iterable[str], option: str) -> Iterator[tuple[str, str]]:
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter("名称=值 / name=value", param_hint=option)
        yield name, value


def elsewhere_of(mapping: Mapping, given: dict[str, str], known: Any = None) -> dict[str, Any]:
    """The canonical fields that are not in the message itself, as decoding takes them.

    Args:
        given: from the command line, as text.
        known: a body that has them.

    Raises:
        typer.BadParameter: one is missing, or does not fit its field.
    """
    hints = get_type_hints(mapping.plan.struct, include_extras=True)
    values: dict[str, Any] = {}
    for name, target in mapping.plan.elsewhere.items():
        if name in given:
            try:
                values[name] = msgspec.convert(given[name], hints[name], strict=False)
            except msgspec.ValidationError as error:
                raise typer.BadParameter(f"{name}: {error}", param_hint="--set") from None
        elif known is not None:
            values[name] = getattr(known, name)
        elif target.required:
            raise typer.BadParameter(
                f"此字段不在报文内，请补充 {name}=… / not in the message itself: give {name}=…",
                param_hint="--set",
            )
    return values
