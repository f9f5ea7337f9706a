"""Checks a piece of a document against a settings model, and says in words what the model expected."""

from __future__ import annotations

import difflib
import os.path
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.engine.config_problem import Place, Problem, path_of
from gateway.engine.config_yaml import Document, Value

M = TypeVar("M", bound=BaseModel)

#: pydantic's error type → what was expected. `{…}` are filled from the error's context.
_EXPECTED: dict[str, tuple[str, str]] = {
    "missing": ("必填", "required"),
    "int_parsing": ("整数", "a whole number"),
    "int_type": ("整数", "a whole number"),
    "int_from_float": ("整数", "a whole number"),
    "int_parsing_size": ("整数", "a whole number"),
    "float_parsing": ("数字", "a number"),
    "float_type": ("数字", "a number"),
    "bool_parsing": ("true 或 false", "true or false"),
    "bool_type": ("true 或 false", "true or false"),
    "string_type": ("文本", "text"),
    "string_too_short": ("至少 {min_length} 个字符", "at least {min_length} characters"),
    "string_too_long": ("至多 {max_length} 个字符", "at most {max_length} characters"),
    "string_pattern_mismatch": ("符合 {pattern}", "text matching {pattern}"),
    "literal_error": ("{expected} 之一", "one of {expected}"),
    "enum": ("{expected} 之一", "one of {expected}"),
    "greater_than": ("大于 {gt}", "more than {gt}"),
    "greater_than_equal": ("不小于 {ge}", "at least {ge}"),
    "less_than": ("小于 {lt}", "less than {lt}"),
    "less_than_equal": ("不大于 {le}", "at most {le}"),
    "too_short": ("至少 {min_length} 项", "at least {min_length} items"),
    "too_long": ("至多 {max_length} 项", "at most {max_length} items"),
    "list_type": ("列表", "a list"),
    "tuple_type": ("列表", "a list"),
    "set_type": ("列表", "a list"),
    "dict_type": ("键值映射", "a mapping"),
    "model_type": ("键值映射", "a mapping"),
    "model_attributes_type": ("键值映射", "a mapping"),
    "path_type": ("文件路径", "a file path"),
    "union_tag_invalid": ("{expected_tags} 之一", "one of {expected_tags}"),
    "union_tag_not_found": ("必须注明 {discriminator}", "needs {discriminator}"),
}


def validate(
    model: type[M], document: Document, value: Value, place: Place = (), unfilled: Iterable[Place] = ()
) -> M | None:
    """The value as a settings object, or None where it has problems; they are added to the document.

    Args:
        model: what the value should be.
        document: where the value stands.
        value: text, lists and mappings of text.
        place: where in the document.
        unfilled: places whose text is not there; they have been reported before.
    """
    try:
        return model.model_validate({} if value is None else value)
    except ValidationError as error:
        known = [path_of(p) for p in unfilled]
        for detail in error.errors(include_url=False, include_input=False):
            problem = _problem(model, document, place, detail)
            if problem.path not in known:
                document.problems.append(problem)
        return None


def _problem(model: type[BaseModel], document: Document, base: Place, detail: ErrorDetails) -> Problem:
    if detail["type"] == "extra_forbidden":
        return _unknown_key(model, document, base, detail)
    place = _place(document, base, detail)
    zh, en = _words(detail)
    if detail["type"] == "missing":
        said = (f"缺少 {place[-1]}", f"{place[-1]} is missing")
    else:
        said = (f"应为：{zh}", f"expected {en}")
    return Problem(document.file, document.line(place), path_of(place), _both(zh, en), *said)


def _place(document: Document, base: Place, detail: ErrorDetails) -> Place:
    """Where the error stands. pydantic puts names of union members between the steps; the file has none."""
    place = base
    *inner, last = detail["loc"] or ("",)
    for step in inner:
        if (*place, step) in document.lines:
            place = (*place, step)
    missing = detail["type"] == "missing"
    return (*place, last) if missing or (*place, last) in document.lines else place


def _words(detail: ErrorDetails) -> tuple[str, str]:
    context: Mapping[str, Any] = detail.get("ctx", {})
    known = _EXPECTED.get(detail["type"])
    if known is not None:
        return known[0].format_map(context), known[1].format_map(context)
    raised = context.get("error")
    if detail["type"] == "value_error" and raised is not None:
        # Our adapters write their rules as "中文 / English".
        zh, _, en = str(raised).removeprefix("expected ").partition(" / ")
        return zh, en or zh
    return detail["msg"], detail["msg"]


def _both(zh: str, en: str) -> str:
    return zh if zh == en else f"{zh} / {en}"


def _unknown_key(model: type[BaseModel], document: Document, base: Place, detail: ErrorDetails) -> Problem:
    place = _place(document, base, detail)
    key = str(place[-1])
    known = sorted(_keys(model, detail["loc"][:-1]))
    near = suggestion(key, known)
    return Problem(
        document.file,
        document.line(place),
        path_of(place),
        "、".join(known) or "无 / none",
        f"未知的键 {key}" + (f"，是否指 {near}？" if near else ""),
        f"unknown key {key!r}" + (f", did you mean {near!r}?" if near else ""),
    )


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    near = difflib.get_close_matches(word, list(known), 1, 0.6)
    return near[0] if near else None


def _keys(model: type[BaseModel], location: Iterable[str | int]) -> set[str]:
    """The keys that a model takes at a location inside it; empty where that cannot be told."""
    current: list[Any] = [model]
    for step in location:
        current = [inner for part in current for inner in _inside(part, step)] or current
    return {name for part in current if _is_model(part) for name in _fields(part)}


def _inside(annotation: Any, step: str | int) -> list[Any]:
    """What an annotation allows one step further in."""
    if _is_model(annotation):
        field = _fields(annotation).get(str(step))
        if field is not None:
            return _parts(field.annotation)
        # Behind a field of several kinds, pydantic names the kind.
        kinds = (
            get_args(f.annotation)
            for f in _fields(annotation).values()
            if get_origin(f.annotation) is Literal
        )
        return [annotation] if any(step in names for names in kinds) else []
    return []


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _parts(annotation: Any) -> list[Any]:
    """The models an annotation may mean, through optionals, unions, lists and mappings."""
    if _is_model(annotation):
        return [annotation]
    if get_origin(annotation) is not None or isinstance(annotation, (UnionType, type(Union[int, str]))):  # noqa: UP007
        return [part for argument in get_args(annotation) for part in _parts(argument)]
    return []


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def anchored(settings: M, folder: Path) -> M:
    """The same settings with every relative `Path` in them starting from `folder`."""
    changes: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        moved = _anchor(value, folder)
        if moved is not value:
            changes[name] = moved
    return settings.model_copy(update=changes) if changes else settings


def _anchor(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        # Normalised by name only: resolving links here would defeat whoever rotates a file by its link.
        return value if value.is_absolute() else Path(os.path.normpath(folder / value))
    if isinstance(value, BaseModel):
        return anchored(value, folder)
    if isinstance(value, tuple):
        moved = tuple(_anchor(item, folder) for item in value)
        return value if all(a is b for a, b in zip(moved, value, strict=True)) else moved
    if isinstance(value, dict):
        placed = {key: _anchor(item, folder) for key, item in value.items()}
        return value if all(placed[key] is item for key, item in value.items()) else placed
    return value
