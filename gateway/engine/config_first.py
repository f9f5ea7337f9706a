"""Rules for the `first` of a route: the question can be asked, made of the message, answered and judged."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from gateway.canonical import BODIES
from gateway.contract import Operation
from gateway.engine.config_model import FirstSettings
from gateway.engine.config_problem import Place
from gateway.engine.config_read import Draft, RouteDraft
from gateway.engine.config_schema import suggestion
from gateway.engine.config_yaml import Document


def examine(draft: Draft, document: Document, entry: RouteDraft) -> None:
    """Adds what is wrong with the question of a route, if it has one."""
    first = entry.base.first
    if first is None:
        return
    _Question(draft, document, (entry.index, "first"), first).examine(entry.route.message_type)


class _Question:
    def __init__(self, draft: Draft, document: Document, place: Place, first: FirstSettings) -> None:
        self._draft = draft
        self._document = document
        self._place = place
        self._first = first

    def examine(self, message_types: str) -> None:
        if self._first.ask not in BODIES:
            self._unknown("ask", self._first.ask, BODIES, "报文类型", "message type")
            return
        operation = self._operation()
        if operation is not None:
            self._answer(operation)
        self._fields(message_types)
        both = sorted(set(self._first.proceed) & set(self._first.refuse))
        if both:
            zh, en = f"{both[0]} 既放行又拒绝", f"{both[0]!r} is told to go on and to be refused"
            self._add(("refuse", both[0]), "不同的答复 / different answers", zh, en)

    def _operation(self) -> Operation | None:
        """The operation by which the partner is asked."""
        partners = {p.base.name: p for p in self._draft.partners if p.base.enabled}
        partner = partners.get(self._first.of)
        if partner is None:
            if not self._draft.unreadable_partners:
                self._unknown("of", self._first.of, partners, "启用的伙伴", "enabled partner")
            return None
        asked = [o for o in partner.operations or () if o.direction == "out" and o.reply is not None]
        found = next((o for o in asked if o.request == self._first.ask), None)
        if found is None and partner.operations is not None:
            zh = f"伙伴 {self._first.of} 不能回答 {self._first.ask}"
            en = f"partner {self._first.of!r} cannot answer {self._first.ask}"
            self._add(("of",), "、".join(o.request for o in asked) or "无 / none", zh, en)
        elif found is not None and found.on_unknown != "resend":
            zh = f"操作 {found.name} 不可重复，不能用作前置核验"
            en = f"operation {found.name} may not be repeated, so it cannot be asked first"
            self._add(("of",), "on_unknown: resend", zh, en)
        return found

    def _answer(self, operation: Operation) -> None:
        fields = _fields_of(operation.reply or "")
        if self._first.decide_by not in fields:
            self._unknown("decide_by", self._first.decide_by, fields, "答复字段", "field of the answer")

    def _fields(self, message_types: str) -> None:
        """Every field that the question needs is taken from one that the messages have."""
        asked = msgspec.structs.fields(BODIES[self._first.ask])
        names = [f.name for f in asked]
        for name in (*self._first.take, *self._first.fixed):
            if name not in names:
                key = "with" if name in self._first.take else "fixed"
                self._unknown((key, name), name, names, "询问字段", "field of the question")
        given = {"purpose", *self._first.take, *self._first.fixed}
        missing = [f.name for f in asked if f.required and f.name not in given]
        if missing:
            zh = f"{self._first.ask} 还需要字段 {'、'.join(missing)}"
            en = f"{self._first.ask} also needs {', '.join(missing)}"
            self._add(("with",), "、".join(missing), zh, en)
        for message_type in BODIES:
            if fnmatchcase(message_type, message_types):
                self._sources(message_type)

    def _sources(self, message_type: str) -> None:
        fields = _fields_of(message_type)
        for name, source in self._first.take.items():
            if source not in fields:
                what_zh, what_en = f"{message_type} 的字段", f"field of {message_type}"
                self._unknown(("with", name), source, fields, what_zh, what_en)

    def _unknown(self, key: str | tuple[str, ...], name: str, known: Iterable[str], zh: str, en: str) -> None:
        near = suggestion(name, known)
        self._add(
            (key,) if isinstance(key, str) else key,
            "、".join(known) or "无 / none",
            f"没有{zh} {name}" + (f"，是否指 {near}？" if near else ""),
            f"no {en} {name!r}" + (f", did you mean {near!r}?" if near else ""),
        )

    def _add(self, key: tuple[str, ...], expected: str, zh: str, en: str) -> None:
        self._document.add((*self._place, *key), expected, zh, en)


def _fields_of(message_type: str) -> list[str]:
    body = BODIES.get(message_type)
    return [] if body is None else [f.name for f in msgspec.structs.fields(body)]
