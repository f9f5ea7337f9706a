"""The quick way through a mapping, for messages as nearly all are: whole, plain, in the order of the lines.

A quick function takes everything at one go and gives up at the first doubt, without saying why. The careful
way then reads or writes the same message and decides, with every fault in its place. So a quick function
must never give anything but what the careful one gives; it may give up whenever it likes.

This file holds what the quick ways of all codecs share: which texts of a lens are plain (a regular
expression), and the Python expressions for their values.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mappings.lens import Lens
from mappings.lenses import BlankLens, CodeLens, ConstLens, ConvertLens, FlagLens, IdentityLens, TextLens
from mappings.lenses_numbers import DecimalLens, IntLens, MoneyLens, NumberLens, SequenceLens
from mappings.lenses_times import CHINA, DateLens, TimeLens
from mappings.plan import Branch, Inside, Item, Leaf, Plan, Repeat
from mappings.shape import Field, fields_of
from mappings.source import Source

#: Lenses of other classes may do anything, so their mappings have no quick way.
_KNOWN = frozenset(
    {TextLens, FlagLens, CodeLens, ConstLens, BlankLens, ConvertLens, IdentityLens, MoneyLens, DecimalLens}
    | {NumberLens, IntLens, SequenceLens, TimeLens, DateLens}
)  # fmt: skip
_ISO_TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"
_ISO_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


#: (tree, values from elsewhere) → body; raises anything at all for what is not plain.
QuickRead = Callable[[Any, dict[str, Any]], Any]
#: (body, envelope values) → objects whose values are `Raw`, or lists of it; raises anything as well.
QuickWrite = Callable[[Any, dict[str, str]], dict[str, Any]]


class Doubt(Exception):
    """Not for the quick way."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the quick way reads a leaf: which texts, and what they mean."""

    pattern: str
    value: str  #: an expression of `{v}`, which may raise anything
    plain: bool  #: the value is the text itself, so control characters matter


def names() -> dict[str, Any]:
    """What the expressions refer to."""
    return {
        "Doubt": Doubt,
        "CHINA": CHINA,
        "Decimal": Decimal,
        "datetime": dt.datetime,
        "time_of": dt.datetime.fromisoformat,
        "date_of": dt.date.fromisoformat,
    }


def leaves(items: list[Item]) -> list[Leaf]:
    """The leaves of one place and of its branches, without those of its rows."""
    found: list[Leaf] = []
    for item in items:
        if isinstance(item, Branch):
            found += leaves(item.items)
        elif isinstance(item, Leaf):
            found.append(item)
    return found


def familiar(items: list[Item], *, rows: bool = True) -> bool:
    """Whether a quick way can be made: lenses that are known, rows within rows nowhere."""
    for item in items:
        if isinstance(item, Leaf):
            if not _familiar(item.lens) or item.also or item.role in ("also", "control", "sequence"):
                return False
        elif (
            isinstance(item, Inside)
            or (isinstance(item, Repeat) and (not rows or item.assumed))
            or not familiar(item.items, rows=rows and isinstance(item, Branch))
        ):
            return False
    return True


def _familiar(lens: Lens) -> bool:
    if isinstance(lens, FlagLens) and not (lens.yes and lens.no):
        return False  # absence would read as a flag
    # Only the careful way looks whether numbers of rows ascend.
    return known(lens) and not isinstance(lens, SequenceLens | BlankLens)


def known(lens: Lens) -> bool:
    """Whether `reading` and `writing` know the lens."""
    return type(lens) in _KNOWN


def reading(source: Source, lens: Lens, other: str) -> Reading:  # noqa: PLR0911 - one a lens
    """The quick way to read with one lens.

    The pattern lets nothing through that the lens's facets for XML Schema refuse.

    Args:
        other: a regular expression for one character that does not end the text.
    """
    facets = lens.facets()[0]
    if isinstance(lens, TextLens):
        return _text(source, lens, other)
    if isinstance(lens, CodeLens):
        return _code(source, lens, other)
    if isinstance(lens, FlagLens):
        yes = source.new("yes", lens.yes)
        return Reading(facets, f"({{v}} == {yes})", plain=False)
    if isinstance(lens, MoneyLens):
        if lens.decimals == 0:
            return Reading(facets, "int({v})", plain=False)
        short = f"{source.new('read', lens.read)}({{v}})"
        value = f'(int({{v}}.replace(".", "")) if {{v}}[-3:-2] == "." else {short})'
        return Reading(r"-?[0-9]{1,14}(?:\.[0-9]{1,2})?", value, plain=False)
    if isinstance(lens, DecimalLens):
        return _decimal(source, lens)
    if isinstance(lens, IntLens):
        return Reading(facets, "int({v})", plain=False)
    if isinstance(lens, SequenceLens):
        source.names["doubt"] = doubt
        return Reading(
            facets, f"({'{v} if int({v}) else' if lens.as_text else 'int({v}) or'} doubt())", plain=False
        )
    if type(lens) is DateLens and lens.form == "yyyyMMdd":
        return Reading("[0-9]{8}", "date_of({v})", plain=False)
    if isinstance(lens, TimeLens) and lens.form == lens._ISO:
        if type(lens) is DateLens:
            return Reading(_ISO_DATE, "date_of({v})", plain=False)
        return Reading(_ISO_TIME, 'time_of({v} + "+08:00")', plain=False)
    read = source.new("read", lens.read)
    return Reading(facets or f"{other}+", f"{read}({{v}})", plain=True)


def _text(source: Source, lens: TextLens, other: str) -> Reading:
    target = lens.target if lens.strict else None
    least = target.min_length if target is not None else 1
    pattern = f"{other}{{{max(1, least)},{lens.cap}}}"
    value = "{v}"
    if target is not None and target.pattern is not None:
        value = f"({{v}} if {_fits(source, target)}({{v}}) else doubt())"
    if lens.size:
        short = lens.size // lens.charset.widest
        ascii_ = f"len({{v}}) <= {lens.size} and {{v}}.isascii()"
        value = f"({value} if len({{v}}) <= {short} or {ascii_} else {source.new('read', lens.read)}({{v}}))"
    return Reading(pattern, value, plain=True)


def _fits(source: Source, target: Field) -> str:
    source.names["doubt"] = doubt
    return source.new("fits", re.compile(target.bare_pattern, re.ASCII).fullmatch)


def doubt() -> Any:
    """Gives up, inside an expression."""
    raise Doubt


def _code(source: Source, lens: CodeLens, other: str) -> Reading:
    known = source.new("codes", lens.to_canonical)
    if not lens.open:
        return Reading(f"{other}+", f"{known}[{{v}}]", plain=False)
    local = f"{source.new('read', lens.read)}({{v}})"
    return Reading(lens.facets()[0], f"({known}.get({{v}}) or {local})", plain=False)


def _decimal(source: Source, lens: DecimalLens) -> Reading:
    pattern = lens.facets()[0].replace("(", "(?:")
    if type(lens) is DecimalLens:
        return Reading(pattern, "Decimal({v})", plain=False)
    value = f"{source.new('read', lens.read)}({{v}})"
    if 0 < lens.decimals <= 6:
        value = f"({{v}} if {source.new('normal', _normal(lens))}({{v}}) else {value})"
    return Reading(pattern, value, plain=False)


def _normal(lens: DecimalLens) -> Callable[[str], object]:
    """Whether a text is a number written as the lens writes it."""
    whole = lens.digits - lens.decimals
    return re.compile(f"(?:0|[1-9][0-9]{{0,{whole - 1}}})\\.[0-9]{{{lens.decimals}}}").fullmatch


def writing(source: Source, lens: Lens) -> str:  # noqa: PLR0911 - one a lens
    """An expression of `v` for the text a lens writes; it may raise anything."""
    write = f"{source.new('write', lens.write)}(v)"
    if type(lens) is TextLens and (lens.truncate or lens.size):
        short = min(lens.cap, lens.size // lens.charset.widest)
        ascii_ = f"len(v) <= {min(lens.cap, lens.size)} and v.isascii()"
        return write if lens.strict or not short else f"v if len(v) <= {short} or {ascii_} else {write}"
    if type(lens) is TextLens:
        target = lens.target if lens.strict else None
        return f"v if {_fits(source, target)}(v) else doubt()" if target and target.pattern else "v"
    if isinstance(lens, CodeLens):
        known = source.new("codes", lens.to_partner)
        return f"{known}.get(v) or {write}"
    if isinstance(lens, FlagLens):
        return f"{lens.yes!r} if v is True else {lens.no!r} if v is False else {write}"
    if isinstance(lens, MoneyLens) and lens.decimals:
        return f'"%d.%02d" % divmod(v, 100) if type(v) is int and 0 <= v < {10**16} else {write}'
    if type(lens) is DecimalLens and 0 < lens.decimals <= 6:
        normal = source.new("normal", _normal(lens))
        return f"s if type(v) is Decimal and {normal}(s := str(v)) else {write}"
    if type(lens) is TimeLens and lens.form == lens._ISO:
        ours = "type(v) is datetime and v.tzinfo == CHINA and not v.microsecond"
        # `isoformat` of the whole would work out the zone, which takes longer than all the rest.
        return f'v.date().isoformat() + " " + v.time().isoformat() if {ours} else {write}'
    return write


def written(source: Source, lens: Lens, other: str = '[^"]') -> str:
    """A regular expression for the texts that an expression of `writing` may give."""
    return _text(source, lens, other).pattern if isinstance(lens, TextLens) else f"{other}+"


def totals(source: Source, plan: Plan, value: Callable[[str], str]) -> None:
    """Statements that give up where a total is wrong; `value` says where a canonical field stands."""
    for total in plan.totals:
        if total.sum is None:
            parts = " + ".join([f"({value(name)} or 0)" for name in total.equals])
            source(f"if {value(total.field)} != {parts}: raise Doubt")
            continue
        rows = value(total.sum.rows)
        some = f"{rows} and " if total.when_present else ""
        added = f"{source.new('sum', total.sum.of)}({rows})"
        source(f"if {some}{value(total.field)} != {added}: raise Doubt")


def unmapped(source: Source, plan: Plan, values: dict[str, str]) -> None:
    """Canonical fields that come from elsewhere, checked, and those that are assumed."""
    given = source.new("given", frozenset(plan.elsewhere))
    source(f"if not elsewhere.keys() <= {given}: raise Doubt")
    for name, target in plan.elsewhere.items():
        values[name] = variable = source.new("e")
        default = source.new("default")
        source.names[default] = target.default
        check = f"{source.new('check', target.check)}({variable})"
        if target.kind == "text" and (target.min_length, target.max_length, target.pattern) == (
            0,
            None,
            None,
        ):
            check = f"type({variable}) is str or {check}"
        if target.required:
            source(f"{variable} = elsewhere[{name!r}]")
            source(check)
        else:
            source(f"{variable} = elsewhere.get({name!r}, {default})")
            source(f"if {name!r} in elsewhere: {check}")
    for name, value in plan.assumed.items():
        if name in fields_of(plan.struct):
            values[name] = source.new("assumed")
            source.names[values[name]] = value
