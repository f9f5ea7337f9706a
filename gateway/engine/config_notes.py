"""What is allowed but probably not meant. A note keeps nothing from running."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from pydantic import BaseModel

from gateway.engine import config_feeds, config_levies, config_payments
from gateway.engine.config_listeners import is_loopback
from gateway.engine.config_problem import Place, Problem, path_of
from gateway.engine.config_read import Draft, PartnerDraft


def notes(draft: Draft) -> list[Problem]:
    """In order of file and line."""
    found: set[Problem] = set()
    for partner in draft.partners:
        if partner.base.enabled and partner.settings is not None:
            found |= set(_open_doors(partner, partner.settings, ("settings",)))
            found |= set(_unsealed(partner, partner.settings))
            found |= set(_impatience(draft, partner))
    if draft.gateway is not None:
        document = draft.documents["gateway.yaml"]
        for place, expected, zh, en in config_feeds.notes(draft.gateway.feeds, draft.gateway.bus):
            found.add(Problem(document.file, document.line(place), path_of(place), expected, zh, en))
    found |= set(config_payments.notes(draft))
    found |= set(config_levies.notes(draft))
    return sorted(found)


def _open_doors(partner: PartnerDraft, settings: BaseModel, place: Place) -> Iterator[Problem]:
    """By convention a block that listens says `listen`, and `authentication` with `kind: none` for nobody's."""
    listen = getattr(settings, "listen", None)
    kind = getattr(getattr(settings, "authentication", None), "kind", None)
    certified = getattr(getattr(settings, "tls", None), "client_ca", None) is not None
    if isinstance(listen, str) and kind == "none" and not certified and not is_loopback(listen):
        yield _note(
            partner,
            (*place, "authentication"),
            "x-tif、tls.client_ca 或本机地址 / signatures, client certificates, or a loopback address",
            f"{listen} 不限本机，又不验证身份：能连上的都会被当作 {partner.base.name}",
            f"{listen} is open to others and asks for no identity: whoever reaches it is taken for {partner.base.name}",
        )
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from _open_doors(partner, value, (*place, name))


def _unsealed(partner: PartnerDraft, settings: BaseModel) -> Iterator[Problem]:
    """By convention a block `seal` says how a partner's messages are signed, `kind: none` that they are not."""
    if getattr(getattr(settings, "seal", None), "kind", None) == "none":
        name = partner.base.name
        yield _note(
            partner,
            ("settings", "seal"),
            "正式网络所用的签名 / the seal of the real network",
            f"{name} 的报文不加签、不核签：出自何人无从核实，只可用于测试网络",
            f"messages of {name} are neither signed nor verified: nobody can tell who wrote them; for test networks only",
        )


def _impatience(draft: Draft, partner: PartnerDraft) -> Iterator[Problem]:
    """By convention `reply_timeout` is how long a sender waits, and `timeout` how long its receiver may take."""
    patience = getattr(partner.settings, "reply_timeout", None)
    if not isinstance(patience, float):
        return
    for target in draft.partners:
        needed = getattr(target.settings, "timeout", None)
        if isinstance(needed, float) and patience < needed and _reaches(draft, partner, target):
            yield _note(
                partner,
                ("settings", "reply_timeout"),
                f"{needed:g}s",
                f"等待 {patience:g} 秒，短于 {target.base.name} 的应答时限 {needed:g} 秒：对方较慢时会先答“结果未明”",
                f"waits {patience:g} s, less than the {needed:g} s that {target.base.name} may take: "
                "a slow answer is reported as pending first",
            )


def _reaches(draft: Draft, partner: PartnerDraft, target: PartnerDraft) -> bool:
    sent = [operation.request for operation in partner.operations or () if operation.direction == "in"]
    return any(
        target.base.name in entry.route.to
        and fnmatchcase(partner.base.name, entry.route.source)
        and any(fnmatchcase(kind, entry.route.message_type) for kind in sent)
        for entry in draft.routes
    )


def _note(partner: PartnerDraft, place: Place, expected: str, zh: str, en: str) -> Problem:
    document = partner.document
    return Problem(document.file, document.line(place), path_of(place), expected, zh, en)
