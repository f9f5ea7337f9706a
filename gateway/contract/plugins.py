"""Finding adapters: entry points of the group `gateway.adapters`, in-tree and third-party alike.

The manifest is read before anything of an adapter is imported, so that one written for another version of
the contract is refused with a sentence instead of a traceback; and only adapters that a partner uses are
imported at all.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gateway.contract.adapter import Adapter
from gateway.contract.errors import ConfigError
from gateway.contract.manifest import CONTRACT_VERSION, Manifest

GROUP = "gateway.adapters"


def available() -> dict[str, EntryPoint]:
    """Every installed adapter by name, none of them imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def folder_of(point: EntryPoint) -> Path:
    """Where the adapter's package lies on disk.

    Raises:
        ConfigError: the package an entry point names is not installed.
    """
    try:
        spec = find_spec(point.module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"适配器 {point.name} 指向的包 {point.module} 不存在，请重新安装",
            f"adapter {point.name} names package {point.module}, which is not there: install it again",
        )
    return Path(spec.submodule_search_locations[0])


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks `manifest.yaml` in an adapter's folder.

    Raises:
        ConfigError: with the file and the path inside it.
    """
    file = folder / "manifest.yaml"
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        manifest = Manifest.model_validate(content)
    except FileNotFoundError as error:
        raise ConfigError(f"缺少 {file}", f"{file} is missing", file=str(file)) from error
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(
            f"{file} 有误：{error}", f"{file} is not a manifest: {error}", file=str(file)
        ) from error
    _check(manifest, file)
    return manifest


def _check(manifest: Manifest, file: Path) -> None:
    if manifest.contract != CONTRACT_VERSION:
        raise ConfigError(
            f"适配器 {manifest.name} 按接口版本 {manifest.contract} 编写，本网关为 {CONTRACT_VERSION}：请安装匹配的版本",
            f"adapter {manifest.name} was written for contract {manifest.contract}, this gateway has "
            f"{CONTRACT_VERSION}: install a matching version",
            file=str(file),
            path="contract",
        )
    for operation in manifest.operations:
        for key, zh, en in operation.unsafe():
            raise ConfigError(zh, en, file=str(file), path=f"operations.{operation.name}.{key}")


def load(name: str) -> Adapter[Any]:
    """Imports one adapter, after its manifest has been accepted.

    Raises:
        ConfigError: not installed, or not an adapter for this gateway.
    """
    points = available()
    if name not in points:
        known = "、".join(sorted(points))
        raise ConfigError(
            f"没有名为 {name} 的适配器；已安装：{known}", f"no adapter {name!r}; installed: {known}"
        )
    manifest = read_manifest(folder_of(points[name]))
    adapter = points[name].load()
    if not isinstance(adapter, Adapter) or manifest.name != name or adapter.manifest != manifest:
        raise ConfigError(
            f"{points[name].value} 不是名为 {name} 的适配器",
            f"{points[name].value} is not the adapter {name!r} that its manifest describes",
        )
    return adapter
