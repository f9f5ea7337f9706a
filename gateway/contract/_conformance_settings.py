"""The conformance kit's rules for settings: documentation, forms and secrecy all come from the declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.contract.settings import Settings

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_ENGLISH = re.compile(r"[A-Za-z]{2}")
#: A text whose name says so is a secret; a length or a lifetime of one is not a text.
_SECRET = re.compile(r"(^|_)(token|password|passwd|passphrase|secret|private_key|api_?key|pin)$")


def has_chinese(text: str) -> bool:
    """True if there is a Chinese character in it."""
    return _CHINESE.search(text) is not None


def problems(settings: Any) -> list[str]:
    """What is wrong with the declaration of a settings class, nested blocks included."""
    if not (isinstance(settings, type) and issubclass(settings, Settings)):
        return ["settings must be a class derived from gateway.contract.Settings"]
    found = list(_block("settings", settings, set()))
    try:
        settings.model_json_schema()
    except Exception as error:  # whatever pydantic cannot express, the forms cannot show
        found.append(f"settings have no JSON Schema: {error}")
    return found


def _block(path: str, block: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    if block in seen:
        return
    seen.add(block)
    if block.model_config.get("extra") != "forbid" or not block.model_config.get("frozen"):
        yield f"{path}: {block.__name__} must be frozen and refuse unknown keys: derive it from Settings"
    for name, field in block.model_fields.items():
        yield from _field(f"{path}.{name}", name, field)
        for inner in _models(field.annotation):
            yield from _block(f"{path}.{name}", inner, seen)


def _field(path: str, name: str, field: FieldInfo) -> Iterator[str]:
    description = field.description or ""
    if not has_chinese(description) or _ENGLISH.search(description) is None:
        yield f"{path}: needs a description in Chinese and English"
    types = set(_leaves(field.annotation))
    if _SECRET.search(name) and str in types and SecretStr not in types:
        yield f"{path}: holds a secret, so its type must be Secret"
    if SecretStr in types and isinstance(field.default, str | SecretStr):
        yield f"{path}: a secret must not have a default"
    checked: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
    if not field.is_required() and field.default is not PydanticUndefined:
        yield from _validates(f"{path}: default", checked, field.default)
    for example in field.examples or ():
        yield from _validates(f"{path}: example {example!r}", checked, example)


def _validates(what: str, checked: TypeAdapter[Any], value: Any) -> Iterator[str]:
    try:
        checked.validate_python(value)
    except ValidationError as error:
        yield f"{what} is refused: {error.errors(include_input=False)[0]['msg']}"


def _leaves(annotation: Any) -> Iterator[Any]:
    """The plain types within an annotation such as `tuple[Secret, ...] | None`."""
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from _leaves(argument)


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [t for t in _leaves(annotation) if isinstance(t, type) and issubclass(t, BaseModel)]
