"""Requests into canonical bodies and answers back. Pure: no I/O, no clock."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from functools import partial
from typing import Any, cast
from xml.sax.saxutils import escape

from lxml import etree
from msgspec import Struct

from adapters.hospital.clerk import Inquiry
from adapters.hospital.faults import Fault, invalid
from adapters.hospital.formats import field_names
from adapters.hospital.lines import differs
from adapters.hospital.soap.documents import CALLS, Call, Documents, schema, tag
from adapters.hospital.soap.faults import NAMESPACE
from gateway.canonical.settlement import ClaimSubmitted
from gateway.contract import Receipt, Unavailable
from gateway.transports.soap import parse, violations
from mappings import Mapping, MappingError
from mappings.catalogue import NoMapping, china_day

_ROW = re.compile(r"\[\d+\]")
_LONGEST = 200


class HospitalCodec:
    """Reads every request and writes every answer of the interface, as it is on one day.

    Args:
        mappings: by root element, as `Documents.on` gives them.
        line_tolerance: fen by which a fee line's amount may differ from quantity times price; None: any.
    """

    def __init__(self, mappings: dict[str, Mapping], line_tolerance: int | None = 1) -> None:
        self._mappings = mappings
        self._tolerance = line_tolerance
        self._names = {root: field_names(mapping) for root, mapping in self._mappings.items()}
        self.schema = schema(self._mappings.values())
        self._validator = etree.XMLSchema(self.schema)
        self._calls = {tag(call.request): call for call in CALLS}
        self._contents = {call.document: tag(call.document) for call in CALLS}

    def call_of(self, payload: etree._Element) -> Call:
        """The operation a payload asks for.

        Raises:
            Fault: `unknown-operation`.
        """
        call = self._calls.get(payload.tag)
        if call is None:
            zh = f"未知的业务或命名空间不符，命名空间应为 {NAMESPACE}"
            en = f"unknown operation, or not in the namespace {NAMESPACE}"
            raise Fault(code="unknown-operation", zh=zh, en=en, rule="element")
        return call

    def read(self, call: Call, payload: etree._Element, raw: bytes = b"", trace: str = "") -> Inquiry:
        """A payload → what is asked for; it must conform to the schema and the sums must be right.

        Args:
            raw, trace: of the request that carried it.

        Raises:
            Fault: `invalid`, with field and rule.
        """
        mapping = self._mappings[call.document]
        asked, content = payload.tag, self._contents[call.document]
        # Both ways of handing a settlement in have one content, which the mapping knows by one name.
        payload.tag = content
        try:
            body = mapping.decode_plain(payload)
            # What a mapping reads as plain is valid: the schema is made from the same mapping.
            valid = body is not None
            if body is None:
                payload.tag = asked
                valid = self._validator.validate(payload)
                payload.tag = content
                body = mapping.decode_tree(payload)
            msgid = mapping.read_envelope(payload)["msgid"]
        except MappingError as error:
            raise invalid(error, partial(self._name, call)) from None
        if not valid:
            raise self._violated(call, payload)
        if isinstance(body, ClaimSubmitted):
            self._check_lines(call, body)
        return Inquiry(
            operation=call.operation,
            body=body,
            msgid=msgid,
            institution=body.institution_code,  # type: ignore[union-attr]  # every request has one
            mapping=f"{mapping.name}@{mapping.version}",
            raw=raw,
            trace=trace,
        )

    def write(self, call: Call, body: Struct) -> bytes:
        """The answer of a request-reply operation.

        Raises:
            MappingError, TypeError: the body cannot be said in this interface.
        """
        return self.mapping_of(call.reply).encode(body)

    def mapping_of(self, root: str) -> Mapping:
        return self._mappings[root]

    def _violated(self, call: Call, payload: etree._Element) -> Fault:
        payload.tag = tag(call.request)
        found = violations(self._validator, payload)[0]
        field = found.field.partition("/")[2][:_LONGEST]
        return Fault(
            code="invalid",
            zh=found.zh,
            en=found.en,
            field=field,
            name=self._name(call, field),
            rule=found.rule,
            line=found.line,
        )

    def _name(self, call: Call, field: str) -> str:
        return self._names[call.document].get(_ROW.sub("", field), "")

    def _check_lines(self, call: Call, claim: ClaimSubmitted) -> None:
        for i, line in enumerate(claim.fee_lines, 1):
            if differs(line, self._tolerance):
                field = f"feedetail[{i}]/det_item_fee_sumamt"
                name = self._name(call, field)
                zh = f"{name} {field}：与数量×单价不符"
                en = f"{field}: differs from quantity times price"
                raise Fault(code="invalid", zh=zh, en=en, field=field, name=name, rule="line-amount")


class Editions:
    """The codec of each day. Days on which the same versions hold share one."""

    def __init__(self, documents: Documents, line_tolerance: int | None = 1) -> None:
        self._documents = documents
        self._tolerance = line_tolerance
        self._made: dict[tuple[Mapping, ...], HospitalCodec] = {}
        self._today: tuple[dt.date, HospitalCodec] | None = None

    def on(self, at: dt.datetime) -> HospitalCodec:
        """The codec for requests of that time.

        Raises:
            Unavailable: no mapping holds then.
        """
        day = china_day(at)
        if self._today is None or self._today[0] != day:
            self._today = day, self._of(day)
        return self._today[1]

    def _of(self, day: dt.date) -> HospitalCodec:
        try:
            found = self._documents.on(day)
        except NoMapping as error:
            raise Unavailable(error.zh, error.en) from None
        key = tuple(found.values())
        if key not in self._made:
            self._made[key] = HospitalCodec(found, self._tolerance)
        return self._made[key]


def receipt(msgid: str, given: Receipt) -> bytes:
    """`UploadReceipt`: we have it, and will deliver it."""
    state = "already-accepted" if given.repeated else "accepted"
    fields = (("msgid", msgid), ("message_id", given.message_id), ("state", state))
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields)
    return f'<UploadReceipt xmlns="{NAMESPACE}">{inner}</UploadReceipt>'.encode()


def document_of(raw: bytes) -> bytes:
    """What the mapping reads of a stored request: the payload alone, by the name the mapping knows it by.

    Raises:
        ValueError: there is none.
    """
    payload = None
    for charset in (None, "gbk"):  # the charset that the transport announced is not stored
        with contextlib.suppress(Exception):
            payload = parse(raw, charset)[-1][0]
            break
    documents = {tag(call.request): tag(call.document) for call in CALLS}
    if payload is None or payload.tag not in documents:
        raise ValueError("no request of a hospital")
    payload.tag = documents[payload.tag]
    return etree.tostring(payload, encoding="utf-8")


def msgid_of(payload: Any) -> str | None:
    """The message id in a payload that may be wrong otherwise, for the record of a refusal."""
    found = payload.find(tag("msgid"))
    text = cast("str | None", found.text) if found is not None else None
    return text if text and len(text) <= 30 and text.isalnum() else None
