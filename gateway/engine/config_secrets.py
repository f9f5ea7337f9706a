"""`${env:NAME}` and `${file:path}`: how secrets come into a configuration without standing in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from gateway.engine.config_problem import Place
from gateway.engine.config_yaml import Document, Value

_REFERENCE = re.compile(r"\$\{([^}:]*):?([^}]*)\}")
_LARGEST = 64 << 10
_EXPECTED = "${env:NAME} / ${file:path}"


class _Missing(Exception):
    """A reference leads nowhere; `zh` and `en` say why. Never carries what was read."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


def fill(document: Document, folder: Path, environment: Mapping[str, str]) -> set[Place]:
    """Replaces every reference in the document by what it points to.

    Args:
        document: changed in place; references that lead nowhere become its problems.
        folder: what relative file names start from.
        environment: the process environment.

    Returns:
        The places that could not be filled: what stands there means nothing to later checks.
    """
    unfilled: set[Place] = set()

    def walk(value: Value, place: Place) -> Value:
        if isinstance(value, dict):
            return {key: walk(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*place, index)) for index, item in enumerate(value)]
        if value is None or "${" not in value:
            return value
        try:
            return _REFERENCE.sub(lambda match: _look_up(match[1], match[2], folder, environment), value)
        except _Missing as missing:
            document.add(place, _EXPECTED, missing.zh, missing.en)
            unfilled.add(place)
            return value

    document.value = walk(document.value, ())
    return unfilled


def _look_up(kind: str, name: str, folder: Path, environment: Mapping[str, str]) -> str:
    if kind == "env":
        return _from_environment(name, environment)
    if kind == "file":
        return _from_file(name, folder)
    raise _Missing("引用应写作 ${env:名称} 或 ${file:路径}", "a reference is ${env:NAME} or ${file:path}")


def _from_environment(name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "")
    if not value:
        raise _Missing(f"环境变量 {name} 未设置或为空", f"environment variable {name} is not set or empty")
    return value


def _from_file(name: str, folder: Path) -> str:
    file = folder / name
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        text = content.decode().strip("\r\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise _Missing(f"无法读取密钥文件 {name}：{reason}", f"secret file {name}: {reason}") from None
    if not text or len(content) > _LARGEST:
        raise _Missing(f"密钥文件 {name} 为空或超过 64 KiB", f"secret file {name} is empty or over 64 KiB")
    return text
