"""`levies.yaml`: read where it is there; absent, there is no book of levies."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from gateway.engine.config_books import known_partner, once, read_book
from gateway.engine.config_payments import PEOPLE
from gateway.engine.config_problem import Place, Problem, path_of
from gateway.engine.config_read import Draft
from gateway.engine.config_yaml import Document
from gateway.engine.house import LEVIES
from gateway.levies.operations import OPERATIONS
from gateway.levies.settings import CollectorSettings, LeviesSettings

FILE: Final = "levies.yaml"
_SUBMITTED, _RETURNED = "levy.batch.submitted.v1", "levy.batch.returned.v1"
_ASKED: Final = "levy.debit.asked.v1"
_CLOSE: Final = "levy.close-difference"
#: What the network says that no debit comes to its end without.
_NEEDED: Final = (_RETURNED, "levy.debit.answered.v1", "levy.day.checked.v1")
#: By which the book knows whose check settles what goes out.
_DAY: Final = "levy.working_day.changed.v1"


def read_levies(draft: Draft) -> None:
    """The file."""
    draft.levies = read_book(draft, FILE, LeviesSettings)
    if draft.levies is None:
        return
    draft.house[LEVIES] = OPERATIONS
    document = draft.documents[FILE]
    once(document, "collectors", [collector.name for collector in draft.levies.collectors])
    seen: set[tuple[str, str]] = set()
    for index, collector in enumerate(draft.levies.collectors):
        key = (collector.partner, collector.collector_code)
        if key in seen:
            zh, en = (
                f"征收机关代码 {collector.collector_code} 已配置",
                f"the collector {collector.collector_code!r} stands here twice",
            )
            document.add(("collectors", index, "collector_code"), "另一代码 / another code", zh, en)
        seen.add(key)


def check_levies(draft: Draft) -> None:
    """The network and those who hand in files must be partners that can do their part."""
    if draft.levies is None or draft.unreadable_partners:
        return
    document = draft.documents[FILE]
    for index, collector in enumerate(draft.levies.collectors):
        place: Place = ("collectors", index)
        _network(draft, document, place, collector)
        for number, name in enumerate(collector.proposers):
            known_partner(draft, document, (*place, "proposers", number), name)


def _network(draft: Draft, document: Document, place: Place, collector: CollectorSettings) -> None:
    here: Place = (*place, "partner")
    if not known_partner(draft, document, here, collector.partner):
        return
    [network] = [p for p in draft.partners if p.base.name == collector.partner]
    if network.operations is None:
        return
    takes = [o for o in network.operations if o.direction == "out" and o.request == _SUBMITTED]
    if not takes:
        zh = f"伙伴 {collector.partner} 不能接收批量扣款"
        document.add(here, _SUBMITTED, zh, f"partner {collector.partner!r} takes no packages of debits")
    elif takes[0].on_unknown == "resend":
        document.add(
            here,
            "query、manual",
            f"{collector.partner} 的操作 {takes[0].name} 结果不明时会重发，同一包可能扣两次",
            f"operation {takes[0].name} of {collector.partner!r} is sent again where its outcome is unknown: debited twice",
        )


def notes(draft: Draft) -> Iterator[Problem]:
    """What is missing on the ways to the book and from it, and whom there is not."""
    if draft.levies is None:
        return
    document = draft.documents[FILE]
    for index, collector in enumerate(draft.levies.collectors):
        for source, target, kind in _ways(draft, collector):
            if not _goes(draft, source, target, kind):
                place: Place = ("collectors", index)
                yield Problem(
                    document.file,
                    document.line(place),
                    path_of(place),
                    "routes.yaml",
                    f"没有把 {kind} 从 {source} 送往 {target} 的路由",
                    f"no route takes {kind} from {source} to {target}",
                )
        if not _tells_the_day(draft, collector):
            place = ("collectors", index, "partner")
            yield Problem(
                document.file,
                document.line(place),
                path_of(place),
                "hand_on: [working-day]",
                f"{collector.partner} 的日切（{_DAY}）没有送到 levies：日切前后发出的扣款可能被误记为未扣款",
                f"levies does not hear of new working days ({_DAY}) from {collector.partner!r}: what goes out around a switch may"
                " be taken for not debited",
            )
    if not any(_CLOSE in person.may for person in draft.people):
        name = PEOPLE if PEOPLE in draft.documents else FILE
        zh = f"没有人可以关闭征缴差异（{_CLOSE}）：见 gateway person new 与 people.yaml"
        en = f"nobody may {_CLOSE}: see gateway person new, and people.yaml"
        yield Problem(name, 1, "", PEOPLE, zh, en)


def _tells_the_day(draft: Draft, collector: CollectorSettings) -> bool:
    known = [p.operations or () for p in draft.partners if p.base.name == collector.partner]
    told = any(o.direction == "in" and o.request == _DAY for operations in known for o in operations)
    return told and _goes(draft, collector.partner, LEVIES, _DAY)


def _ways(draft: Draft, collector: CollectorSettings) -> Iterator[tuple[str, str, str]]:
    """(from, to, message type) of every way that there should be."""
    for kind in _NEEDED:
        yield collector.partner, LEVIES, kind
    for proposer in collector.proposers:
        if _goes(draft, proposer, LEVIES, _SUBMITTED):
            yield LEVIES, proposer, _RETURNED
        if _goes(draft, proposer, collector.partner, _ASKED):
            yield proposer, LEVIES, _ASKED


def _goes(draft: Draft, source: str, target: str, kind: str) -> bool:
    """Whether the first route that fits such messages leads there."""
    for entry in draft.routes:
        if fnmatchcase(kind, entry.route.message_type) and fnmatchcase(source, entry.route.source):
            return target in entry.route.to
    return False
