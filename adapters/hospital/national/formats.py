"""The mappings of the interface as they are on a day, with what the envelope says around an `input`."""

from __future__ import annotations

import datetime as dt

from msgspec import Struct, structs

from adapters.hospital.clerk import Inquiry
from adapters.hospital.faults import invalid
from adapters.hospital.formats import Formats
from adapters.hospital.national.answers import EMPTY
from adapters.hospital.national.checks import check
from adapters.hospital.national.envelope import Envelope, wrong
from adapters.hospital.national.transactions import Transaction, mapping_names
from gateway.canonical import Body
from gateway.canonical.settlement import CancellationDone, ClaimSettled
from gateway.contract import Unavailable
from mappings import Mapping, MappingError
from mappings.catalogue import NoMapping, china_day

#: Settlements: whose answers name the message that asked for them.
_ECHOING = frozenset({"2207", "2207A", "2208", "2304", "2305"})


class NationalFormats:
    """Reads inputs and writes outputs.

    Raises:
        ConfigError: one of the mappings is wrong.
    """

    def __init__(self, formats: Formats) -> None:
        self._formats = formats
        formats.compile(sorted(mapping_names()))

    def mapping(self, name: str, at: dt.datetime) -> Mapping:
        """
        Raises:
            Unavailable: no version holds then.
        """
        try:
            return self._formats.find(name, china_day(at))
        except NoMapping as error:
            raise Unavailable(error.zh, error.en) from None

    def read(self, name: str, asked: Envelope, at: dt.datetime) -> Body:
        """
        Raises:
            Fault: the input is refused.
            Unavailable: no version of the mapping holds.
        """
        mapping = self.mapping(name, at)
        needed = {place: asked.value(place) for place in mapping.elsewhere}
        if "insured_region" in needed and asked.insured_region is None and not _may_lack(mapping):
            raise wrong("insuplc_admdvs", "必填项缺失", "is required", "missing")
        try:
            return mapping.decode_tree(asked.input, **needed)
        except MappingError as error:
            raise invalid(error) from None

    def inquiry(
        self,
        transaction: Transaction,
        asked: Envelope,
        at: dt.datetime,
        *,
        tolerance: int | None,
        raw: bytes,
        trace: str,
    ) -> Inquiry:
        """What is asked for.

        Args:
            tolerance: fen by which the amount of a line may differ from quantity times price; None: any.
            raw, trace: of the request that carried it.

        Raises:
            Fault: the input is refused.
            Unavailable: no version of the mapping holds.
        """
        body = self.read(transaction.input, asked, at)
        _check_owner(body, asked)
        check(body, tolerance)
        mapping = self.mapping(transaction.input, at)
        return Inquiry(
            operation=transaction.operation,
            body=body,
            msgid=asked.msgid,
            institution=asked.institution_code,
            mapping=f"{mapping.name}@{mapping.version}",
            raw=raw,
            trace=trace,
        )

    def output(
        self, transaction: Transaction, asked: Envelope, body: Body, at: dt.datetime, *, echo: bool
    ) -> bytes:
        """The `output` of an answer, as JSON.

        Args:
            echo: settlements name the message that asked for them, not the one it was sent on under.

        Raises:
            MappingError, TypeError: the body cannot be said in this interface.
        """
        if transaction.output is None:
            return EMPTY
        if echo and asked.infno in _ECHOING and isinstance(body, ClaimSettled | CancellationDone):
            body = structs.replace(body, sender_message_id=asked.msgid)
        return self.write(transaction.output, body, at)

    def write(self, name: str, body: Struct, at: dt.datetime) -> bytes:
        """
        Raises:
            MappingError, TypeError: the body cannot be said in this interface.
        """
        mapping = self.mapping(name, at)
        try:
            return mapping.encode(body)
        except MappingError as error:
            # What was kept of another transaction's answer (5203, where the settlement's own was lost) need not
            # fit here. The settlement is told without what a province added, rather than not at all.
            if error.rule != "extension":
                raise
            return mapping.encode(structs.replace(body, extension=None))


def _check_owner(body: Body, asked: Envelope) -> None:
    """A settlement list (4101) names its institution itself: it must be the one that was let in."""
    if getattr(body, "institution_code", asked.institution_code) != asked.institution_code:
        zh, en = "与报文头的机构编号不符", "is not the institution of the envelope"
        raise wrong("fixmedins_code", zh, en, "institutions")


def _may_lack(mapping: Mapping) -> bool:
    """Whether the message may go without a region: only a person who is still to be found has none."""
    fields = structs.fields(mapping.plan.struct)
    return not next(field for field in fields if field.name == "insured_region").required
