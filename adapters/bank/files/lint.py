"""What is wrong with a profile beyond its shape: mappings that do not fit, names that do not tell files apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from adapters.bank.files.formats import RECEIVED, SENT, usable
from adapters.bank.files.names import Name, Parts, Unnameable
from adapters.bank.files.profile import Incoming, Outgoing, Profile, Read, mapping_file, papers
from gateway.contract import ConfigError
from mappings import Mapping, Problem

Found = Iterator[tuple[tuple[str, ...], str, str]]  #: place, Chinese, English

_EXAMPLE = Parts(party="1", batch="1", date=dt.date(2026, 11, 20), sequence=1)


def problems(ref: str | Path) -> list[Problem]:
    """All of them, by line."""
    read = Read(ref)
    if read.profile is not None:
        for place, zh, en in (
            *_documents(read.profile, read.file),
            *_names(read.profile),
            *_folders(read.profile),
        ):
            read.problem(place, zh, en)
    return read.problems


def _documents(profile: Profile, file: Path) -> Found:
    if not profile.send and not profile.receive:
        yield (), "没有任何文件", "there are no documents"
    for direction, key, paper in papers(profile):
        here = direction, key
        try:
            mapping = usable(mapping_file(paper.mapping, file))
        except ConfigError as error:
            yield (*here, "mapping"), error.zh, error.en
            continue
        sends = isinstance(paper, Outgoing)
        misfits = list(_fits(mapping, here, SENT if sends else RECEIVED, "encode" if sends else "decode"))
        if misfits:
            yield from misfits
        elif isinstance(paper, Outgoing):
            yield from _same((*here, "envelope"), set(mapping.envelope), set(paper.envelope))
            yield from _asks(profile, here, paper)
        else:
            staged = {"stage"} if paper.stage else set()
            yield from _same((*here, "elsewhere"), set(mapping.elsewhere), set(paper.elsewhere) | staged)
            yield from _answers(profile, here, paper)


def _fits(mapping: Mapping, here: tuple[str, ...], types: tuple[str, ...], wanted: str) -> Found:
    if mapping.canonical_type not in types:
        yield (
            (*here, "mapping"),
            f"映射 {mapping.name} 的 canonical 不能是 {mapping.canonical_type}",
            f"mapping {mapping.name} is for {mapping.canonical_type}, which has no place here",
        )
    if mapping.direction not in ("both", wanted):
        zh, en = ("写出", "write") if wanted == "encode" else ("读取", "read")
        yield (*here, "mapping"), f"映射 {mapping.name} 不能{zh}", f"mapping {mapping.name} cannot {en}"


def _same(place: tuple[str, ...], needed: set[str], given: set[str]) -> Found:
    for name in sorted(needed ^ given):
        zh, en = ("缺少", "lacks") if name in needed else ("多余", "has nothing for")
        yield place, f"{zh} {name}", f"the mapping {en} {name}" if name not in needed else f"{en} {name}"


def _asks(profile: Profile, here: tuple[str, ...], paper: Outgoing) -> Found:
    if paper.asks is None:
        return
    about = profile.send.get(paper.asks)
    if about is None or about.asks is not None:
        yield (*here, "asks"), f"send 中没有 {paper.asks}", f"send has no {paper.asks}"
    elif not set(Name(paper.name).slots) <= {"batch", "party", *Name(about.name).slots}:
        zh, en = (
            f"文件名只能用 {paper.asks} 文件名中的部分",
            f"a name of the parts that those of {paper.asks} have",
        )
        yield (*here, "name"), zh, en


def _answers(profile: Profile, here: tuple[str, ...], paper: Incoming) -> Found:
    slots = set(Name(paper.name).slots)
    if paper.answers is not None:
        asked = profile.send.get(paper.answers)
        if asked is None:
            zh, en = f"send 中没有 {paper.answers}", f"send has no {paper.answers}"
            yield (*here, "answers"), zh, en
        elif "batch" not in slots and not set(Name(asked.name).slots) - {"party"} <= slots:
            zh, en = "文件名不足以找到所送的文件", "the name does not tell which file it answers"
            yield (*here, "name"), zh, en
    for field, slot in paper.elsewhere.items():
        if slot not in slots and not (slot == "batch" and paper.answers):
            yield (*here, "elsewhere", field), f"文件名中没有 {{{slot}}}", f"the name has no {{{slot}}}"


def _names(profile: Profile) -> Found:
    """Each file we send has a name of its own; each that comes is one document only."""
    for key, sent in profile.send.items():
        slots = Name(sent.name).slots
        place = "send", key, "name"
        if "any" in slots:
            yield place, "{any} 只用于收到的文件", "{any} is for files that come"
        if sent.asks is None and "batch" not in slots and not {"date", "sequence"} <= set(slots):
            yield (
                place,
                "须含 {batch}，或 {date} 与 {sequence}：文件名不得重复",
                "needs {batch}, or {date} and {sequence}: no name may come twice",
            )
    for direction, known in (("send", profile.send), ("receive", profile.receive)):
        for (one, first), (other, second) in combinations(known.items(), 2):
            if _meet(Name(first.name), Name(second.name)):
                place = direction, other, "name"
                yield place, f"与 {one} 的文件名分不清", f"cannot be told from the names of {one}"


def _folders(profile: Profile) -> Found:
    """A folder is watched in one way."""
    first: dict[str, Incoming] = {}
    for key, come in profile.receive.items():
        if first.setdefault(come.folder, come).complete != come.complete:
            zh, en = "同一目录中 complete 须相同", "documents of one folder have one complete"
            yield ("receive", key, "complete"), zh, en


def _meet(one: Name, other: Name) -> bool:
    """Whether a name of the one is also one of the other."""
    for name, template in ((_filled(one), other), (_filled(other), one)):
        if name is not None and template.match(name) is not None:
            return True
    return False


def _filled(name: Name) -> str | None:
    try:
        return name.fill(_EXAMPLE)
    except Unnameable:
        return None
