"""The configuration as it stands in its files: what the console read at its start, shown without anything secret.

What `${file:…}` and `${env:…}` lead to is never shown, because it is not read here: values come from the files as written, and a
value is shown only where the settings' declaration says that it is no secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from gateway.engine.config import Configuration
from gateway.engine.config_problem import path_of
from gateway.engine.config_seen import Seen
from gateway.engine.config_yaml import Value, read

#: Names of settings that hold secrets, whatever their declaration says.
_SECRET: Final = frozenset({"token", "password", "secret", "passphrase", "licence", "private_key", "api_key"})
_NAMED: Final = 5

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One line: where it stands and what stands there, in both languages."""

    path: str
    zh: str
    en: str
    hidden: bool = False  #: something else than the value is shown


class Written:
    """The files of one configuration, as they were when this was made."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._files = Seen(configuration).files
        self._partners = dict(_partner_files(configuration))

    def changed(self) -> list[str]:
        """Names of the files that are not any more what they were; the first few."""
        now = Seen(self._configuration).files
        names = sorted(
            name for name in now.keys() | self._files.keys() if now.get(name) != self._files.get(name)
        )
        return [*names[:_NAMED], "…"] if len(names) > _NAMED else names

    def partner(self, name: str) -> list[Setting]:
        """What a partner's file says beyond what every partner has; nothing secret."""
        file = self._partners.get(name, {})
        partner = self._configuration.partners[name]
        own = _lines(file.get("settings"), ("settings",), partner.settings)
        delivery = _lines(file.get("delivery"), ("delivery",), None)
        return [*own, *delivery]


def _partner_files(configuration: Configuration) -> Iterator[tuple[str, dict[str, Value]]]:
    for file in sorted((configuration.folder / "partners").glob("*.yaml")):
        value = read(file, file.name).value
        if isinstance(value, dict) and isinstance(name := value.get("name"), str):
            yield name, value


def _lines(value: Value, place: Place, typed: Any) -> Iterator[Setting]:
    """`typed` is what the settings made of it; None where there is nothing to compare with."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lines(item, (*place, key), _inside(typed, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _lines(item, (*place, index), _inside(typed, index))
    elif value is not None:
        yield _line(value, place, typed)


def _inside(typed: Any, key: str | int) -> Any:
    if isinstance(typed, BaseModel):
        fields = type(typed).model_fields
        for name, declared in fields.items():
            if key in {name, declared.alias}:
                return getattr(typed, name)
        return None
    if isinstance(typed, Mapping):
        return typed.get(key)
    if isinstance(typed, Sequence) and not isinstance(typed, str) and isinstance(key, int):
        return typed[key] if key < len(typed) else None
    return None


def _line(text: str, place: Place, typed: Any) -> Setting:
    path = path_of(place)
    if "${" in text:
        return Setting(path, *_origin(text), hidden=True)
    if isinstance(typed, SecretStr) or _is_secret(place):
        return Setting(path, "已设置，不显示", "set, not shown", hidden=True)
    shown = _without_account(text)
    return Setting(path, shown, shown)


def _is_secret(place: Place) -> bool:
    """The name of the value, or of the list it stands in."""
    name = next((str(key) for key in reversed(place) if isinstance(key, str)), "")
    return name in _SECRET or any(name.endswith(f"_{secret}") for secret in _SECRET)


def _origin(text: str) -> tuple[str, str]:
    """Where a reference leads, without what is there; nothing else of the text either."""
    reference = text[text.index("${") + 2 :].partition("}")[0]
    kind, _, name = reference.partition(":")
    if kind == "env":
        return f"取自环境变量 {name}，不显示", f"from the environment variable {name}, not shown"
    return f"取自文件 {name}，不显示", f"from the file {name}, not shown"


def _without_account(text: str) -> str:
    """An address without the account that may stand in it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    if "@" not in parts.netloc:
        return text
    return parts._replace(netloc="…@" + parts.netloc.rpartition("@")[2]).geturl()
