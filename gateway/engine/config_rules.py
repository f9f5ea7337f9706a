"""Rules between files: names, routes and listeners must fit each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from gateway.canonical import BODIES
from gateway.contract import Operation
from gateway.engine.config_feeds import fed
from gateway.engine.config_first import examine
from gateway.engine.config_listeners import listeners
from gateway.engine.config_problem import Place
from gateway.engine.config_read import Draft, PartnerDraft, RouteDraft
from gateway.engine.config_schema import suggestion
from gateway.engine.config_yaml import Document
from gateway.engine.house import is_house_name
from gateway.engine.routes import GATEWAY


def cross_check(draft: Draft) -> None:
    """Adds every problem that only shows when the files are seen together."""
    _names(draft)
    document = draft.documents["routes.yaml"]
    for entry in draft.routes:
        _targets(draft, document, entry)
        _type(draft, document, entry)
        examine(draft, document, entry)
    for partner in draft.partners:
        if partner.base.enabled and partner.operations is not None:
            _inbound(draft, document, partner)
    listeners(draft)


def _names(draft: Draft) -> None:
    seen: dict[str, str] = {}
    for partner in draft.partners:
        _once(partner.document, ("name",), partner.base.name, seen)
        name = partner.base.name
        if name == GATEWAY or is_house_name(name):
            zh, en = f"名称 {name} 留给网关自己", f"the name {name!r} is the gateway's own"
            partner.document.add(("name",), "其他名称 / another name", zh, en)
    seen = {}
    for entry in draft.routes:
        _once(draft.documents["routes.yaml"], (entry.index, "name"), entry.base.name, seen)


def _once(document: Document, place: Place, name: str, seen: dict[str, str]) -> None:
    here = f"{document.file}:{document.line(place)}"
    first = seen.setdefault(name, here)
    if first != here:
        zh, en = f"名称 {name} 已用于 {first}", f"the name {name!r} is taken by {first}"
        document.add(place, "唯一的名称 / a name of its own", zh, en)


def _targets(draft: Draft, document: Document, entry: RouteDraft) -> None:
    partners = {p.base.name: p for p in draft.partners}
    expected = "、".join(sorted(name for name, p in partners.items() if p.base.enabled)) or "无 / none"
    for index, name in enumerate(entry.base.to):
        place = (entry.index, "to", index)
        if name in draft.house:
            continue
        if name not in partners:
            if draft.unreadable_partners:
                continue
            near = suggestion(name, partners)
            zh = f"没有名为 {name} 的伙伴" + (f"，是否指 {near}？" if near else "")
            en = f"no partner {name!r}" + (f", did you mean {near!r}?" if near else "")
            document.add(place, expected, zh, en)
        elif not partners[name].base.enabled:
            document.add(place, expected, f"伙伴 {name} 已停用", f"partner {name!r} is disabled")


def _type(draft: Draft, document: Document, entry: RouteDraft) -> None:
    """A route must be able to deliver something, to each of its targets."""
    taken = [t for t in BODIES if fnmatchcase(t, entry.route.message_type)]
    place = (entry.index, "when", "type")
    if not taken:
        near = suggestion(entry.route.message_type, BODIES)
        zh = f"没有符合 {entry.route.message_type} 的报文类型" + (f"，是否指 {near}？" if near else "")
        en = f"no message type fits {entry.route.message_type!r}" + (
            f", did you mean {near!r}?" if near else ""
        )
        document.add(place, "、".join(BODIES), zh, en)
        return
    for target in _known_targets(draft, entry):
        able = target.able
        if able.isdisjoint(taken):
            zh = f"{target.zh}不能投递此类报文"
            en = f"{target.en} delivers no such messages"
            document.add(place, "、".join(sorted(able)) or "无 / none", zh, en)


class _Target(NamedTuple):
    """A receiver that a route names, in words, and the message types that can be delivered to it."""

    name: str
    able: set[str]
    zh: str
    en: str


def _known_targets(draft: Draft, entry: RouteDraft) -> Iterator[_Target]:
    for partner in draft.partners:
        base = partner.base
        if base.name in entry.base.to and base.enabled and partner.operations is not None:
            zh = f"伙伴 {base.name}（适配器 {base.adapter}）"
            en = f"partner {base.name!r} (adapter {base.adapter})"
            yield _Target(base.name, _deliverable(partner.operations), zh, en)
    for name, operations in draft.house.items():
        if name in entry.base.to:
            yield _Target(name, _deliverable(operations), f"网关的 {name} ", f"the gateway's {name!r}")


def _deliverable(operations: Iterable[Operation]) -> set[str]:
    """The message types that can be taken there."""
    return {o.request for o in operations if o.direction == "out"}


def _inbound(draft: Draft, routes: Document, partner: PartnerDraft) -> None:
    """Whatever the partner can send must have somewhere to go."""
    for operation in partner.operations or ():
        if operation.direction == "in":
            _route_of(draft, routes, partner, operation.request)


def _route_of(draft: Draft, routes: Document, partner: PartnerDraft, message_type: str) -> None:
    """Follows one type from one partner; several routes may take it where they depend on the region."""
    fitting = [entry for entry in draft.routes if _fits(entry, partner, message_type)]
    for entry in fitting:
        _undeliverable(draft, routes, entry, message_type)
        if entry.base.when.region == "*":
            break
    every_route_read = isinstance(routes.value, list) and len(draft.routes) == len(routes.value)
    feeds = draft.gateway.feeds if draft.gateway is not None else ()
    if not fitting and every_route_read and not fed(feeds, partner.base.name, message_type):
        partner.document.add(
            ("adapter",),
            f"routes.yaml: type: {message_type}",
            f"伙伴 {partner.base.name} 可发送 {message_type}，但没有路由接收",
            f"partner {partner.base.name!r} can send {message_type}, which no route takes",
        )


def _fits(entry: RouteDraft, partner: PartnerDraft, message_type: str) -> bool:
    route = entry.route
    return fnmatchcase(message_type, route.message_type) and fnmatchcase(partner.base.name, route.source)


def _undeliverable(draft: Draft, routes: Document, entry: RouteDraft, message_type: str) -> None:
    """A wide glob may catch a type that one of its targets cannot take."""
    for target in _known_targets(draft, entry):
        able = target.able
        reported = able.isdisjoint(t for t in BODIES if fnmatchcase(t, entry.route.message_type))
        if message_type not in able and not reported:
            routes.add(
                (entry.index, "to", entry.base.to.index(target.name)),
                "、".join(sorted(able)) or "无 / none",
                f"此路由会收到 {message_type}，而 {target.name} 不能投递它",
                f"this route takes {message_type}, which {target.name!r} cannot deliver",
            )
