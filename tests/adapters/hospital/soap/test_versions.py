"""Two versions of a request side by side: the day it comes in decides, and its answer goes with it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from lxml import etree

from adapters.hospital.faults import Fault
from adapters.hospital.formats import Formats
from adapters.hospital.soap.codec import Editions, document_of
from adapters.hospital.soap.documents import Documents, tag
from gateway.contract import ConfigError
from gateway.transports.soap import Version, wrap
from mappings import SHIPPED

FOLDER = SHIPPED / "hospital"
BEFORE = dt.datetime(2026, 6, 30, 15, 59, tzinfo=dt.UTC)
AFTER = dt.datetime(2026, 6, 30, 16, 0, tzinfo=dt.UTC)  # July has begun in China
WIRE = (FOLDER / "samples" / "person_query" / "good" / "wire.xml").read_bytes().strip()


def newer(folder: Path, old: str = "", new: str = "") -> Path:
    text = (FOLDER / "person_query.yaml").read_text("utf-8")
    text = text.replace("version: 1", "version: 2\neffective: {from: 2026-07-01}").replace(old, new)
    (folder / "person_query.v2.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_day_decides(tmp_path: Path) -> None:
    editions = Editions(Documents(Formats((), (newer(tmp_path),))))
    for at, version in ((BEFORE, 1), (AFTER, 2), (BEFORE, 1)):
        codec = editions.on(at)
        payload = etree.fromstring(WIRE)
        inquiry = codec.read(codec.call_of(payload), payload)
        assert inquiry.mapping == f"hospital.person_query@{version}"
    assert editions.on(BEFORE) is editions.on(BEFORE - dt.timedelta(days=9))


def test_the_schema_is_that_of_the_day(tmp_path: Path) -> None:
    line = next(
        x for x in (FOLDER / "person_query.yaml").read_text("utf-8").splitlines() if "mdtrt_cert_no" in x
    )
    kind = line.partition("as: ")[2].partition(",")[0]
    editions = Editions(Documents(Formats((), (newer(tmp_path, line, line.replace(kind, "text(3)")),))))
    codec = editions.on(AFTER)
    payload = etree.fromstring(WIRE)
    with pytest.raises(Fault, match="mdtrt_cert_no"):
        codec.read(codec.call_of(payload), payload)


def test_another_document_under_a_known_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="replaces no hospital mapping"):
        Documents(Formats((), (newer(tmp_path, "root: PersonQuery", "root: Person"),)))


def test_the_document_in_a_stored_request() -> None:
    upload = WIRE.replace(b"PersonQuery", b"OutpatientSettlementUpload")
    for soap in Version:
        assert etree.fromstring(document_of(wrap(soap, WIRE))).tag == tag("PersonQuery")
        assert etree.fromstring(document_of(wrap(soap, upload))).tag == tag("OutpatientSettlement")
    with pytest.raises(ValueError, match="no request"):
        document_of(b"raw")
