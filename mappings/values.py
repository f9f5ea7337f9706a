"""Hypothesis strategies for canonical values, from the lenses of a mapping and from the canonical schema."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import Struct

from gateway.canonical.organisation import check_character
from mappings.codecs import kinds
from mappings.codecs.codec import Codec, made
from mappings.codecs.kept import kept_text
from mappings.definition import Total
from mappings.errors import Refused
from mappings.lens import Lens
from mappings.lenses import CodeLens, ConvertLens, FlagLens, IdentityLens, TextLens
from mappings.lenses_numbers import DecimalLens, IntLens, MoneyLens, NumberLens, SequenceLens
from mappings.lenses_organisations import CreditCodeLens
from mappings.lenses_times import CHINA, DateLens, TimeLens
from mappings.plan import Branch, Document, Inside, Item, Leaf, Repeat
from mappings.shape import Field, fields_of

Values = st.SearchStrategy[Any]

#: Far from the bounds, so that sums of a few stay within them.
_FEN = st.integers(-(10**11), 10**11)
#: What goes wrong first: markup, quotes, blanks, wide characters, characters beyond the basic plane.
_ALPHABET = "aZ09 <>&\"'/\\{}[]:,;|^~\t\n\r中文一〇𠮷é　%"


def struct_values(
    struct: type[Struct], items: list[Item], codec: Codec | None, fixed: dict[str, Values], complete: bool
) -> Values:
    """Values of a struct as far as `items` can say them.

    Args:
        codec: of the items.
        fixed: what certain fields must be.
        complete: fields that no item speaks of get values too, as when a mapping only writes a part.
    """
    said = {i.attr: (i, c) for i, c in _flat(items, codec) if isinstance(i, Repeat) or i.role == "field"}
    parts: dict[str, Values] = {}
    for name, target in fields_of(struct).items():
        item, its = said.get(name, (None, None))
        if name in fixed:
            parts[name] = fixed[name]
        elif isinstance(item, Repeat):
            agreed = {name: st.just(value) for name, value in item.assumed.items()}
            rows = struct_values(item.struct, item.items, its, agreed, complete)
            parts[name] = st.lists(rows, max_size=3).map(tuple)
        elif isinstance(item, Leaf):
            value = leaf_values(item, target, its)
            # An optional place that is absent reads as the default, so None is a value only where it is that.
            none = target.nullable and not item.required
            parts[name] = st.none() | value if none else value
        elif complete or target.required:
            parts[name] = field_values(target)
    return st.builds(struct, **parts)


def _flat(items: list[Item], codec: Codec | None) -> Iterator[tuple[Leaf | Repeat, Codec | None]]:
    for item in items:
        if isinstance(item, Inside):
            yield from _flat(item.items, made(item.document))
        elif isinstance(item, Branch):
            yield from _flat(item.items, codec)
        else:
            yield item, codec


def leaf_values(leaf: Leaf, target: Field, codec: Codec | None) -> Values:
    """The values that can stand at one leaf."""

    def says(text: str) -> bool:
        return codec is None or codec.says(leaf, text)

    def fits(value: Any) -> bool:
        try:
            return says(leaf.lens.write(value))
        except Refused:
            return False

    room = max([n for n in range(1, 19) if says("9" * n)], default=1)
    alphabet = [c for c in _ALPHABET if says(f"a{c}a") or says(c)]
    return lens_values(leaf.lens, target, room, alphabet).filter(fits)


def lens_values(lens: Lens, target: Field, room: int, alphabet: list[str]) -> Values:  # noqa: PLR0911, PLR0912 - one line a lens
    """The values one lens can say before one canonical field, where numbers have `room` characters."""
    match lens:
        case TextLens():
            return _texts(lens.cap, target, alphabet)
        case MoneyLens():
            digits = min(11, room - 1 if lens.decimals else room)
            return st.integers(1 - 10 ** (digits - 1), 10**digits - 1)
        case SequenceLens():
            return st.just(lens.text(1) if lens.as_text else 1)
        case NumberLens():
            return _decimals(lens).map(lambda d: str(d) if d else str(abs(d)))
        case DecimalLens():
            return _decimals(lens)
        case IntLens():
            return st.integers(1 - 10 ** (room - 1), 10 ** min(room, 17) - 1)
        case DateLens():
            return st.dates()
        case TimeLens():
            return _times()
        case FlagLens():
            return st.booleans()
        case CodeLens():
            local = st.from_regex(r"L[0-9]{2}", fullmatch=True)
            known = st.sampled_from(sorted(lens.to_partner))
            return known | local if lens.open else known
        case IdentityLens():
            return st.just("990101199001010010").map(with_check_digit)
        case CreditCodeLens():
            return st.sampled_from(["91990101MA00000012", "12990101400000001X"]).map(with_check_character)
        case ConvertLens():
            return st.sampled_from([value for _, value in lens.converter.examples])
        case _:
            raise TypeError(f"no values are known for {type(lens).__name__}")


def field_values(target: Field) -> Values:
    """Values of a canonical field that no lens speaks of."""
    if target.kind == "rows" and target.struct is not None:
        return st.lists(struct_values(target.struct, [], None, {}, complete=True), max_size=2).map(tuple)
    if target.kind == "struct" and target.struct is not None:
        group = struct_values(target.struct, [], None, {}, complete=True)
        return st.none() | group if target.nullable else group
    kinds: dict[str, Values] = {
        "text": _texts(20, target, list(_ALPHABET)),
        "money": _FEN,
        "int": st.integers(0, 10**6),
        "bool": st.booleans(),
        "decimal": st.decimals(0, 10**6, places=target.decimals),
        "date": st.dates(),
        "datetime": _times(),
    }
    return st.none() | kinds[target.kind] if target.nullable else kinds[target.kind]


def _texts(cap: int, target: Field, alphabet: list[str]) -> Values:
    if target.pattern is not None:
        return st.from_regex(target.pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))
    size = min(cap, target.max_length or cap, 12)
    return st.text(st.sampled_from(alphabet), min_size=max(1, target.min_length), max_size=size)


def _decimals(lens: DecimalLens) -> Values:
    most = Decimal(10) ** (lens.digits - lens.decimals) - lens.step
    return st.decimals(-most, most, places=lens.decimals, allow_nan=False, allow_infinity=False)


def _times() -> Values:
    low, high = dt.datetime(1900, 1, 1), dt.datetime(2999, 1, 1)
    return st.datetimes(low, high).map(lambda t: t.replace(microsecond=0, tzinfo=CHINA))


def kept_values(document: Document) -> Values:
    """Extensions as decoding makes them: unknown fields at the top, with anything JSON can say."""
    examples = kinds.find(document.options.kind).kept_examples(document.options)
    if examples:
        return st.none() | st.sampled_from([kept_text(example) for example in examples])
    leaf = (
        st.none()
        | st.booleans()
        | st.integers(-(10**9), 10**9)
        | st.text(st.sampled_from(_ALPHABET), max_size=8)
    )
    tree = st.recursive(
        leaf, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.just("k"), v), max_leaves=4
    )
    names = st.sampled_from(["hifdm_pay_x", "exp_content_x", "local_x"])
    return st.none() | st.dictionaries(names, tree, min_size=1).map(kept_text)


def totalled(body: Any, totals: tuple[Total, ...]) -> Any:
    """The body with its totals made true; where two say the same, the last row takes up the difference."""
    added = [total.field for total in totals if total.equals]
    for total in totals:
        if total.sum is not None and total.field not in added:
            rows = getattr(body, total.sum.rows)
            if rows or not total.when_present:
                body = msgspec.structs.replace(body, **{total.field: total.sum.of(rows)})
    for total in totals:
        if total.equals:
            parts = sum(getattr(body, name) or 0 for name in total.equals)
            body = msgspec.structs.replace(body, **{total.field: parts})
    for total in totals:
        if total.sum is not None and total.field in added and (rows := getattr(body, total.sum.rows)):
            column = total.sum.column
            rest = getattr(body, total.field) - sum(getattr(r, column) for r in rows[:-1])
            last = msgspec.structs.replace(rows[-1], **{column: rest})
            body = msgspec.structs.replace(body, **{total.sum.rows: (*rows[:-1], last)})
    return body


def numbered(body: Any, ascending: tuple[tuple[Repeat, Leaf], ...]) -> Any:
    """The body with rows numbered from 1, where their numbers must ascend."""
    for repeat, leaf in ascending:
        lens = leaf.lens
        assert isinstance(lens, SequenceLens)
        numbers = ((n, lens.text(n)) for n in range(1, 1 + len(getattr(body, repeat.attr))))
        values = [text if lens.as_text else number for number, text in numbers]
        rows = zip(getattr(body, repeat.attr), values, strict=True)
        changed = tuple(msgspec.structs.replace(row, **{leaf.attr: value}) for row, value in rows)
        body = msgspec.structs.replace(body, **{repeat.attr: changed})
    return body


def with_check_digit(number: str) -> str:
    """An identity number of GB 11643 with the check digit it should have: for invented persons."""
    total = sum(pow(2, 17 - i, 11) * int(c) for i, c in enumerate(number[:17]))
    return number[:17] + "10X98765432"[total % 11]


def with_check_character(code: str) -> str:
    """A credit code of GB 32100 with the check character it should have: for invented organisations."""
    return code[:17] + check_character(code)
