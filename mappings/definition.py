"""A mapping file as typed parts: what was written, before anyone asks whether it makes sense."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from mappings import sums
from mappings.codecs import kinds
from mappings.codecs.kinds import Kind, Options
from mappings.document import Reader
from mappings.keys import Keys
from mappings.sums import Sum

_NAME = re.compile(r"[a-z][a-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class FieldLine:
    """`{at: psn_no, to: person_no, as: text(30), name: 人员编号}`."""

    at: str
    to: str  #: empty for a constant or an envelope field; `parent.x` takes x of the body around the rows
    lens: str
    name: str
    line: int
    required: bool | None = None  #: None: as the canonical field demands
    personal: bool | None = None  #: None: as the canonical field's name suggests
    open: bool = False
    envelope: bool = False
    also: tuple[str, ...] = ()  #: other spellings of `at` that are read too
    truncate: bool = False  #: `overflow: truncate`
    substitutes: str = ""  #: the table of `outside: substitute(table)`
    sum: Sum | None = None  #: what a control total adds up
    extra: object = None  #: what only lines of this kind of codec say


@dataclass(frozen=True, slots=True)
class GroupLine:
    """`{each: feedetail, to: fee_lines, fields: [...]}`."""

    each: str
    to: str
    name: str
    line: int
    fields: tuple[Line, ...]
    limit: int = 10_000


@dataclass(frozen=True, slots=True)
class InsideLine:
    """`{inside: message, codec: {kind: xml, root: R}, fields: [...]}`: the text there is a document."""

    at: str
    name: str
    line: int
    codec: Options
    fields: tuple[Line, ...]
    required: bool
    extra: object = None


Line: TypeAlias = FieldLine | GroupLine | InsideLine


@dataclass(frozen=True, slots=True)
class Total:
    """`{field: total, equals: [a, b]}` or `{field: total, sum_of: fee_lines.amount, when_present: true}`."""

    field: str
    equals: tuple[str, ...]
    sum: Sum | None
    when_present: bool
    line: int


@dataclass(frozen=True, slots=True)
class Assumed:
    """A canonical field the partner's format has not; `value` None means the canonical default."""

    to: str
    lens: str
    value: str | None
    why: str
    line: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Something given up on purpose: a place of the partner's (`at`) or a canonical field (`to`)."""

    at: str
    to: str
    why: str
    line: int


@dataclass(frozen=True, slots=True)
class Effective:
    """`effective: {from: 2026-01-01, until: 2026-12-31}`: days in China, both included; None is open."""

    begins: dt.date | None = None
    ends: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    file: Path
    name: str
    version: int
    title_zh: str
    title_en: str
    canonical: str
    direction: str
    codec: Options
    empty: str
    unknown: str  #: `reject`, `ignore`, or `keep(<canonical field>)`
    elsewhere: tuple[str, ...]
    fields: tuple[Line, ...]
    totals: tuple[Total, ...]
    assumed: tuple[Assumed, ...]
    lossy: tuple[Loss, ...]
    lines: dict[str, int]  #: of the top-level keys
    effective: Effective

    def at(self, key: str) -> int:
        """The line of a top-level key; the first where it is not there."""
        return self.lines.get(key, 1)


def read(reader: Reader) -> Definition | None:
    """The definition in the reader's file; None where the top level is no table, or nobody knows the format."""
    table = reader.load()
    if table is None:
        return None
    keys = Keys(reader, table, "")
    name = keys.text("mapping")
    if name and _NAME.fullmatch(name) is None:
        keys.bad(
            "mapping", "名称只能用小写字母、数字和 . _ -", "names are lower case letters, digits and . _ -"
        )
    title = keys.table_of("title")
    codec = _codec(keys.table_of("codec"))
    if codec is None:
        return None
    definition = Definition(
        file=reader.file,
        name=name,
        version=keys.number("version"),
        title_zh=title.text("zh"),
        title_en=title.text("en"),
        canonical=keys.text("canonical"),
        direction=keys.choice("direction", ("both", "decode", "encode"), "both"),
        codec=codec,
        empty=keys.choice("empty", ("absent", "blank", "null"), "absent"),
        unknown=keys.text("unknown", "reject"),
        elsewhere=keys.texts("elsewhere"),
        fields=keys.rows("fields", partial(_line, kinds.find(codec.kind), codec)),
        totals=keys.rows("totals", _total),
        assumed=keys.rows("assumed", _assumed),
        lossy=keys.rows("lossy", _loss),
        lines=table.lines,
        effective=_effective(keys),
    )
    title.done()
    keys.done()
    return definition


def _codec(keys: Keys) -> Options | None:
    name = keys.choice("kind", kinds.NAMES)
    if name not in kinds.NAMES:
        return None
    options = kinds.find(name).options(keys, name)
    keys.done()
    return options


def _line(kind: Kind, codec: Options, keys: Keys) -> Line:
    line: Line
    if "each" in keys.table.entries:
        line = GroupLine(
            each=keys.text("each"),
            to=keys.text("to"),
            name=keys.text("name", ""),
            line=keys.table.line,
            fields=keys.rows("fields", partial(_line, kind, codec)),
            limit=keys.number("max", 10_000),
        )
    elif "inside" in keys.table.entries:
        line = _inside(kind, codec, keys)
    else:
        line = FieldLine(
            at=keys.text("at"),
            to=keys.text("to", ""),
            lens=keys.text("as"),
            name=keys.text("name", ""),
            line=keys.table.line,
            required=keys.flag("required"),
            personal=keys.flag("personal"),
            open=bool(keys.flag("open")),
            envelope=bool(keys.flag("envelope")),
            also=keys.texts("also"),
            truncate=keys.choice("overflow", ("refuse", "truncate"), "refuse") == "truncate",
            substitutes=_outside(keys),
            sum=sums.read(keys),
            extra=kind.line(keys, codec),
        )
    keys.done()
    return line


def _outside(keys: Keys) -> str:
    """The table of substitutes for characters outside of the charset; empty where they are refused."""
    value = keys.text("outside", "refuse")
    match = re.fullmatch(r"substitute\((\w+)\)", value)
    if match is None and value != "refuse":
        keys.bad("outside", "应为 refuse 或 substitute(表名)", "must be refuse or substitute(table)")
    return match[1] if match else ""


def _inside(kind: Kind, codec: Options, keys: Keys) -> InsideLine:
    inner = _codec(keys.table_of("codec"))
    known = inner or codec  # an unknown kind is a problem already
    return InsideLine(
        at=keys.text("inside"),
        name=keys.text("name", ""),
        line=keys.table.line,
        codec=known,
        fields=keys.rows("fields", partial(_line, kinds.find(known.kind), known)),
        required=keys.flag("required") is not False,
        extra=kind.line(keys, codec),
    )


def _effective(keys: Keys) -> Effective:
    if "effective" not in keys.table.entries:
        keys.taken.append("effective")
        return Effective()
    days = keys.table_of("effective")
    effective = Effective(days.day("from"), days.day("until"))
    if effective.begins and effective.ends and effective.ends < effective.begins:
        days.bad("until", "早于 from", "is before `from`")
    days.done()
    return effective


def _total(keys: Keys) -> Total:
    total = Total(
        field=keys.text("field"),
        equals=keys.texts("equals"),
        sum=sums.read(keys),
        when_present=bool(keys.flag("when_present")),
        line=keys.table.line,
    )
    keys.done()
    return total


def _assumed(keys: Keys) -> Assumed:
    value = keys.text("value") if "value" in keys.table.entries else None
    lens = keys.text("as", "") if value is None else keys.text("as")
    keys.taken.append("value")
    assumed = Assumed(keys.text("to"), lens, value, keys.text("why"), keys.table.line)
    keys.done()
    return assumed


def _loss(keys: Keys) -> Loss:
    loss = Loss(keys.text("at", ""), keys.text("to", ""), keys.text("why"), keys.table.line)
    if bool(loss.at) == bool(loss.to):
        keys.bad("at", "应写明 at 或 to 之一", "give either `at` or `to`")
    keys.done()
    return loss
