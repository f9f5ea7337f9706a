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
            if not Path(text).is_file():
                raise NoMapping(f"没有文件 {text}", f"there is no file {text}")
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


def files_of(paths: Iterable[Path], config: Path) -> list[tuple[Path, tuple[Path, ...] | None]]:
    """Mapping files: given, in given folders, or all in use; each with its folders of code tables, as `load` takes them."""
    given = tuple(paths)
    if not given:
        used = catalogue_of(config)
        return [(version.definition.file, used.tables) for version in used]
    tables = Catalogue(tuple(path for path in given if path.is_dir())).tables
    found = [(path, sorted(path.glob("*.yaml")) if path.is_dir() else [path]) for path in given]
    return [(file, tables if path.is_dir() else None) for path, files in found for file in files]


def tell(problems: Iterable[Problem]) -> None:
    """Problems for people, one a line."""
    for problem in problems:
        mark = "提示 note: " if problem.level == "note" else ""
        hint = f" [{problem.suggestion}]" if problem.suggestion else ""
        place = f"{problem.file}:{problem.line} {problem.path}".rstrip()
        say(f"{mark}{place} {problem.zh}", f"{problem.en}{hint}")


def supplied(given: Iterable[str], *mappings: Mapping) -> dict[str, str]:
    """`--set name=value`, several times.

    Args:
        mappings: which of them takes each name, as a field from elsewhere or of the envelope.

    Raises:
        typer.BadParameter: not of that form, or a name that none of them takes.
    """
    known = [name for mapping in mappings for name in (*mapping.elsewhere, *mapping.envelope)]
    return dict(_pairs(given, tuple(dict.fromkeys(known))))


def _pairs(given: Iterable[str], known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter("名称=值 / name=value", param_hint="--set")
        if name not in known:
            names = "、".join(known) or "无 / none"
            raise typer.BadParameter(
                f"没有可补充的字段“{name}”，可补充 / no field {name!r} to be supplied; there are: {names}",
                param_hint="--set",
            )
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
