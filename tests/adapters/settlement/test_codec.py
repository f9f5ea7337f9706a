"""The envelope, and the recorded samples: wire bytes ↔ canonical JSON."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.settlement import adapter
from adapters.settlement.codec import (
    Envelope,
    Signature,
    Unreadable,
    read,
    with_fresh_signature,
    with_sign_no,
)
from adapters.settlement.formats import Formats
from adapters.settlement.msgids import MessageIds
from adapters.settlement.settings import SettlementSettings
from adapters.settlement.transactions import transaction_of
from gateway.canonical import body_type
from tests.adapters.context import MemorySerials, TestClock
from tests.adapters.settlement.bodies import ROWS
from tests.adapters.settlement.rig import claim

SAMPLES = adapter.folder / "samples"
AT = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
SETTINGS = SettlementSettings(base_url="http://127.0.0.1:1/x", recer_sys_code="01")
#: Fields that stand in the envelope, or in another part of the interface.
ELSEWHERE = {
    "institution_code",
    "institution_name",
    "treatment_region",
    "insured_region",
    "operator_code",
    "operator_name",
    "fee_lines",
    "raw_code",
    "raw_text",
}


def _cases(kind: str) -> list[str]:
    return sorted(p.parent.name for p in SAMPLES.glob(f"*/{kind}"))


def _canonical(folder: Path) -> Any:
    stored = msgspec.json.decode((folder / "canonical.json").read_bytes())
    return msgspec.convert(stored["data"], body_type(stored["type"]))


@pytest.mark.parametrize("case", _cases("request.json"))
def test_request_samples(case: str) -> None:
    """Canonical → exactly these bytes; and their input → the canonical body again, where it can be read."""
    folder, infno = SAMPLES / case, case.partition("-")[0]
    body = _canonical(folder)
    wire = (folder / "request.json").read_bytes().strip()
    name = transaction_of(body).input
    formats = Formats({})
    signature = Signature("H99010100001202501010915000007", "2025-01-01 09:15:00")
    insured = getattr(body, "insured_region", None) or ""
    assert Envelope(SETTINGS).wrap(infno, signature, body, formats.write(name, body, AT), insured) == wire
    mapping = formats.mapping(name, AT)
    if mapping.direction != "encode":
        given = {k: getattr(body, k) for k in mapping.elsewhere}
        assert mapping.decode_tree(msgspec.json.decode(wire)["input"], **given) == body


@pytest.mark.parametrize("case", _cases("answer.json"))
def test_answer_samples(case: str) -> None:
    """These bytes → canonical; and the canonical body → the same output again."""
    folder, infno = SAMPLES / case, case.partition("-")[0]
    body = _canonical(folder)
    answer = read((folder / "answer.json").read_bytes())
    formats = Formats({})
    name = ROWS[infno].output
    assert name is not None
    assert answer.infcode == "0"
    assert formats.read(name, answer, AT) == body
    written = formats.mapping(name, AT).encode_tree(body)
    given = {"raw_code": answer.infcode, "raw_text": answer.err_msg or None}
    assert formats.mapping(name, AT).decode_tree(written, **given) == body


@pytest.mark.parametrize("case", _cases("file.zip"))
def test_file_samples(case: str) -> None:
    """A detail file or a result file → canonical; and the canonical body → the same rows again."""
    folder = SAMPLES / case
    mapping = Formats({}).mapping(case.replace("-", "."), AT)
    body = mapping.decode((folder / "file.zip").read_bytes())
    assert body == _canonical(folder)
    assert mapping.decode(mapping.encode(body)) == body


@pytest.mark.parametrize("case", _cases("refusal.json"))
def test_refusal_samples(case: str) -> None:
    answer = read((SAMPLES / case / "refusal.json").read_bytes())
    expected = msgspec.json.decode((SAMPLES / case / "expected.json").read_bytes())
    assert {"code": answer.infcode, "reason": answer.err_msg} == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html/>",
        b"\xff\xfe",
        b'{"infcode":0,"out',
        b'{"infcode":true}',
        b'{"infcode":null}',
        b'{"infcode":""}',
        b'{"infcode":0.5}',
        b'{"infcode":0,"output":[]}',
        b'{"infcode":0,"output":"{"}',
        b'{"infcode":-1,"infcode":0,"output":{}}',
        '{"infcode":0,"output":{"a":"医'.encode("gb18030"),
    ],
)
def test_what_cannot_be_read_proves_nothing(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read(raw)


@pytest.mark.parametrize("code", [b"0", b'"0"', b"0.0", b'" 0 "'])
def test_infcode_as_number_or_text(code: bytes) -> None:
    for output in (b"{}", b"null", b'""', b'"{}"'):
        answer = read(b'{"infcode":%b,"err_msg":null,"output":%b}' % (code, output))
        assert (answer.infcode, answer.err_msg, answer.output) == ("0", "", {})


def test_envelope_escapes_and_extends() -> None:
    settings = SettlementSettings(
        base_url="http://127.0.0.1:1/x", recer_sys_code='0"1', extra_envelope={"recer_admdvs": "9901%s01"}
    )
    body = claim(operator_name='"sign_no":"","msgid":"x"', institution_name="示例\\医院")
    content = Envelope(settings).wrap("2207", Signature("H1", "2025-01-01 09:00:00"), body, {}, "990101")
    told = msgspec.json.decode(with_fresh_signature(with_sign_no(content, "S1"), Signature("H2", "")))
    assert (told["sign_no"], told["msgid"], told["recer_admdvs"]) == ("S1", "H2", "9901%s01")
    assert (told["opter_name"], told["fixmedins_name"]) == (body.operator_name, body.institution_name)
    assert told["recer_sys_code"] == '0"1'


async def test_msgids_never_repeat_whatever_the_clock_does() -> None:
    clock = TestClock(fixed=dt.datetime(2025, 1, 1, 1, 15, tzinfo=dt.UTC))
    ids = MessageIds(clock, MemorySerials())
    first = await ids.next("H99010100001")
    assert first.msgid == "H99010100001202501010915000001"
    assert first.inf_time == "2025-01-01 09:15:00"
    seen = {first.msgid}
    for number in range(25_000):
        clock.offset = -float(number % 3)
        seen.add((await ids.next("H99010100001")).msgid)
    assert len(seen) == 25_001
    assert {len(msgid) for msgid in seen} == {30}


def test_urls() -> None:
    base: dict[str, Any] = {"recer_sys_code": "01"}
    each = SettlementSettings(base_url="http://h/api/{infno}", url_style="per-infno", **base)
    assert each.url_of("2207") == "http://h/api/2207"
    service = SettlementSettings(
        base_url="http://h:1/call",
        url_style="per-service",
        services={"9001": "/sign", "1101": "http://other/p"},
        **base,
    )
    assert [service.url_of(n) for n in ("9001", "1101", "2207")] == [
        "http://h:1/sign",
        "http://other/p",
        "http://h:1/call",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"url_style": "per-infno"},
        {"services": {"9001": "/x"}},
        {"extra_envelope": {"msgid": "x"}},
        {"tls": {"cert_file": "/x"}},
        {"check": {"probe": "sign-in"}},
        {"success_codes": []},
        {"mappings": {"9999.input": "x"}},
    ],
)
def test_settings_that_contradict_themselves(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        SettlementSettings.model_validate({"base_url": "http://h/x", "recer_sys_code": "01", **wrong})


def test_every_setting_is_described_in_both_languages_with_an_example() -> None:
    for name, setting in SettlementSettings.model_fields.items():
        assert " / " in (setting.description or ""), name
