"""The codecs and the engine around them: what is refused, what is kept, what an error tells."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.canonical.settlement import ReversalDone
from mappings import SHIPPED, MappingError, Refused, load, parse_json
from mappings.report import MAX_FAULTS
from tests.mappings.tools import REVERSAL, make, rules

DONE = ReversalDone(original_message_id="M1", raw_code="0", raw_text="好")
XML = "{kind: xml, root: r, namespace: 'urn:a', namespaces: {p: 'urn:b'}}"
NESTED = REVERSAL.replace("at: code", "at: head/p:code").replace("at: text", "at: tail/text")


class TestJson:
    @pytest.mark.parametrize(
        "data",
        [b"", b"{", b"{}x", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b"\xff", b'"\xff"', b"[" * 9999,
         b'{"a":1e99999999999999999999}', b'"\\ud800"', b"\xef\xbb\xbf{}", b'{"a":01}', b"{'a':1}"],
    )  # fmt: skip
    def test_malformed(self, data: bytes) -> None:
        with pytest.raises(Refused, match="malformed"):
            parse_json(data)

    @pytest.mark.parametrize(
        "data",
        [
            b'{"a":1,"a":1}',
            b'{"a":{"b":1,"b" :2}}',
            b'[{"a" : 1,"a":2}]',
            b'{"a":1,"\\u0061":2}',
            b'{"a":1,"a"\n:"x\\":"}',
        ],
    )
    def test_a_key_given_twice(self, data: bytes) -> None:
        with pytest.raises(Refused, match="twice"):
            parse_json(data)

    @pytest.mark.parametrize(
        "data", [b'{"a":"x\\":","b":2}', b'{"a" : 1}', b'{"a":{"a":{"a":1}}}', b'[{"a":1},{"a":2}]']
    )
    def test_keys_that_only_look_doubled(self, data: bytes) -> None:
        parse_json(data)

    def test_numbers_stay_exact(self) -> None:
        assert parse_json(b"[0.10,12345678901234.56]") == [Decimal("0.10"), Decimal("12345678901234.56")]
        assert str(parse_json(b"25.60")) == "25.60"

    def test_too_long(self) -> None:
        with pytest.raises(Refused, match="longer"):
            parse_json(b" " * 100, 99)

    @pytest.mark.parametrize("value", [b"null", b'""', None])
    def test_null_blank_and_absent_are_alike(self, tmp_path: Path, value: bytes | None) -> None:
        said = b"" if value is None else b',"text":' + value
        body = make(tmp_path).decode(b'{"omsgid":"M1","code":"0"' + said + b"}")
        assert body == ReversalDone(original_message_id="M1", raw_code="0")

    @pytest.mark.parametrize(
        ("empty", "end"), [("absent", b"}"), ("blank", b',"text":""}'), ("null", b',"text":null}')]
    )
    def test_an_absent_field_is_written_as_declared(self, tmp_path: Path, empty: str, end: bytes) -> None:
        mapping = make(tmp_path, empty=empty)
        assert mapping.encode(ReversalDone(original_message_id="M1", raw_code="0")).endswith(
            b'"code":"0"' + end
        )

    def test_shapes(self, tmp_path: Path) -> None:
        mapping = make(tmp_path, NESTED.replace("p:", ""))
        assert rules(mapping, b"[]") == [("$", "shape"), ("omsgid", "missing"), ("head/code", "missing")]
        assert rules(mapping, b'{"omsgid":true,"head":[],"x":1}') == [
            ("x", "unknown"),
            ("omsgid", "type"),
            ("head", "shape"),
            ("head/code", "missing"),
        ]

    def test_a_float_is_somebody_elses_rounding(self) -> None:
        mapping = load(SHIPPED / "settlement" / "2208.output.yaml")
        with pytest.raises(MappingError) as refused:
            mapping.decode_tree({"setlinfo": {"medfee_sumamt": 25.6}}, raw_code="0")
        assert ("setlinfo/medfee_sumamt", "float") in [(f.field, f.rule) for f in refused.value.faults]

    def test_optional_branches_are_written_only_where_they_hold_something(self, tmp_path: Path) -> None:
        mapping = make(tmp_path, NESTED.replace("p:", ""))
        assert (
            mapping.encode(ReversalDone(original_message_id="M1", raw_code="0"))
            == b'{"omsgid":"M1","head":{"code":"0"}}'
        )
        assert mapping.decode(mapping.encode(DONE)) == DONE

    @pytest.mark.parametrize("text", ["[]", "x", '{"omsgid":"M2"}', '{"omsgid":{}}', '{"a":1,"a":2}'])
    def test_an_extension_that_does_not_fit_is_refused(self, tmp_path: Path, text: str) -> None:
        kept = REVERSAL.replace("  - {at: text, to: raw_text, as: text(20), name: 说明}\n", "")
        mapping = make(tmp_path, kept, unknown="keep(raw_text)")
        assert mapping.decode(b'{"omsgid":"M1","code":"0","x":1.50}').raw_text == '{"x":1.50}'  # type: ignore[union-attr]
        with pytest.raises(MappingError) as refused:
            mapping.encode(ReversalDone(original_message_id="M1", raw_code="0", raw_text=text))
        assert refused.value.rule == "extension"


class TestXml:
    def test_prefixes_and_branches(self, tmp_path: Path) -> None:
        mapping = make(tmp_path, NESTED, codec=XML)
        data = mapping.encode(DONE)
        assert data.decode() == (
            '<r xmlns="urn:a" xmlns:p="urn:b"><omsgid>M1</omsgid><head><p:code>0</p:code></head>'
            "<tail><text>好</text></tail></r>"
        )
        assert mapping.decode(data) == DONE
        assert b"tail" not in mapping.encode(ReversalDone(original_message_id="M1", raw_code="0"))

    def test_without_a_namespace(self, tmp_path: Path) -> None:
        mapping = make(tmp_path, codec="{kind: xml, root: r}", empty="blank")
        data = mapping.encode(ReversalDone(original_message_id="a<&>\r", raw_code="0"))
        assert data == b"<r><omsgid>a&lt;&amp;&gt;&#13;</omsgid><code>0</code><text></text></r>"
        assert mapping.encode(mapping.decode(data)) == data

    @pytest.mark.parametrize(
        ("data", "rule"),
        [
            (b"<r>", "syntax"),
            (b"", "syntax"),
            (b'<!DOCTYPE r [<!ENTITY a "x">]><r><omsgid>&a;</omsgid><code>0</code></r>', "doctype"),
            (b"<r>" + b" " * (5 << 20) + b"</r>", "size"),
            (b"<x><omsgid>M1</omsgid><code>0</code></x>", "root"),
            (b"<r><omsgid>M1</omsgid><code>0<b/></code></r>", "shape"),
            (b"<r><omsgid>M1</omsgid><code>0</code>stray</r>", "shape"),
            (b"<r>stray<omsgid>M1</omsgid><code>0</code></r>", "shape"),
            (b"<r><omsgid>M1</omsgid><code>0</code><code>1</code></r>", "duplicate"),
            (b"<r><omsgid>M1</omsgid><code a='1'>0</code></r>", "attribute"),
            (b"<r><omsgid>M1</omsgid><code>0</code><x/></r>", "unknown"),
            (b"<r xmlns='urn:x'><omsgid>M1</omsgid><code>0</code></r>", "root"),
        ],
    )
    def test_refused(self, tmp_path: Path, data: bytes, rule: str) -> None:
        assert rules(make(tmp_path, codec="{kind: xml, root: r}"), data)[0][1] == rule

    def test_comments_and_nil_do_not_matter(self, tmp_path: Path) -> None:
        nil = b'<text xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>'
        data = b"<r>\n<omsgid>M<!-- no -->1</omsgid><?pi?><code>0</code>" + nil + b"</r>"
        body = make(tmp_path, codec="{kind: xml, root: r}").decode(data)
        assert body == ReversalDone(original_message_id="M1", raw_code="0")


class TestErrors:
    def test_values_of_persons_are_never_told(self) -> None:
        mapping = load(SHIPPED / "hospital" / "settlement_reversal.yaml")
        secret = "9" * 31
        data = f'<SettlementReversal xmlns="urn:tongqu:hospital:v1"><psn_no>{secret}</psn_no><opter_name>{secret * 9}</opter_name></SettlementReversal>'
        with pytest.raises(MappingError) as refused:
            mapping.decode(data.encode())
        fault = next(f for f in refused.value.faults if f.field == "psn_no")
        assert (fault.name, fault.canonical, fault.rule) == ("人员编号", "person_no", "length")
        assert secret not in str(refused.value)

    def test_both_worlds_are_named(self) -> None:
        mapping = load(SHIPPED / "settlement" / "2207.output.yaml")
        with pytest.raises(MappingError) as refused:
            mapping.decode(b'{"setldetail":[{},{"inscp_scp_amt":"x"}]}', raw_code="0")
        assert len(refused.value.faults) == MAX_FAULTS
        with pytest.raises(MappingError) as refused:
            mapping.encode(_settled_with_wrong_fund())
        assert [(f.field, f.canonical) for f in refused.value.faults] == [
            ("setldetail[1]/fund_pay_type", "funds[0].fund")
        ]

    def test_a_value_the_format_cannot_say(self) -> None:
        from msgspec.structs import replace

        mapping = load(SHIPPED / "settlement" / "2207.output.yaml")
        with pytest.raises(MappingError) as refused:
            mapping.encode(replace(_settled_with_wrong_fund(), currency="USD", funds=()))
        assert (refused.value.canonical, refused.value.rule) == ("currency", "assumed")

    def test_the_callers_errors_are_type_errors(self, tmp_path: Path) -> None:
        mapping = load(SHIPPED / "settlement" / "2601.input.yaml")
        with pytest.raises(TypeError, match="needs institution_code"):
            mapping.decode(b"{}")
        with pytest.raises(TypeError, match="encodes ReversalRequested"):
            mapping.encode(DONE)
        with pytest.raises(TypeError, match="takes from elsewhere only"):
            make(tmp_path).decode(b"{}", raw_code="0")
        with pytest.raises(TypeError, match="only encodes"):
            make(tmp_path, direction="encode").decode(b"{}")
        with pytest.raises(TypeError, match="only decodes"):
            make(tmp_path, direction="decode").encode(DONE)

    def test_what_comes_from_elsewhere_is_checked_too(self) -> None:
        mapping = load(SHIPPED / "settlement" / "2601.input.yaml")
        given = dict.fromkeys(mapping.elsewhere, "990101") | {"insured_region": "x", "operator_name": None}
        with pytest.raises(MappingError) as refused:
            mapping.decode(b'{"data":{"psn_no":"1","omsgid":"2","oinfno":"2207"}}', **given)
        assert {(f.canonical, f.rule) for f in refused.value.faults} == {
            ("insured_region", "pattern"),
            ("operator_name", "type"),
        }

    def test_the_envelope_is_read_and_supplied(self) -> None:
        mapping = load(SHIPPED / "hospital" / "settlement_reversal_result.yaml")
        assert mapping.envelope == ("inf_refmsgid",)
        data = mapping.encode(DONE, {"inf_refmsgid": "R1"})
        assert mapping.read_envelope(mapping.parse(data)) == {"inf_refmsgid": "R1"}
        assert mapping.read_envelope(mapping.parse(mapping.encode(DONE))) == {}
        request = load(SHIPPED / "hospital" / "settlement_reversal.yaml")
        tree = request.parse(b'<SettlementReversal xmlns="urn:tongqu:hospital:v1"/>')
        with pytest.raises(MappingError) as refused:
            request.read_envelope(tree)
        assert (refused.value.field, refused.value.rule) == ("msgid", "missing")

    def test_constants_are_checked_and_written(self, tmp_path: Path) -> None:
        text = REVERSAL + "  - {at: kind, as: const({x}), required: true}\n".replace(
            "const({x})", "'const({x})'"
        )
        for codec in ("{kind: json}", "{kind: xml, root: r}"):
            mapping = make(tmp_path, text, codec=codec)
            data = mapping.encode(DONE)
            assert b"{x}" in data
            assert mapping.decode(data) == DONE
            assert rules(mapping, data.replace(b"{x}", b"{y}")) == [("kind", "const")]


def _settled_with_wrong_fund() -> Any:
    from msgspec.structs import replace

    mapping = load(SHIPPED / "settlement" / "2207.output.yaml")
    wire = SHIPPED / "settlement" / "samples" / "2207.output" / "good" / "wire.json"
    body: Any = mapping.decode(wire.read_bytes(), raw_code="0")
    return replace(body, funds=(replace(body.funds[0], fund="基金"),))
