"""What no partner should send: bombs, depths, numbers without end; and patterns that could be made to hang."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from gateway.canonical.registry import BODIES
from mappings import Refused, load, parse_json, shipped
from mappings.plan import leaves
from mappings.shape import fields_of
from tests.mappings.tools import compiled, make, rules

XML = "{kind: xml, root: r}"
LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (f'<!DOCTYPE r [<!ENTITY l0 "lol">{LAUGHS}]><r><omsgid>&l11;</omsgid></r>', {"doctype", "syntax"}),
        (f'<!DOCTYPE r [<!ENTITY l0 "lol">{LAUGHS}]><r a="&l11;"/>', {"doctype", "syntax"}),
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><r><omsgid>&x;</omsgid></r>', {"doctype"}),
        ('<!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd"><r/>', {"doctype"}),
        ("<!DOCTYPE r><r/>", {"doctype"}),
        ("<r>" * 65 + "</r>" * 65, {"depth"}),
        ("<r>" * 100_000 + "</r>" * 100_000, {"syntax"}),
        ("<r>" + "<x/>" * 1_000_001 + "</r>", {"size"}),
        ("<r " + " ".join(f'a{i}="1"' for i in range(400_000)) + "/>", {"size"}),
        ("<r><omsgid>\0</omsgid></r>", {"syntax"}),
        ("<r><omsgid>&#0;</omsgid></r>", {"syntax"}),
        ("\0<r/>", {"syntax"}),
        ("<r><omsgid>" + "x" * (3 << 20) + "</omsgid><code>0</code></r>", {"length"}),
        ("<r><omsgid>1</omsgid><code>&lt;![CDATA[</code></r>", {"length"}),
    ],
)
def test_xml(tmp_path: Path, data: str, said: set[str]) -> None:
    start = time.process_time()
    assert rules(make(tmp_path, codec=XML), data.encode())[0][1] in said
    assert time.process_time() - start < 2


def test_xml_bounds_are_keys(tmp_path: Path) -> None:
    good = b"<r><omsgid>M1</omsgid><code>0</code></r>"
    make(tmp_path, codec="{kind: xml, root: r, max_depth: 2, max_items: 3, max_bytes: 40}").decode(good)
    for bound in ("max_depth: 1", "max_items: 2", "max_bytes: 39"):
        ((_, rule),) = rules(make(tmp_path, codec=f"{{kind: xml, root: r, {bound}}}"), good)
        assert rule in ("depth", "size")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[" * 64 + b"]" * 64, None),
        (b"[" * 65 + b"]" * 65, "depth"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "depth"),
        (b"[" * 1_000_000, "size"),
        (b"[" * 400_000, "syntax"),
        (b"[" + b"1," * 600_000 + b"1]", "size"),
        (b'{"a":1,"a":1}', "duplicate"),
        (b'{"a":1e400}', None),
        (b'{"a":' + b"9" * 1_000_000 + b"}", "syntax"),
        (b'{"a":1e-999999999999999999999}', "syntax"),
        (b'{"a":"\x00"}', "syntax"),
    ],
)
def test_json(data: bytes, said: str | None) -> None:
    start = time.process_time()
    if said is None:
        parse_json(data)
    else:
        with pytest.raises(Refused) as refused:
            parse_json(data)
        assert refused.value.rule == said
    assert time.process_time() - start < 2


def test_json_numbers_beyond_every_field(tmp_path: Path) -> None:
    from mappings import SHIPPED

    mapping = load(SHIPPED / "settlement" / "2208.output.yaml")
    for number in (b"1e400", b"-1e400", b"1e-400", b"1" * 300, b"0." + b"0" * 5000 + b"1"):
        with pytest.raises(ValueError, match="medfee_sumamt"):
            mapping.decode(b'{"setlinfo":{"medfee_sumamt":%b}}' % number, raw_code="0")


def test_json_bounds_are_keys(tmp_path: Path) -> None:
    good = b'{"omsgid":"M1","code":"0"}'
    make(tmp_path, codec="{kind: json, max_depth: 1, max_items: 1, max_bytes: 26}").decode(good)
    assert rules(make(tmp_path, codec="{kind: json, max_bytes: 25}"), good) == [("", "size")]
    nested = good.replace(b'"0"', b'{"x":[1,2]}')
    assert rules(make(tmp_path, codec="{kind: json, max_depth: 1}"), nested) == [("", "depth")]
    assert rules(make(tmp_path, codec="{kind: json, max_items: 1}"), nested) == [("", "size")]


def repeats(parsed: Any, inside: bool = False) -> Iterator[bool]:
    """For each repetition in a parsed pattern, whether it may repeat something that varies in length itself."""
    for operator, argument in parsed:
        name = str(operator)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            _, high, inner = argument
            varies = high > 1 and inner.getwidth()[0] != inner.getwidth()[1]
            yield varies
            yield from repeats(inner)
        elif name == "SUBPATTERN":
            yield from repeats(argument[-1])
        elif name == "BRANCH":
            for branch in argument[1]:
                yield from repeats(branch)


def test_patterns_cannot_be_made_to_hang() -> None:
    """No repetition of what varies in length: matching then takes time in proportion to the text's length."""
    from re import _parser as parser  # type: ignore[attr-defined]

    patterns = set()
    for body in BODIES.values():
        structs: list[type[Struct]] = [body]
        for struct in structs:  # grows meanwhile
            for field in fields_of(struct).values():
                structs += [field.struct] if field.struct is not None else []
                patterns |= {field.pattern} if field.pattern else set()
    patterns |= {
        leaf.lens.facets()[0]
        for path in shipped()
        for leaf in leaves(compiled(path).plan.items)
        if leaf.role != "skip"
    }
    assert len(patterns) > 20
    assert [p for p in patterns if any(repeats(parser.parse(p)))] == []
    assert any(repeats(parser.parse("(a+)+")))
    assert any(repeats(parser.parse("(?:a|ab){2,}x")))
    assert re.compile("(a+)+")
