"""Documents within documents, second spellings of a place, and ZIP files."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gateway.canonical.settlement import ReversalDone
from mappings import DefinitionError, Mapping, MappingError
from mappings.testing import check_hostile, check_laws
from tests.mappings.tools import lines, rules

DONE = ReversalDone(original_message_id="M1", raw_code="0", raw_text='好"<]]>')
LEAST = ReversalDone(original_message_id="M1", raw_code="0")
CODE = "{at: code, to: raw_code, as: text(6)}"
XML, JSON = "{kind: xml, root: r}", "{kind: json}"
INNER = "{at: id, to: original_message_id, as: text(30)}, {at: t/text, to: raw_text, as: text(20)}"
HL7 = "{inside: d.hl7, codec: {kind: hl7v2, charset: gbk}, fields: [{at: PID-5, to: raw_text, as: text(20)}]}"


@pytest.mark.parametrize(
    ("outer", "inner", "text"),
    [
        (XML, "{kind: xml, root: q, charset: gbk, declaration: true}", 'encoding="GBK"?&gt;&lt;q&gt;'),
        (JSON, XML, '"msg":"<r><id>M1</id>'),
        (JSON, JSON, r'"msg":"{\"id\":\"M1\"'),
        (XML, JSON, '<msg>{"id":"M1"'),
        (XML, "{kind: json, root: data}", '<msg>{"data":{"id":"M1"'),
        ("{kind: hl7v2, charset: utf-8}", XML, None),
    ],
)
def test_laws(tmp_path: Path, outer: str, inner: str, text: str | None) -> None:
    place, code = (
        ("OBX-5", "{at: OBX-3.1, to: raw_code, as: text(6)}") if text is None else ("body/msg", CODE)
    )
    mapping = lines(tmp_path, outer, f"{{inside: {place}, codec: {inner}, fields: [{INNER}]}}", code)
    data = mapping.encode(DONE)
    assert (text or "") in data.decode()
    assert mapping.decode(data) == DONE
    assert mapping.decode(mapping.encode(LEAST)) == LEAST
    check_laws(mapping)
    check_hostile(mapping, data, DONE)


class TestInside:
    @pytest.fixture
    def mapping(self, tmp_path: Path) -> Mapping:
        deep = "{inside: deep, required: false, codec: {kind: xml, root: q}, fields: [{at: x, to: raw_text, as: text(9)}]}"
        inner = "{at: id, to: original_message_id, as: text(5)}, {at: m, envelope: true, as: text(9), required: false}"
        return lines(tmp_path, XML, f"{{inside: b/msg, codec: {JSON}, fields: [{inner}, {deep}]}}", CODE)

    @pytest.mark.parametrize(
        ("message", "said"),
        [
            ('{"id":"M1","deep":"&lt;q>&lt;y/>&lt;/q>"}', [("b/msg/deep/y", "unknown")]),
            ('{"id":"M1","deep":"&lt;z/>"}', [("b/msg/deep", "root")]),
            ('{"id":"M1","deep":1}', [("b/msg/deep", "type")]),
            ('{"id":"123456"}', [("b/msg/id", "length")]),
            ("{}", [("b/msg/id", "missing")]),
            ("{", [("b/msg", "syntax")]),
            ("[]", [("b/msg", "shape")]),
            ("", [("b/msg", "missing")]),
        ],
    )
    def test_errors_carry_the_whole_path(
        self, mapping: Mapping, message: str, said: list[tuple[str, str]]
    ) -> None:
        assert rules(mapping, f"<r><b><msg>{message}</msg></b><code>0</code></r>".encode()) == said

    def test_an_optional_one_is_left_out(self, mapping: Mapping) -> None:
        assert mapping.encode(LEAST) == b'<r><b><msg>{"id":"M1"}</msg></b><code>0</code></r>'

    def test_its_envelope_is_read_and_written(self, mapping: Mapping) -> None:
        data = mapping.encode(LEAST, {"m": "7"})
        assert mapping.read_envelope(mapping.parse(data)) == {"m": "7"}
        assert mapping.read_envelope(mapping.parse(b"<r><code>0</code></r>")) == {}

    def test_lint(self, tmp_path: Path) -> None:
        with pytest.raises(DefinitionError, match="no fields"):
            lines(tmp_path, XML, f"{{inside: msg, codec: {JSON}, fields: []}}", CODE)
        with pytest.raises(DefinitionError, match="must be one of"):
            lines(tmp_path, XML, "{inside: msg, codec: {kind: jsn}, fields: []}", CODE)
        with pytest.raises(DefinitionError, match="never inside"):
            lines(tmp_path, XML, f"{{inside: msg, codec: {{kind: zip}}, fields: [{HL7}]}}", CODE)
        with pytest.raises(DefinitionError, match="stands in an element"):
            lines(tmp_path, XML, f"{{inside: '@msg', codec: {JSON}, fields: [{INNER}]}}", CODE)
        with pytest.raises(DefinitionError, match="required: true"):
            lines(tmp_path, XML, f"{{inside: m, required: false, codec: {JSON}, fields: [{INNER}]}}", CODE)


class TestAlso:
    @pytest.fixture(params=[XML, JSON])
    def mapping(self, tmp_path: Path, request: pytest.FixtureRequest) -> Mapping:
        also = "{at: a/id, to: original_message_id, as: text(5), also: [ident, b/id]}"
        assumed = "[{to: raw_text, why: x}]"
        return lines(tmp_path, str(request.param), also, CODE, assumed=assumed)

    @staticmethod
    def said(mapping: Mapping, **places: str) -> bytes:
        if mapping.plan.document.options.kind == "xml":
            inner = "".join(f"<{k}>{v}</{k}>" for k, v in places.items())
            return (
                f"<r>{inner}<code>0</code></r>".replace("<b>", "<b><id>")
                .replace("</b>", "</id></b>")
                .encode()
            )
        inner = "".join(f'"{k}":{{"id":"{v}"}},' if k in "ab" else f'"{k}":"{v}",' for k, v in places.items())
        return f'{{{inner}"code":"0"}}'.encode()

    def test_other_places_are_read_and_the_first_is_written(self, mapping: Mapping) -> None:
        for data in (
            self.said(mapping, ident="M1"),
            self.said(mapping, b="M1"),
            self.said(mapping, b="M1", ident="M1"),
        ):
            assert mapping.decode(data) == LEAST
        assert b"ident" not in mapping.encode(LEAST)
        check_laws(mapping)

    def test_two_values_are_one_too_many(self, mapping: Mapping) -> None:
        assert rules(mapping, self.said(mapping, b="M1", ident="M2")) == [("a/id", "duplicate")]
        assert rules(mapping, self.said(mapping)) == [("a/id", "missing")]

    def test_a_place_is_taken_once(self, tmp_path: Path) -> None:
        with pytest.raises(DefinitionError, match="never reached"):
            lines(tmp_path, JSON, "{at: id, to: original_message_id, as: text(5), also: [code]}", CODE)


def packed(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


class TestZip:
    GOOD = (("x.xml", b"<r><id>M1</id><code>0</code></r>"), ("d.hl7", b"MSH|^~\\&\r"))

    @pytest.fixture
    def mapping(self, tmp_path: Path) -> Mapping:
        fields = f"{{at: id, to: original_message_id, as: text(5)}}, {CODE}"
        return lines(
            tmp_path,
            "{kind: zip}",
            f"{{inside: '*.xml', written: a.xml, codec: {XML}, fields: [{fields}]}}",
            HL7,
        )

    def test_laws(self, mapping: Mapping) -> None:
        assert mapping.decode(packed(*self.GOOD)) == LEAST
        data = mapping.encode(DONE)
        assert data == mapping.encode(DONE)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.namelist() == ["a.xml", "d.hl7"]
            assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert not any(i.extra for i in archive.infolist())
        check_laws(mapping)
        check_hostile(mapping, data, DONE)

    def test_places(self, mapping: Mapping) -> None:
        assert rules(mapping, packed(("x.xml", b"<r><code>0</code></r>"), self.GOOD[1])) == [
            ("*.xml/id", "missing")
        ]
        assert rules(mapping, packed(*self.GOOD, ("y.txt", b""))) == [("y.txt", "unknown")]
        assert rules(mapping, packed(*self.GOOD, ("y.xml", b"")))[0] == ("*.xml", "duplicate")
        assert rules(mapping, packed(self.GOOD[0])) == [("d.hl7", "missing")]

    @pytest.mark.parametrize(
        ("data", "rule"),
        [
            (b"", "syntax"),
            (b"PK\x03\x04", "syntax"),
            (packed(("x.xml", b"\0" * (8 << 20))), "size"),
            (packed(("x.xml", bytes(range(256)) * 280_000)), "size"),
            (packed(*((f"{i}.xml", b"") for i in range(17))), "size"),
            (packed(*GOOD).replace(b"d.hl7", b"x.xml"), "duplicate"),
            (b"x" * (5 << 20), "size"),
        ],
    )
    def test_bombs_and_damage(self, mapping: Mapping, data: bytes, rule: str) -> None:
        assert rules(mapping, data) == [("", rule)]

    def test_a_directory_that_lies(self, mapping: Mapping) -> None:
        data = packed(("x.xml", b"x" * 5000))
        lying = data.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
        assert rules(mapping, lying) == [("", "syntax")]

    def test_encrypted(self, mapping: Mapping) -> None:
        data = bytearray(packed(*self.GOOD))
        data[data.index(b"PK\x01\x02") + 8] |= 1
        assert rules(mapping, bytes(data)) == [("", "syntax")]

    def test_lint(self, tmp_path: Path) -> None:
        fields = f"{{at: id, to: original_message_id, as: text(5)}}, {CODE}"
        with pytest.raises(DefinitionError, match="under which name"):
            lines(tmp_path, "{kind: zip}", f"{{inside: '*.xml', codec: {XML}, fields: [{fields}]}}", HL7)
        with pytest.raises(DefinitionError, match="`inside` only"):
            lines(tmp_path, "{kind: zip}", CODE)
        with pytest.raises(DefinitionError, match="no name of a member"):
            lines(tmp_path, "{kind: zip}", HL7.replace("d.hl7", "../d.hl7"))

    def test_records_within(self, tmp_path: Path) -> None:
        codec = "{kind: delimited, charset: utf-8, separator: tab, line_end: lf, last_line_end: false, records: {row: {}}}"
        parts = ("settlement_id", "visit_id", "person_no")
        fields = [f"{{at: {name}, column: {n}, to: {name}, as: text(30)}}" for n, name in enumerate(parts, 1)]
        money = ("total", "fund_total", "account_paid")
        fields += [
            f"{{at: {name}, column: {n}, to: {name}, as: money(yuan)}}" for n, name in enumerate(money, 4)
        ]
        rows = f"{{each: row, to: details, fields: [{', '.join(fields)}, {{at: refund, column: 7, to: refund, as: flag(1/0)}}]}}"
        line = f"{{inside: '*.txt', written: detail.txt, codec: {codec}, fields: [{rows}]}}"
        mapping = lines(tmp_path, "{kind: zip}", line, canonical="reconciliation.file.submitted.v1")
        body: Any = mapping.decode(packed(("x.txt", b"S1\tV1\tP1\t25.60\t16.13\t9.47\t0")))
        assert body.details[0].total == 2560
        assert mapping.decode(packed(("x.txt", b""))).details == ()  # type: ignore[union-attr]
        check_laws(mapping)


@pytest.mark.parametrize("name", ["../up.json", "/etc/x.json", "a\\\\b.json", "up.txt"])
def test_a_member_is_written_inside_the_folder_and_under_the_pattern(tmp_path: Path, name: str) -> None:
    inside = f"{{inside: '*.json', written: '{name}', codec: {JSON}, fields: [{INNER}, {CODE}]}}"
    with pytest.raises(DefinitionError, match="written"):
        lines(tmp_path, "{kind: zip}", inside)


def test_rows_around_a_file_of_records_inside_are_found_by_their_own_place(tmp_path: Path) -> None:
    records = "{kind: delimited, charset: utf-8, separator: '|', line_end: lf, records: {one: {first: true}}}"
    mapping = lines(
        tmp_path,
        JSON,
        f"{{inside: text, codec: {records}, fields: [{{at: one/batch, column: 1, to: batch_id, as: text(9)}}]}}",
        "{each: rows, to: lines, fields: ["
        "{at: id, to: end_to_end_id, as: text(9), required: true}, {at: ref, to: bank_reference, as: text(9)},"
        " {at: fen, to: amount, as: money(fen)}]}",
        canonical="payment.reconciliation.reported.v1",
        direction="decode",
        elsewhere="[reconciled_on, number_of_transactions, control_sum]",
        assumed="[{to: currency, why: 只有人民币}]",
    )
    data = b'{"text":"B1","rows":[{"id":"E1","ref":"R1","fen":1},{"id":"E2","ref":"R2","fen":"x"}]}'
    with pytest.raises(MappingError) as refused:
        mapping.decode(data, reconciled_on=dt.date(2026, 11, 20), number_of_transactions=2, control_sum=2)
    assert [(f.field, f.rule, f.line) for f in refused.value.faults] == [("rows[2]/fen", "money", 0)]
