"""Reads one partner file: the common part, then the adapter it names, then the adapter's own settings."""

from __future__ import annotations

import re
from typing import Any

from gateway.contract import Adapter, ConfigError, Settings, plugins
from gateway.engine.config_model import PartnerSettings
from gateway.engine.config_problem import Place
from gateway.engine.config_read import Draft, PartnerDraft
from gateway.engine.config_schema import anchored, suggestion, validate
from gateway.engine.config_yaml import Document, Value


def read_partner(draft: Draft, name: str) -> None:
    """`partners/<file>.yaml`."""
    document, unfilled = draft.open(name)
    if document.problems and document.value is None:
        draft.unreadable_partners = True
        return
    common, own = _split(document.value)
    adapter = _adapter(document, common)
    base = validate(PartnerSettings, document, common, (), unfilled)
    settings = None if adapter is None else validate(adapter.settings, document, own, ("settings",), unfilled)
    if base is None:
        draft.unreadable_partners = True
        return
    if settings is not None:
        settings = anchored(settings, draft.folder)
        _examine(document, adapter, settings)
    draft.partners.append(PartnerDraft(document, base, adapter, settings))


def _examine(document: Document, adapter: Adapter[Any] | None, settings: Settings) -> None:
    """What only the adapter can tell of its settings, and what the engine must know of their operations."""
    assert adapter is not None
    for problem in adapter.problems(settings):
        place = _place(problem.path)
        document.add(place, "可用的设置 / working settings", problem.zh, problem.en)
    if adapter.manifest.configured:
        for index, operation in enumerate(adapter.operations_of(settings)):
            for key, zh, en in operation.unsafe():
                document.add(("settings", "operations", index, key), "manual", zh, en)


def _place(path: str) -> Place:
    """`operations[0].request` as a place below the settings."""
    steps = re.findall(r"[^.\[\]]+", path)
    return ("settings", *(int(step) if step.isdigit() else step for step in steps))


def _split(value: Value) -> tuple[Value, Value]:
    """The common part and the adapter's part."""
    if not isinstance(value, dict):
        return value, None
    return {key: item for key, item in value.items() if key != "settings"}, value.get("settings")


def _adapter(document: Document, common: Value) -> Adapter[Any] | None:
    name = common.get("adapter") if isinstance(common, dict) else None
    if not isinstance(name, str):
        return None
    place: Place = ("adapter",)
    installed = sorted(plugins.available())
    if name not in installed:
        near = suggestion(name, installed)
        document.add(
            place,
            "、".join(installed),
            f"没有名为 {name} 的适配器" + (f"，是否指 {near}？" if near else ""),
            f"no adapter {name!r} is installed" + (f", did you mean {near!r}?" if near else ""),
        )
        return None
    try:
        return plugins.load(name)
    except ConfigError as error:
        document.add(place, "可用的适配器 / a working adapter", error.zh, error.en)
    except Exception as error:  # an adapter is foreign code: whatever its import raises is its problem
        reason = f"{type(error).__name__}: {error}"
        document.add(
            place,
            "可用的适配器 / a working adapter",
            f"适配器 {name} 无法载入：{reason}",
            f"adapter {name} cannot be loaded: {reason}",
        )
    return None
