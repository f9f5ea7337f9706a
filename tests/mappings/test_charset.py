"""Characters a partner's charset has not: refused, sent as GB 18030, or substituted as agreed; never replaced by `?`."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.canonical.payment import PaymentBatch
from mappings import Mapping, MappingError, lint
from mappings.charset import CHARSETS
from mappings.errors import DefinitionError, Refused
from tests.mappings import tools
from tests.mappings.batch import DELIMITED, FIXED, batch, make, write

NAME = "to: name, name: 户名"
LOSS = ("lossy:\n", "lossy:\n  - {to: items.name, why: 按与银行的约定替换}\n")
AGREED = {"䶮": "YAN", "𠮷": "吉", "㐂": "喜", "•": "·", "‧": "·", "⋅": "·", "・": "·"}
ANY = settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def substituting(folder: Path, text: str, *changes: tuple[str, str]) -> Mapping:
    line = f"{NAME}, outside: substitute(name_substitutes)"
    return make(folder, text, (NAME, line), LOSS, *changes)


def named(*names: str) -> PaymentBatch:
    body = batch(len(names))
    rows = zip(body.items, names, strict=True)
    return replace(body, items=tuple(replace(item, name=name) for item, name in rows))


def names(mapping: Mapping, data: bytes) -> list[str]:
    body = mapping.decode(data)
    assert isinstance(body, PaymentBatch)
    return [item.name for item in body.items]


@pytest.mark.parametrize("text", [DELIMITED, FIXED.replace("gb18030", "gbk")], ids=["delimited", "fixed"])
def test_agreed_substitutes_are_written_and_nothing_else_changes(tmp_path: Path, text: str) -> None:
    mapping = substituting(tmp_path, text)

    @ANY
    @given(st.lists(st.text(st.sampled_from([*AGREED, "王", "a", "·"]), min_size=1, max_size=5), max_size=4))
    def written(given_names: list[str]) -> None:
        expected = ["".join(AGREED.get(c, c) for c in name) for name in given_names]
        if any(len(name.encode("gbk")) > 20 for name in expected):
            with pytest.raises(MappingError) as no:  # what counts is the length of what is written
                mapping.encode(named(*given_names))
            assert {f.rule for f in no.value.faults} == {"length"}
            return
        body = named(*given_names)
        data = mapping.encode(body)
        assert names(mapping, data) == expected
        assert mapping.encode(named(*expected)) == data
        out = io.BytesIO()
        mapping.write(out, replace(body, items=()), body.items)
        assert out.getvalue() == data

    written()


def test_what_no_agreement_speaks_of_is_refused_at_its_field(tmp_path: Path) -> None:
    with pytest.raises(MappingError) as no:
        substituting(tmp_path, DELIMITED).encode(named("王䲟"))
    assert [(f.field, f.rule) for f in no.value.faults] == [("item[1]/name", "charset")]
    assert "䲟" not in str(no.value)


def test_gb18030_writes_every_character_and_gbk_is_a_part_of_it(tmp_path: Path) -> None:
    mapping = make(tmp_path, FIXED)
    assert names(mapping, mapping.encode(named("".join(AGREED)[:4], "张测试"))) == [
        "".join(AGREED)[:4],
        "张测试",
    ]
    said = [c for c in map(chr, range(0x110000)) if CHARSETS["gbk"].says(c)]
    assert len(said) > 21_000
    assert all(c.encode("gbk") == c.encode("gb18030") for c in said)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((LOSS[1], LOSS[0]), "lose text"),
        (("name_substitutes", "no_such_table"), "no code table"),
        (("name_substitutes", "region"), "must be one character"),
        (("charset: gbk", "charset: gb18030"), "has no character that gb18030 lacks"),
        (("substitute(name_substitutes)", "replace"), "must be refuse or substitute"),
    ],
)
def test_lint_says_what_is_wrong_with_a_substitution(
    tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    line = f"{NAME}, outside: substitute(name_substitutes)"
    path = write(tmp_path, DELIMITED, (NAME, line), LOSS, change)
    assert any(expected in p.en for p in lint(path) if p.level == "error")


def test_a_format_without_charset_has_nothing_to_substitute(tmp_path: Path) -> None:
    text = tools.REVERSAL.replace("as: text(20)", "as: text(20), outside: substitute(name_substitutes)")
    problems = lint(tools.write(tmp_path, text))
    assert "`outside` needs a format with a charset" in [p.en for p in problems]


def utf8(data: bytes) -> bytes:
    return data.decode("gbk").encode()


XML = "{kind: xml, root: R, charset: gbk}"
HL7 = "{kind: hl7v2, charset: gbk}"


class TestUtf8WhereGbkIsAgreed:
    def test_is_said_at_once_for_a_whole_file_and_for_a_stream(self, tmp_path: Path) -> None:
        mapping = make(tmp_path, DELIMITED)
        data = utf8(mapping.encode(named("张测试", "李样例", "王示范")))
        reads: list[Callable[[], object]] = [
            lambda: mapping.decode(data),
            lambda: list(mapping.read(io.BytesIO(data))),
        ]
        for read in reads:
            with pytest.raises(MappingError) as no:
                read()
            assert [f.rule for f in no.value.faults] == ["charset"]
            assert "UTF-8" in no.value.en

    def test_is_said_of_xml_that_declares_gbk(self, tmp_path: Path) -> None:
        mapping = tools.make(tmp_path, codec=XML)
        text = "<R><omsgid>1</omsgid><code>1</code><text>无此业务</text></R>"
        for data in (text.encode(), f'<?xml version="1.0" encoding="GBK"?>{text}'.encode()):
            assert tools.rules(mapping, data) == [("", "charset")]
        assert mapping.decode(text.encode("gbk")) is not None
        declared = f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
        assert mapping.decode(declared) is not None  # an encoding that is declared is read

    @pytest.mark.parametrize("name", ["gbk", "gb18030"])
    def test_real_names_are_never_mistaken(self, name: str) -> None:
        charset = CHARSETS[name]

        @settings(max_examples=500, deadline=None, database=None)
        @given(st.text(st.characters(codec="gb2312"), max_size=8))
        def taken(text: str) -> None:
            # Common characters whose bytes could be UTF-8 as well are taken as what is agreed.
            common = [c for c in text if "\u4e00" <= c <= "\u9fff" and c.encode("gb2312") < b"\xd8"]
            charset.expect("".join(common).encode(name))

        taken()

    @pytest.mark.parametrize("text", ["张三", "测试人员", "张测试|李样例", "\ufeffH|1"])
    def test_is_told_from_gbk(self, text: str) -> None:
        CHARSETS["gbk"].expect(text.lstrip("\ufeff").encode("gbk"))
        CHARSETS["utf-8"].expect(text.encode())
        with pytest.raises(Refused):
            CHARSETS["gbk"].expect(text.encode())


def test_a_separator_within_a_text_is_written_as_agreed_or_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError) as no:
        make(tmp_path, DELIMITED).encode(named("王|娜"))
    assert {(fault.field, fault.rule) for fault in no.value.faults} == {("item[1]/name", "separator")}
    line = f"{NAME}, outside: substitute(separator_substitutes)"
    mapping = make(tmp_path, DELIMITED, (NAME, line), LOSS)
    assert names(mapping, mapping.encode(named("王|娜", "李,四;"))) == ["王｜娜", "李,四;"]
    with pytest.raises(DefinitionError, match="no character"):
        make(tmp_path, FIXED, (NAME, line), LOSS)
