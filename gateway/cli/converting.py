"""What `mapping convert` does: a file through a mapping, either way.

One message has a canonical side of one JSON document: `{"mapping": …, "envelope": {…}, "body": {…}}`. A
record file has one of JSON lines, so that neither side is ever in memory as a whole:

    {"mapping": "bank.batch@1", "head": {…fields that stand before the rows…}}
    {…row…}
    {"tail": {…the whole body without its rows…}, "rows": 2}

Where rows were refused and the rest was wanted all the same, the last line is `{"incomplete": true, …}`: such a file
is to be looked at, and is not taken back.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from gateway.cli.mapping_files import elsewhere_of
from gateway.cli.outfile import OutFile, out_file
from gateway.cli.output import complain
from gateway.cli.refusals import Refusals
from mappings import Fault, Mapping, MappingError
from mappings.plan import Repeat

_encode = msgspec.json.Encoder(decimal_format="string").encode
_TAIL = b'{"tail":'
_LONGEST_LINE = 1 << 20  #: of JSON lines; no row comes near it


@dataclass(frozen=True, slots=True)
class Conversion:
    """What is to be done."""

    mapping: Mapping
    file: Path
    to: str  #: `canonical` or `partner`
    out: Path | None
    refused: Path | None
    partial: bool
    given: dict[str, str]


def converted(job: Conversion) -> bool:
    """Does it; returns whether anything was refused."""
    with ExitStack() as stack:
        out = stack.enter_context(out_file(job.out))
        report = stack.enter_context(out_file(job.refused)) if job.refused is not None else None
        refusals = Refusals(report, job.refused)
        try:
            if not job.mapping.streams:
                _single(job, out)
                refusals.taken = 1
            elif job.to == "canonical":
                _to_canonical(job, stack, out, refusals)
            else:
                _to_partner(job, stack, out, refusals)
        except MappingError as error:
            refusals.add_whole(error.faults)
            out.give_up()
        if refusals.count and not job.partial:
            out.give_up()
    _said(job, refusals, wanted=out.wanted)
    return refusals.whole or refusals.count > 0


def _said(job: Conversion, refusals: Refusals, *, wanted: bool) -> None:
    zh = f"通过 {refusals.taken} 条，拒绝 {refusals.count} 条"
    en = f"{refusals.taken} converted, {refusals.count} refused"
    if refusals.whole:
        zh += "；整个文件有误"
        en += "; the file as a whole is wrong"
    if job.out is not None:
        zh += f"；已写入 {job.out}" if wanted else "；未写出结果文件"
        en += f"; written to {job.out}" if wanted else "; no result was written"
    complain(zh, en)


# One message


def _single(job: Conversion, out: OutFile) -> None:
    """The canonical side: `{"mapping": …, "envelope": {…}, "body": {…}}`."""
    data, mapping = job.file.read_bytes(), job.mapping
    if job.to == "canonical":
        values = elsewhere_of(mapping, job.given)
        tree = mapping.parse(data)
        envelope = mapping.read_envelope(tree)
        made = {"mapping": _label(mapping), "envelope": envelope, "body": mapping.decode_tree(tree, **values)}
        out.stream.write(msgspec.json.format(_encode(made), indent=2) + b"\n")
    else:
        read = _struct(data, _Single, mapping.name, 1)
        body = _struct(bytes(read.body), mapping.plan.struct, mapping.name, 1)
        out.stream.write(mapping.encode(body, {**read.envelope, **job.given}))


class _Single(msgspec.Struct, frozen=True):
    body: msgspec.Raw
    mapping: str = ""
    envelope: dict[str, str] = {}


def _label(mapping: Mapping) -> str:
    return f"{mapping.name}@{mapping.version}"


def _struct(data: bytes, kind: Any, name: str, line: int) -> Any:
    """A canonical struct out of JSON.

    Args:
        line: of the file; 0 for its last one.

    Raises:
        MappingError: it is none.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:  # says the place and the kinds, never the value
        zh, en = (f"第 {line} 行", f"line {line}") if line else ("末行", "the last line")
        raise _no_canonical(
            name, f"{zh}不是标准报文：{error}", f"{en} is not canonical: {error}", line
        ) from None


def _no_canonical(name: str, zh: str, en: str, line: int = 0) -> MappingError:
    return MappingError(name, (Fault("", "", "", "canonical", zh, en, line),))


# Record files


def _to_canonical(job: Conversion, stack: ExitStack, out: OutFile, refusals: Refusals) -> None:
    mapping = job.mapping
    values = elsewhere_of(mapping, job.given)
    stream = _watched(job.file, stack)
    with mapping.read(stream, refused=lambda row: refusals.add(row.faults), **values) as rows:
        out.stream.write(_encode({"mapping": _label(mapping), "head": rows.head}) + b"\n")
        try:
            for row in rows:
                out.stream.write(_encode(row) + b"\n")
                refusals.taken += 1
            last = {"tail": _without_rows(mapping, rows.body), "rows": refusals.taken}
        except MappingError as error:
            if not (job.partial and refusals.count):  # totals cannot hold without the rows that were refused
                raise
            refusals.add_whole(error.faults)
    if refusals.count:
        last = {"incomplete": True, "rows": refusals.taken, "refused": refusals.count}
    out.stream.write(_encode(last) + b"\n")


def _without_rows(mapping: Mapping, body: Any) -> dict[str, Any]:
    rows = _rows_of(mapping).attr
    return {name: getattr(body, name) for name in body.__struct_fields__ if name != rows}


def _to_partner(job: Conversion, stack: ExitStack, out: OutFile, refusals: Refusals) -> None:
    body, count = _whole(job.mapping, job.file)
    lines = _CanonicalRows(job.mapping, _watched(job.file, stack), refusals)
    job.mapping.write(out.stream, body, iter(lines), job.given)
    found = refusals.taken + refusals.count
    if found != count:  # formats without totals would not notice
        zh, en = (
            f"末行称有 {count} 条记录，实有 {found} 条",
            f"the last line says {count} rows, there are {found}",
        )
        raise _no_canonical(job.mapping.name, zh, en)


def _whole(mapping: Mapping, file: Path) -> tuple[Any, Any]:
    """The body without rows, and how many rows there should be, out of the last line."""
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _LONGEST_LINE))
        last = stream.read().rstrip().rpartition(b"\n")[2]
    try:
        said = json.loads(last)
        tail, count = {**said["tail"], _rows_of(mapping).attr: []}, said["rows"]
    except (ValueError, KeyError, TypeError):
        zh = '末行应为 {"tail":…,"rows":n}，文件可能不完整'
        en = 'the last line must be {"tail":…,"rows":n}: is the file complete?'
        raise _no_canonical(mapping.name, zh, en) from None
    return _struct(_encode(tail), mapping.plan.struct, mapping.name, 0), count


class _CanonicalRows:
    """The rows of a file of JSON lines; what is no row goes to the report."""

    def __init__(self, mapping: Mapping, stream: BinaryIO, refusals: Refusals) -> None:
        self._mapping = mapping
        self._struct = _rows_of(mapping).struct
        self._stream = stream
        self._refusals = refusals

    def __iter__(self) -> Iterator[Any]:
        self._stream.readline()  # the head; what counts is in the tail
        for number, line in enumerate(self._stream, 2):
            if line.startswith(_TAIL):
                return
            try:
                row = _struct(line, self._struct, self._mapping.name, number)
            except MappingError as error:
                self._refusals.add(error.faults)
                continue
            self._refusals.taken += 1
            yield row


def _rows_of(mapping: Mapping) -> Repeat:
    """The rows of a record file; there is one kind."""
    return next(item for item in mapping.plan.items if isinstance(item, Repeat))


def _watched(file: Path, stack: ExitStack) -> BinaryIO:
    """The file, with a bar that shows how far it has been read; no bar where nobody watches."""
    from rich.console import Console  # noqa: PLC0415  not needed for single messages
    from rich.progress import Progress  # noqa: PLC0415

    progress = stack.enter_context(
        Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
    )
    return stack.enter_context(progress.open(file, "rb", description=file.name))
