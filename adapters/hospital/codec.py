"""Requests into canonical bodies and answers back. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from xml.sax.saxutils import escape

from lxml import etree
from msgspec import Struct

from adapters.hospital.documents import CALLS, Call, field_names, mappings_by_root, schema, tag
from adapters.hospital.faults import NAMESPACE, Fault
from gateway.canonical import Body
from gateway.canonical.settlement import CancellationRequested, ClaimSubmitted, ReversalRequested
from gateway.contract import Receipt
from gateway.transports.soap import violations
from mappings import Mapping, MappingError

_ROW = re.compile(r"\[\d+\]")
#: Mapping errors may end in the offending value; only what stands before it is passed on.
_VALUE_ZH = re.compile(r"[(（]值为“.*", re.DOTALL)
_VALUE_EN = re.compile(r" \(is .*", re.DOTALL)
_LONGEST = 200


class Inquiry(Struct, frozen=True, kw_only=True):
    """A request, understood."""

    call: Call
    body: Body
    msgid: str
    institution: str
    mapping: str  #: `name@version`

    @property
    def subject(self) -> str | None:
        """What operators search by: never about a person."""
        body = self.body
        if isinstance(body, ClaimSubmitted | CancellationRequested):
            return body.visit_id
        return body.original_message_id if isinstance(body, ReversalRequested) else None

    @property
    def ordering_key(self) -> str | None:
        """A cancellation must not overtake its settlement; a reversal must be able to."""
        body = self.body
        return body.visit_id if isinstance(body, ClaimSubmitted | CancellationRequested) else None


class HospitalCodec:
    """Reads every request and writes every answer of the interface.

    Args:
        replacing: mapping files in place of shipped ones.
        line_tolerance: fen by which a fee line's amount may differ from quantity times price; None: any.
    """

    def __init__(self, replacing: tuple[Path, ...] = (), line_tolerance: int | None = 1) -> None:
        self._mappings = mappings_by_root(replacing)
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

    def read(self, call: Call, payload: etree._Element) -> Inquiry:
        """A payload → its canonical body; it must conform to the schema and the sums must be right.

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
            raise self._refused(call, error) from None
        if not valid:
            raise self._violated(call, payload)
        if isinstance(body, ClaimSubmitted) and self._tolerance is not None:
            self._check_lines(call, body, self._tolerance)
        return Inquiry(
            call=call,
            body=body,
            msgid=msgid,
            institution=body.institution_code,  # type: ignore[union-attr]  # every request has one
            mapping=f"{mapping.name}@{mapping.version}",
        )

    def write(self, call: Call, body: Struct) -> bytes:
        """The answer of a request-reply operation.

        Raises:
            MappingError, TypeError: the body cannot be said in this interface.
        """
        return self.mapping_of(call.reply).encode(body)

    def mapping_of(self, root: str) -> Mapping:
        return self._mappings[root]

    def _refused(self, call: Call, error: MappingError) -> Fault:
        first = error.faults[0]
        field = first.field[:_LONGEST]
        name = first.name or self._name(call, field)
        what = f"{name} {field}".strip()
        if first.rule == "total":  # its text gives amounts
            zh, en = f"{what}：金额勾稽不符", f"{field}: the amounts do not add up"
        else:
            zh, en = _VALUE_ZH.sub("", first.zh), _VALUE_EN.sub("", first.en)
        more = len(error.faults) - 1
        zh += f"（另有 {more} 处错误）" if more else ""
        en += f" (and {more} more)" if more else ""
        return Fault(code="invalid", zh=zh, en=en, field=field, name=name, rule=first.rule)

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

    def _check_lines(self, call: Call, claim: ClaimSubmitted, tolerance: int) -> None:
        for i, line in enumerate(claim.fee_lines, 1):
            if abs(line.quantity * line.unit_price * 100 - Decimal(line.amount)) > tolerance:
                field = f"feedetail[{i}]/det_item_fee_sumamt"
                name = self._name(call, field)
                zh = f"{name} {field}：与数量×单价不符"
                en = f"{field}: differs from quantity times price"
                raise Fault(code="invalid", zh=zh, en=en, field=field, name=name, rule="line-amount")


def receipt(msgid: str, given: Receipt) -> bytes:
    """`UploadReceipt`: we have it, and will deliver it."""
    state = "already-accepted" if given.repeated else "accepted"
    fields = (("msgid", msgid), ("message_id", given.message_id), ("state", state))
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields)
    return f'<UploadReceipt xmlns="{NAMESPACE}">{inner}</UploadReceipt>'.encode()


def msgid_of(payload: Any) -> str | None:
    """The message id in a payload that may be wrong otherwise, for the record of a refusal."""
    found = payload.find(tag("msgid"))
    text = cast("str | None", found.text) if found is not None else None
    return text if text and len(text) <= 30 and text.isalnum() else None
