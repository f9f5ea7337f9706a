"""What the configuration files of the books have in common."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from gateway.engine.config_problem import Place
from gateway.engine.config_read import Draft
from gateway.engine.config_schema import suggestion, validate
from gateway.engine.config_yaml import Document

M = TypeVar("M", bound=BaseModel)


def read_book(draft: Draft, name: str, model: type[M]) -> M | None:
    """One file of the folder; None where it is not there, or cannot be read."""
    if not (draft.folder / name).exists():
        return None
    document, unfilled = draft.open(name)
    if document.problems and document.value is None:
        return None
    return validate(model, document, document.value, unfilled=unfilled)


def once(document: Document, key: str, names: list[str]) -> None:
    """Every name of the list under `key` stands there once."""
    for index, name in enumerate(names):
        if name in names[:index]:
            zh, en = f"名称 {name} 已用过", f"the name {name!r} is taken"
            document.add((key, index, "name"), "唯一的名称 / a name of its own", zh, en)


def known_partner(draft: Draft, document: Document, place: Place, name: str) -> bool:
    """Whether there is such a partner; otherwise that is a problem."""
    known = {p.base.name: p for p in draft.partners}
    if name in known and known[name].base.enabled:
        return True
    near = suggestion(name, known)
    zh = f"没有名为 {name} 的伙伴，或已停用" + (f"，是否指 {near}？" if near else "")
    en = f"no partner {name!r}, or it is disabled" + (f", did you mean {near!r}?" if near else "")
    document.add(place, "、".join(sorted(known)) or "无 / none", zh, en)
    return False
