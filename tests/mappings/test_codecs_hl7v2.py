"""HL7 v2: places, escapes, repetitions, what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.canonical.settlement import ReversalDone
from mappings import DefinitionError, Mapping, MappingError
from mappings.testing import check_hostile, check_laws
from tests.mappings.tools import lines, rules

DONE = ReversalDone(original_message_id="M|1^", raw_code="0", raw_text="好\n\\~&\r")
LEAST = ReversalDone(original_message_id="M1", raw_code="0")
GBK = "{kind: hl7v2, charset: gbk, version: '2.4'}"
FIELDS = (
    "{at: MSH-3, as: const(HIS)}",
    "{at: MSH-10, as: text(20), envelope: true, required: false}",
    "{at: 'PID-3[5=IdentifyNO].1', to: original_message_id, as: text(30)}",
    "{at: 'PID-3[5=No].1.2', to: raw_code, as: text(6)}",
    "{at: ZFP-2.3, to: raw_text, as: text(20)}",
)


@pytest.fixture
def mapping(tmp_path: Path) -> Mapping:
    return lines(tmp_path, GBK, *FIELDS)


def test_laws(mapping: Mapping) -> None:
    data = mapping.encode(DONE)
    assert data.decode("gbk") == (
        "MSH|^~\\&|HIS|||||||||2.4\r"
        "PID|||M\\F\\1\\S\\^^^^IdentifyNO~&0^^^^No\r"
        "ZFP||^^好\\.br\\\\E\\\\R\\\\T\\\\X0D\\\r"
    )
    assert mapping.decode(data) == DONE
    assert mapping.encode(LEAST).count(b"\r") == 2
    check_laws(mapping)
    check_hostile(mapping, data, DONE)


def test_the_envelope(mapping: Mapping) -> None:
    data = mapping.encode(LEAST, {"MSH-10": "C1"})
    assert data.startswith(b"MSH|^~\\&|HIS|||||||C1||2.4\r")
    assert mapping.read_envelope(mapping.parse(data)) == {"MSH-10": "C1"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r", b"\n"),
        (b"\r", b"\r\n"),
        (b"M\\F\\1", b"\\X4D\\\\F\\1"),
        (b"PID|||", b"PID|\"\"||"),
        (b"No\rZ", b"No^^|||\rZ"),
        (b"PID|||", b"PID|||~"),
    ],
)  # fmt: skip
def test_other_spellings(mapping: Mapping, old: bytes, new: bytes) -> None:
    if b'""' in new:
        assert rules(mapping, mapping.encode(DONE).replace(old, new)) == [("PID-1", "unknown")]
    else:
        assert mapping.decode(mapping.encode(DONE).replace(old, new)) == DONE


def test_other_delimiters(mapping: Mapping) -> None:
    plain = mapping.encode(LEAST)
    other = bytes(b"#$!*%"[b"|^~\\&".index(c)] if c in b"|^~\\&" else c for c in plain)
    assert mapping.decode(other) == LEAST


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"2.4", b"2.3", ("MSH-12", "version")),
        (b"HIS", b"LIS", ("MSH-3", "const")),
        (b"PID|", b"PID|1", ("PID-1", "unknown")),
        (b"No\r", b"No^x\r", ("PID-3[5=No].6", "unknown")),
        (b"No\r", b"No~Q^^^^IdentifyNO\r", ("PID-3[5=IdentifyNO]", "duplicate")),
        (b"No\r", b"No~Q^^^^Card\r", ("PID-3", "unknown")),
        (b"\\F\\", b"\\Q\\", ("PID-3[5=IdentifyNO].1", "escape")),
        (b"\\F\\", b"\\", ("PID-3[5=IdentifyNO].1", "escape")),
        (b"\\F\\", b"\\X00\\", ("PID-3[5=IdentifyNO].1", "control")),
        (b"\\F\\", b"\\X8\\", ("PID-3[5=IdentifyNO].1", "escape")),
        (b"ZFP", b"ZFP|1\rZFP", ("ZFP", "duplicate")),
        (b"ZFP", b"ZZZ|1\rZFP", ("ZZZ", "unknown")),
        (b"||^^", b"||1~^^", ("ZFP-2", "duplicate")),
        (b"MSH|", b"MSH", ("", "syntax")),
        (b"^~\\&", b"^^\\&", ("", "syntax")),
        (b"^~\\&", b"^~\\&#", ("", "syntax")),
        (b"ZFP", b"zfp", ("", "syntax")),
        (b"ZFP", b"Z\x00P", ("", "syntax")),
        (b"ZFP", b"MSH", ("", "syntax")),
        (b"\xba\xc3", b"\xff\xff", ("", "charset")),
        (b"PID|", b"PID|" + b"|" * 300, ("", "size")),
        (b"PID|", b"NTE\r" * 10_001 + b"PID|", ("", "size")),
        (b"PID|||", b"PID|||" + b"x" * (5 << 20), ("", "size")),
        (b"PID|||", b"PID|||" + b"x" * (3 << 20), ("PID-3[5=IdentifyNO].1", "length")),
    ],
)
def test_refused(mapping: Mapping, old: bytes, new: bytes, said: tuple[str, str]) -> None:
    assert said in rules(mapping, mapping.encode(DONE).replace(old, new, 1))


def test_the_null_value_cannot_be_a_text(mapping: Mapping) -> None:
    with pytest.raises(MappingError) as refused:
        mapping.encode(ReversalDone(original_message_id='""', raw_code="0"))
    assert (refused.value.field, refused.value.rule) == ("PID-3[5=IdentifyNO].1", "null")


def test_absent_fields_as_null(tmp_path: Path) -> None:
    mapping = lines(tmp_path, "{kind: hl7v2, charset: utf-8}", *FIELDS, empty="null")
    assert b'ZFP||^^""\r' in mapping.encode(LEAST)
    check_laws(mapping)


class TestKept:
    ODD = b"MSH|^~\\&|A\rPID|1||x^^^^IdentifyNO^q~b^^^^Z||n^m&o|p\rZZZ||1\rZZZ|2\\F\\\rNTE\r"
    CODE = "{at: PID-5, to: raw_code, as: text(6)}"

    @pytest.fixture
    def mapping(self, tmp_path: Path) -> Mapping:
        return lines(
            tmp_path, "{kind: hl7v2, charset: utf-8}", FIELDS[2], self.CODE, unknown="keep(raw_text)"
        )

    def test_in_its_place(self, mapping: Mapping) -> None:
        body = mapping.decode(self.ODD)
        data = mapping.encode(body)
        assert data.endswith(b"PID|1||x^^^^IdentifyNO^q~b^^^^Z||n^m&o|p\rZZZ||1\rZZZ|2\\F\\\rNTE\r")
        assert mapping.decode(data) == body
        assert mapping.decode(self.ODD.translate(bytes.maketrans(b"^~\\&", b"$!*%"))) == body
        check_laws(mapping, 80)
        check_hostile(mapping, data, body)

    def test_an_escape_without_end_in_what_is_kept(self, mapping: Mapping) -> None:
        other = self.ODD.translate(bytes.maketrans(b"^~\\&", b"$!*%"))
        assert rules(mapping, other.replace(b"|p", b"|p*")) == [("PID-6", "escape")]
        assert rules(mapping, other.replace(b"NTE", b"NTE|*")) == [("NTE", "escape")]

    @pytest.mark.parametrize(
        "text",
        [
            '{"ZZZ":["ZZ|1"]}', '{"ZZZ":["ZZZ|1\\rPID|1"]}', '{"zzz":["zzz|1"]}', '{"ZZZ":[]}', '{"PID":{"0":"x"}}',
            '{"PID":{"5":"x"}}', '{"PID":{"1":"a|b"}}', '{"PID":{"1000":"x"}}', '{"PID":[]}', '{"ZZZ":{"1":"x"}}', "[]",
        ],
    )  # fmt: skip
    def test_an_extension_that_does_not_fit(self, mapping: Mapping, text: str) -> None:
        with pytest.raises(MappingError) as refused:
            mapping.encode(ReversalDone(original_message_id="M1", raw_code="0", raw_text=text))
        assert refused.value.rule == "extension"


@pytest.mark.parametrize(
    "at",
    [
        "ZZZ",
        "PID-",
        "PID5",
        "pid-5",
        "PID-5.1.2.3",
        "PID-0",
        "MSH-2",
        "'PID-3[5=x]'",
        "PID-5/1",
        "11.3",
        "PID-3-1",
    ],
)
def test_no_places(tmp_path: Path, at: str) -> None:
    with pytest.raises(
        DefinitionError, match=r"invalid path|begins with its segment|themselves|which component"
    ):
        lines(tmp_path, GBK, *FIELDS[2:4], f"{{at: {at}, to: raw_text, as: text(20)}}")


def test_a_field_is_chosen_by_code_or_not(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="mapped as a whole too"):
        lines(tmp_path, GBK, *FIELDS[2:4], "{at: PID-3.1, to: raw_text, as: text(20)}")


class TestRows:
    ROW = "{at: %s, to: disease_code, as: text(9)}, {at: %s, to: disease_name, as: text(20)}, {at: %s, to: since, as: date}"
    KEYS = {  # noqa: RUF012
        "canonical": "filing.chronic_disease.answered.v1",
        "unknown": "keep(extension)",
        "lossy": "[{to: diseases.until, why: x}]",
        "assumed": "[{to: raw_text, why: x}]",
    }

    def mapping(self, folder: Path, each: str, *at: str) -> Mapping:
        rows = f"{{each: {each}, to: diseases, fields: [{self.ROW % at}]}}"
        return lines(
            folder, "{kind: hl7v2, charset: gbk}", rows, "{at: ZRS-1, to: raw_code, as: text(6)}", **self.KEYS
        )

    def test_segments(self, tmp_path: Path) -> None:
        mapping = self.mapping(tmp_path, "DG1", "3.1", "3.2", "5")
        data = "MSH|^~\\&\rDG1|||A^甲||2026-01-01\rDG1|9||B^^Z\rZRS|0\r".encode("gbk")
        body: Any = mapping.decode(data)
        assert [(d.disease_code, d.disease_name) for d in body.diseases] == [("A", "甲"), ("B", None)]
        assert body.extension == '{"DG1":{"2":{"1":"9","3":{"3":"Z"}}}}'
        assert mapping.encode(body) == data
        assert rules(mapping, data.replace(b"A^", b"1234567890^")) == [("DG1[1]/3.1", "length")]
        check_laws(mapping)
        check_hostile(mapping, data, body)

    def test_repetitions(self, tmp_path: Path) -> None:
        mapping = self.mapping(tmp_path, "ZDG-2", "1", "2", "3.2")
        data = "MSH|^~\\&\rZDG||A^甲^&2026-01-01~B^^^Z\rZRS|0\r".encode("gbk")
        body: Any = mapping.decode(data)
        assert [(d.disease_code, d.disease_name) for d in body.diseases] == [("A", "甲"), ("B", None)]
        assert body.extension == '{"ZDG":{"2":{"2":{"4":"Z"}}}}'
        assert mapping.encode(body) == data
        assert mapping.decode(data.replace(b"~B", b"~~B")) == body
        check_laws(mapping)
        check_hostile(mapping, data, body)


def test_bounds_are_met_before_much_is_read(tmp_path: Path) -> None:
    codec = GBK[:-1] + ", max_segments: 3, max_repetitions: 4}"
    mapping = lines(tmp_path, codec, *FIELDS, unknown="ignore", lossy='[{at: "*", why: x}]')
    head, person = b"MSH|^~\\&|HIS|||||||||2.4\r", b"PID|||M1^^^^IdentifyNO~&0^^^^No"
    assert mapping.decode(head + person + b"\r\n\n\rZZZ\r\r") == LEAST
    assert rules(mapping, head + person + b"\rZZZ\rZZZ\r") == [("", "size")]
    assert mapping.decode(head + person + b"~a~b") == LEAST
    assert rules(mapping, head + person + b"~a~b~c")[0] == ("PID-3", "size")
