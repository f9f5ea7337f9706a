"""XML that is no tree of fields: what a reshape makes of it, makes back, and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from mappings import SHIPPED, MappingError, Refused, converters, lint, load
from mappings.codecs.xml_reshape import Boxes, Captions, Reshape, Table
from tests.mappings.tools import write

TABLE = Table("V", "Row", "D", ("Code", "Text"))
CAPTIONS = Captions("ROW", (("XM", "姓名"),))
BOXES = Boxes("ROW/ITEM", "result_")

SHAPES: list[tuple[Reshape, str, str]] = [
    (
        TABLE,
        "<M><V><Row><D>000</D><D></D></Row><Row><D>A</D><D>B</D></Row><Row><D>1</D><D>2</D></Row></V></M>",
        "<M><V><Row><A>1</A><B>2</B></Row><Code>000</Code></V></M>",
    ),
    (TABLE, "<M><V><Row><D>103</D><D>no</D></Row></V></M>", "<M><V><Code>103</Code><Text>no</Text></V></M>"),
    (
        CAPTIONS,
        "<ROWS><I/><ROW><XM>姓名</XM></ROW><ROW no='1'><XM>张测试</XM></ROW></ROWS>",
        "<ROWS><I/><ROW no='1'><XM>张测试</XM></ROW></ROWS>",
    ),
    (CAPTIONS, "<ROWS><I/></ROWS>", "<ROWS><I/></ROWS>"),
    (
        BOXES,
        "<ROWS><ROW><ITEM><xm/><result_xm>一致</result_xm></ITEM><ITEM><xp>/9j/</xp></ITEM></ROW><ROW/></ROWS>",
        "<ROWS><ROW><result_xm>一致</result_xm><xp>/9j/</xp></ROW><ROW/></ROWS>",
    ),
]


def same(tree: etree._Element, text: str) -> bool:
    return etree.tostring(tree, method="c14n") == etree.tostring(etree.fromstring(text), method="c14n")


@pytest.mark.parametrize(("reshape", "sent", "meant"), SHAPES)
def test_a_shape_becomes_a_tree_and_the_tree_that_shape(reshape: Reshape, sent: str, meant: str) -> None:
    tree = etree.fromstring(sent)
    reshape.read(tree)
    assert same(tree, meant)
    reshape.write(tree)
    assert same(tree, sent)


@pytest.mark.parametrize(
    ("reshape", "sent"),
    [
        (TABLE, "<M><V/></M>"),
        (TABLE, "<M><V><Other/></V></M>"),
        (TABLE, "<M><V><Row><D>0</D><D>1</D><D>2</D></Row></V></M>"),
        (TABLE, "<M><V><Row><X>0</X></Row></V></M>"),
        (TABLE, "<M><V><Row><D><X/></D></Row></V></M>"),
        (TABLE, "<M><V><Row/><Row><D>A</D><D>A</D></Row></V></M>"),
        (TABLE, "<M><V><Row/><Row><D>A B</D></Row></V></M>"),
        (TABLE, "<M><V><Row/><Row><D>A</D></Row><Row><D>1</D><D>2</D></Row></V></M>"),
        (CAPTIONS, "<ROWS><ROW><XM>张测试</XM></ROW></ROWS>"),
        (CAPTIONS, "<ROWS><ROW no='1'><XM>姓名</XM></ROW></ROWS>"),
        (CAPTIONS, "<ROWS><ROW><XM>姓名</XM><XB>性别</XB></ROW></ROWS>"),
        (BOXES, "<ROWS><ROW><ITEM/></ROW></ROWS>"),
        (BOXES, "<ROWS><ROW><ITEM><xp>1</xp></ITEM><Other/></ROW></ROWS>"),
        (BOXES, "<ROWS><ROW><ITEM><xm>张测试</xm><result_xm>一致</result_xm></ITEM></ROW></ROWS>"),
        (BOXES, "<ROWS><ROW><ITEM><xb/><result_xm>一致</result_xm></ITEM></ROW></ROWS>"),
    ],
)
def test_another_shape_is_refused_without_quoting_it(reshape: Reshape, sent: str) -> None:
    with pytest.raises(Refused) as no:
        reshape.read(etree.fromstring(sent))
    assert no.value.rule == "shape"
    assert "张测试" not in no.value.zh


def test_what_is_wrong_with_a_reshape_is_found_before_anything_runs(tmp_path: Path) -> None:
    codec = "{kind: xml, root: R, namespace: 'urn:x', reshape: [{table: V, row: Row, cel: D, lead: [Code]}]}"
    found = {(p.path, p.level) for p in lint(write(tmp_path, codec=codec))}
    assert ("codec.reshape", "error") in found
    assert ("codec.reshape[1].cel", "error") in found
    assert ("codec.reshape[1].cell", "error") in found


def test_markup_in_a_value_survives_both_reshapes() -> None:
    mapping = load(SHIPPED / "police" / "nciic_result.yaml")
    wire = (SHIPPED / "police/samples/nciic_result/edge-field-missing/wire.xml").read_bytes().rstrip(b"\n")
    body = mapping.decode(wire.replace("必录项缺失".encode(), b"&lt;a&gt; &amp;&#13; \xc2\xb7"))
    assert b"&lt;a&gt; &amp;&#13; \xc2\xb7" in mapping.encode(body)
    assert mapping.decode(mapping.encode(body)) == body


@pytest.mark.parametrize(
    "text",
    [
        "SFZH='990101199001010019' OR '1'='1'",
        "SFZH='99010119900101001９'",
        "SFZH='990101199001010018'",
        "SFZH=''",
        "sfzh='990101199001010019'",
        "XM='张测试'",
    ],
)
def test_a_condition_holds_one_valid_number_and_nothing_else(text: str) -> None:
    condition = converters.get("register_condition")
    with pytest.raises(Refused):
        condition.decode(text)
    with pytest.raises(Refused):
        condition.encode(text.removeprefix("SFZH='").removesuffix("'"))


def test_a_name_that_the_declared_character_set_has_not_comes_through() -> None:
    mapping = load(SHIPPED / "treasury" / "9114.agreement.yaml")
    sample = SHIPPED / "treasury/samples/9114.agreement/edge-revoked-rare-characters/wire.xml"
    wire = sample.read_bytes().rstrip(b"\n")
    assert wire.startswith(b'<?xml version="1.0" encoding="GBK"?>')
    assert "𠮷".encode("gb18030") in wire
    with pytest.raises(MappingError) as no:
        mapping.decode(wire.replace("古丽·𠮷例".encode("gb18030"), ("例" * 99 + "𠮷").encode("gb18030")))
    assert {(f.field, f.rule) for f in no.value.faults} == {
        ("MSG/ProveInfo9114/TaxPayName", "length"),
        ("MSG/ProveInfo9114/HandOrgName", "length"),
    }
    assert "例" not in str(no.value)


CALL = """\
mapping: test.call
version: 1
title: {zh: 核验, en: Check}
canonical: identity.checks.asked.v1
codec: {kind: xml, root: nciicCheck, namespace: 'urn:x'}
elsewhere: [operator_code, operator_name, operator_document_no, operator_department, photo_wanted]

fields:
  - {at: inLicense, as: text(4000), envelope: true}
  - inside: inConditions
    codec: {kind: xml, root: ROWS, declaration: true, reshape: [{captions: ROW, texts: {XM: 姓名}}]}
    fields:
      - each: ROW
        to: persons
        fields:
          - {at: '@FSD', to: region, as: text(6)}
          - {at: '@YWLX', to: purpose, as: text(60)}
          - {at: GMSFHM, to: document_no, as: cn_id}
          - {at: XM, to: name, as: text(50)}
"""


def test_a_shape_within_a_text_within_a_message(tmp_path: Path) -> None:
    (tmp_path / "call.yaml").write_text(CALL, encoding="utf-8")
    mapping = load(tmp_path / "call.yaml")
    given = {"operator_code": "op01", "operator_name": "甲", "operator_department": "990101000000"}
    wire = (
        '<nciicCheck xmlns="urn:x"><inLicense>L</inLicense><inConditions>'
        '&lt;?xml version="1.0" encoding="UTF-8"?&gt;&lt;ROWS&gt;&lt;ROW&gt;&lt;XM&gt;姓名&lt;/XM&gt;&lt;/ROW&gt;'
        '&lt;ROW FSD="990101" YWLX="登记"&gt;&lt;GMSFHM&gt;990101199001010019&lt;/GMSFHM&gt;'
        "&lt;XM&gt;张测试&lt;/XM&gt;&lt;/ROW&gt;&lt;/ROWS&gt;</inConditions></nciicCheck>"
    ).encode()
    body = mapping.decode(wire, **given)
    assert mapping.encode(body, mapping.read_envelope(mapping.parse(wire))) == wire
    with pytest.raises(MappingError, match="inConditions"):
        mapping.decode(wire.replace("姓名".encode(), "名".encode()), **given)
