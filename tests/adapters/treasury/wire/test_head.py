"""Heads: eight elements and an optional one, each once."""

from __future__ import annotations

import dataclasses

import pytest

from adapters.treasury.wire import Head, Unreadable, read_head
from tests.adapters.treasury.wire.support import DAY, document

READ = Head(
    source="100000000000",
    destination="299010100001",
    application="TIPS",
    number="9005",
    id="20261120000000004711",
    reference="92026112000000000017",
    work_date=DAY,
)


def changed(old: str, new: str) -> bytes:
    return document().replace(old.encode(), new.encode("gb18030"))


def test_a_head() -> None:
    assert read_head(document()) == READ
    assert read_head(changed("<Reserve></Reserve>", "")) == READ
    assert read_head(changed("<Reserve></Reserve>", "<Reserve>备用</Reserve>")).reserve == "备用"
    assert read_head(changed("20261120</WorkDate>", "</WorkDate>")).work_date is None
    assert "WorkDate" not in dataclasses.replace(READ, work_date=None).elements()


@pytest.mark.parametrize(
    ("old", "new", "field", "rule"),
    [
        ("<VER>1.0</VER>", "", "HEAD/VER", "missing"),
        ("<SRC>100000000000", "<SRC>", "HEAD/SRC", "missing"),
        ("<SRC>100000000000", "<SRC>1000000000000", "HEAD/SRC", "form"),
        ("<DES>299010100001", "<DES>2990 1010001", "HEAD/DES", "form"),
        ("<APP>TIPS", "<APP>TIPSTIPST", "HEAD/APP", "form"),
        ("<MsgNo>9005", "<MsgNo>905", "HEAD/MsgNo", "form"),
        ("<MsgNo>9005", "<MsgNo>９００５", "HEAD/MsgNo", "form"),
        ("<MsgID>2026", "<MsgID>20262", "HEAD/MsgID", "form"),
        ("<MsgRef>92026112000000000017", "<MsgRef>", "HEAD/MsgRef", "missing"),
        ("20261120</WorkDate>", "2026-11-20</WorkDate>", "HEAD/WorkDate", "form"),
        ("20261120</WorkDate>", "20261131</WorkDate>", "HEAD/WorkDate", "date"),
        ("<Reserve></Reserve>", "<Reserve>" + "a" * 61 + "</Reserve>", "HEAD/Reserve", "form"),
        ("<Reserve></Reserve>", "<SRC>100000000000</SRC>", "HEAD/SRC", "shape"),
        ("<Reserve></Reserve>", "<Unknown/>", "HEAD", "shape"),
        ("<Reserve></Reserve>", "<Reserve><A/></Reserve>", "HEAD/Reserve", "shape"),
        ("<VER>", "<VER a='b'>", "HEAD/VER", "shape"),
        ("<MSG></MSG>", "", "", "shape"),
        ("<MSG></MSG>", "<MSG></MSG><MSG></MSG>", "", "shape"),
        ("<CFX><HEAD>", "<CFX><MSG></MSG><HEAD>", "", "shape"),
    ],
)  # fmt: skip
def test_a_head_that_is_none(old: str, new: str, field: str, rule: str) -> None:
    with pytest.raises(Unreadable) as error:
        read_head(changed(old, new))
    assert (error.value.field, error.value.rule) == (field, rule)
    assert error.value.zh
