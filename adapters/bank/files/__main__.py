"""Tries a profile on files of a bank: what each would be taken for, and what is wrong with it. Nothing is sent or stored.

    python -m adapters.bank.files shipped:ybdf
    python -m adapters.bank.files config/banks/our-bank.yaml sample/YBDF_990101_20261120_0001.ret

Prints no names, accounts or amounts of items: counts, totals, and the places of what is wrong.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import Any

from adapters.bank.files.formats import Document, Documents
from adapters.bank.files.lint import problems
from adapters.bank.files.names import Parts
from adapters.bank.files.profile import Incoming, Outgoing
from adapters.bank.files.reading import Reading, Wrong
from mappings import MappingError
from mappings.catalogue import NoMapping, china_day


def main(given: list[str] | None = None) -> int:
    """Entry point. 0 where all is well, 1 where something is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m adapters.bank.files", description="试读银行文件 / tries a profile"
    )
    parser.add_argument("profile", help="shipped:ybdf，或文件 / or a file")
    parser.add_argument("files", nargs="*", type=Path, help="银行给的样例文件 / sample files of the bank")
    parser.add_argument("--party", default="990101", help="银行给我方的编号 / our number at the bank")
    arguments = parser.parse_args(given)
    ref = arguments.profile if arguments.profile.startswith("shipped:") else Path(arguments.profile)
    found = problems(ref)
    for problem in found:
        _say(problem)
    if found:
        return 1
    documents = Documents(ref)
    every: list[Document[Any]] = [*documents.outgoing.values(), *documents.incoming.values()]
    for document in every:
        _say(f"{document.key}: {document.settings.name} ({document.label}, {document.type})")
    fine = [_tried(documents, file, arguments.party) for file in arguments.files]
    return 0 if all(fine) else 1


def _tried(documents: Documents, file: Path, party: str) -> bool:
    _say(f"\n{file.name}")
    if not file.is_file():
        _say("  没有此文件 / there is no such file")
        return False
    recognised = documents.recognised(file.name, party)
    if recognised is not None:
        return _read(file, *recognised)
    for document in documents.outgoing.values():
        if document.name.match(file.name) is not None:
            return _ours(file, document)
    _say("  文件名不是约定的任何一种 / the name is none of those agreed")
    return False


def _read(file: Path, document: Document[Incoming], parts: Parts) -> bool:
    known: dict[str, Any] = {"batch": parts.batch or "-", "date": parts.date or _today()}
    elsewhere = {field: known[slot] for field, slot in document.settings.elsewhere.items()}
    if document.settings.stage is not None:
        elsewhere["stage"] = document.settings.stage
    try:
        mapping = document.mapping(parts.date or _today())
    except NoMapping as error:
        _say(f"  {error.zh} / {error.en}")
        return False
    reading = Reading(file, mapping, elsewhere)
    try:
        reading.start()
        for _ in reading.rows():
            pass
    except Wrong as wrong:
        for one in wrong.findings:
            _say(f"  {one.line or '-'}:{one.column or '-'} {one.field} {one.rule}: {one.zh} / {one.en}")
        _say(f"  共 {len(wrong.findings) + wrong.more} 处 / in all")
        return False
    finally:
        reading.close()
    total = getattr(reading.body, "control_sum", None)
    _say(
        f"  {document.key}: {reading.count} 笔 / rows" + (f", {total} 分 / fen" if total is not None else "")
    )
    return True


def _ours(file: Path, document: Document[Outgoing]) -> bool:
    """A sample of what we are to send: it must be what we would write, byte by byte."""
    mapping = document.mapping(_today())
    stand_ins: dict[str, Any] = {"batch_id": "-", "requested_on": _today()}
    content = file.read_bytes()
    try:
        body = mapping.decode(content, **{name: stand_ins[name] for name in mapping.elsewhere})
        tree = mapping.parse(content)
        same = mapping.encode(body, mapping.read_envelope(tree)) == content
    except MappingError as error:
        for fault in error.faults:
            _say(
                f"  {fault.line or '-'}:{fault.column or '-'} {fault.name} {fault.rule}: {fault.zh} / {fault.en}"
            )
        return False
    words = (
        ("我方写出的与此相同", "we write it just so")
        if same
        else ("可读，但我方写法不同", "readable, but we write it otherwise")
    )
    _say(f"  {document.key}: {words[0]} / {words[1]}")
    return same


def _say(text: object) -> None:
    sys.stdout.write(f"{text}\n")


def _today() -> dt.date:
    return china_day(dt.datetime.now(dt.UTC))


if __name__ == "__main__":
    sys.exit(main())
