"""The outermost form: bytes are cut, never made anew, and a hostile document is refused before a mapping sees it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.treasury.wire import Unreadable, document_of, read_head
from adapters.treasury.wire.envelope import Parts, cut
from tests.adapters.treasury.wire.support import document

PLAIN = document("<A>张测试</A>")


def rule(raw: bytes) -> str:
    with pytest.raises(Unreadable) as error:
        read_head(cut(raw).document)
    assert error.value.zh
    assert error.value.en
    assert "张测试" not in str(error.value)
    return error.value.rule


@pytest.mark.parametrize("before", [b"", b"\r\n ", b"\xef\xbb\xbf", "\ufeff".encode("gb18030") + b"\n"])
@pytest.mark.parametrize(
    ("after", "comment"),
    [
        (b"", None),
        (b"\r\n", None),
        (b"<!--AB-->", b"AB"),
        (b"\n<!-- A\r\nB -->\n", b"A\r\nB"),
        (b"<!---->", b""),
    ],
)
def test_what_may_stand_around_a_document(before: bytes, after: bytes, comment: bytes | None) -> None:
    assert cut(before + PLAIN + after) == Parts(PLAIN, comment)
    assert document_of(before + PLAIN + after) == PLAIN


def test_what_is_stored_and_no_document_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not a CFX document"):
        document_of(b"")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<CFX>",
        b"</CFX>",
        b"junk" + PLAIN,
        b"\x00" + PLAIN,
        PLAIN + b"junk",
        PLAIN + b"<!--A--><!--B-->",
        PLAIN + b"<!--A--B-->",
        PLAIN + b"<!-->",
        PLAIN + b"<!--A-->junk",
        PLAIN + b"junk<!--A-->",
        PLAIN + b"<?pi?>",
        PLAIN[:-6],
    ],
)
def test_what_may_not(raw: bytes) -> None:
    assert rule(raw) == "shape"


def test_another_root_behind_the_first_one() -> None:
    assert rule(PLAIN + b"<CFX></CFX>") == "syntax"
    assert rule(PLAIN + b"<!--A--><CFX></CFX>") == "syntax"
    assert rule(PLAIN + b"<!--</CFX>") == "syntax"
    assert rule(PLAIN.replace(b"CFX>", b"CFY>") + b"<!--</CFX>-->") == "shape"


@pytest.mark.parametrize(
    "inside",
    [
        b'<!DOCTYPE CFX [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
        b'<!DOCTYPE CFX SYSTEM "file:///etc/passwd">',
        b"<!ELEMENT CFX ANY>",
        b'<?xml-stylesheet href="a"?>',
    ],
)
def test_dtds_and_instructions(inside: bytes) -> None:
    declaration, root = PLAIN[: PLAIN.index(b"<CFX")], PLAIN[PLAIN.index(b"<CFX") :]
    assert rule(declaration + inside + root) == "doctype"
    assert rule(inside + root) == "doctype"
    assert rule(declaration + root.replace(b"<MSG>", b"<MSG>" + inside)) == "doctype"


def test_a_second_declaration() -> None:
    assert rule(b'<?xml version="1.0"?>' + PLAIN) == "doctype"


def test_entities_depth_and_number() -> None:
    assert rule(document("<A>&a;</A>")) == "syntax"
    assert rule(document("<A>" * 70 + "</A>" * 70)) == "depth"
    assert rule(document("<A></A>" * 500_001)) == "size"
    assert rule(b"<CFY></CFY><CFX></CFX>") == "syntax"
    assert rule(b"<CFY><CFX></CFX></CFY>") == "shape"


@pytest.mark.parametrize("declared", ["GBK", "gb2312", "GB18030", "UTF-8", "ISO-8859-1"])
def test_gb18030_is_read_whatever_is_declared(declared: str) -> None:
    assert read_head(document("<A>䶮𠮷</A>", declared=declared)).number == "9005"


def test_utf_8_is_not_taken_for_gb18030() -> None:
    assert rule(PLAIN.decode("gb18030").encode()) == "charset"
    assert rule(PLAIN[:-12] + b"\xff" + PLAIN[-12:]) == "charset"


@given(st.binary(), st.integers(0), st.binary(max_size=8))
def test_damaged_bytes_are_refused_in_words(raw: bytes, place: int, piece: bytes) -> None:
    place %= len(PLAIN)
    for damaged in (raw, PLAIN[:place] + piece + PLAIN[place + len(piece) :], PLAIN[:place], PLAIN[place:]):
        with contextlib.suppress(Unreadable):
            read_head(document_of(damaged))
