"""Whatever bytes come: they are read or refused, and can be answered in the charset they were read in."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.hospital import adapter
from adapters.hospital.faults import Fault
from adapters.hospital.formats import Formats
from adapters.hospital.hl7.answers import Answers
from adapters.hospital.hl7.codec import Reader
from adapters.hospital.hl7.events import EVENTS
from adapters.hospital.hl7.header import read_header
from adapters.hospital.hl7.settings import Hl7Face
from adapters.hospital.operations import BY_NAME
from adapters.hospital.simulator.ward import Ward
from gateway.canonical import type_of
from mappings.charset import CHARSETS
from tests.adapters.context import TestClock
from tests.adapters.hospital.hl7.world import FACE, START

FACE_ = Hl7Face.model_validate(FACE)
FORMATS = Formats()
READER = Reader(FACE_, FORMATS, "990101")
ANSWERS = Answers(FACE_, FORMATS, TestClock(), lambda size: b"\x01" * size)
DAY = dt.date(2026, 3, 2)
GOOD = [Ward(START, charset=c).message(e, 3).data for e in EVENTS for c in ("gbk", "utf-8")]

spoiled = st.builds(
    lambda data, at, cut, new: data[: at % len(data)] + new + data[at % len(data) + cut :],
    st.sampled_from(GOOD),
    st.integers(0, 5000),
    st.integers(0, 20),
    st.binary(max_size=8) | st.sampled_from([b"|", b"^", b"~", b"\\", b"\r", b"\r\r", b"|" * 300, b"\x81"]),
)


def answered(message: bytes) -> bytes | None:
    header = READER.header(message)
    try:
        inquiry = READER.read(message, header, READER.event(header), DAY)
    except Fault as fault:
        fault.refusal_id = "r-1"
        answer = ANSWERS.refused(header, fault)
    else:
        assert type_of(inquiry.body) == BY_NAME[inquiry.operation].request
        answer = ANSWERS.accepted(header)
    if answer is not None:
        CHARSETS[header.encoding].decode(answer)
    return answer


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"MSH|^~\\&|" + tail))
def test_any_bytes(message: bytes) -> None:
    assert answered(message)


@settings(max_examples=400)
@given(spoiled)
def test_any_message_that_was_spoiled(message: bytes) -> None:
    answer = answered(message)
    assert answer is None or answer.startswith(b"MSH|^~\\&|")


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_what_the_manifest_says(event: str) -> None:
    operation = BY_NAME[EVENTS[event].operation]
    assert FORMATS.find(EVENTS[event].mapping, DAY).canonical_type == operation.request
    assert (operation.direction, operation.style) == ("in", "one-way")


@pytest.mark.parametrize(
    ("named", "default", "encoding"),
    [
        ("GBK", "utf-8", "gbk"),
        ("gb2312", "utf-8", "gb18030"),
        ("GB18030", "gbk", "gb18030"),
        ("UNICODE UTF-8", "gbk", "utf-8"),
        ("GBK~UTF-8", "utf-8", "gbk"),
        ("", "gbk", "gbk"),
        ("BIG-5", "utf-8", "utf-8"),
    ],
)
def test_the_charset_of_a_message(named: str, default: str, encoding: str) -> None:
    text = rf"MSH|^~\&|NHIS|示例院|EAI||20260302083000||ADT^A01|1|P|2.4|||AL|AL|CHN|{named}" + "\rPID|1\r"
    header = read_header(text.encode(encoding), default)
    assert (header.encoding, header.facility, header.event) == (encoding, "示例院", "ADT^A01")


@pytest.mark.parametrize("charset", ["gbk", "gb18030", "utf-8"])
def test_a_stored_message_can_be_read_again(charset: str) -> None:
    message = Ward(START, charset=charset).message("ADT^A01", 3)
    again = adapter.document(message.data)
    mapping = FORMATS.find(EVENTS["ADT^A01"].mapping, DAY)
    assert mapping.parse(again) == mapping.parse(message.text.encode("gbk"))


def test_what_is_no_message_is_no_document() -> None:
    with pytest.raises(ValueError, match="GBK or UTF-8"):
        adapter.document(b"MSH|^~\\&|\xff\xff\0")
