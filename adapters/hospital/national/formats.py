"""The mappings of the interface as they are on a day, with what the envelope says around an `input`."""

from __future__ import annotations

import datetime as dt

from msgspec import Struct, structs

from adapters.hospital.faults import invalid
from adapters.hospital.formats import Formats
from adapters.hospital.national.envelope import Envelope, wrong
from adapters.hospital.national.transactions import mapping_names
from gateway.canonical import Body
from gateway.contract import Unavailable
from mappings import Mapping, MappingError
from mappings.catalogue import NoMapping, china_day


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

    def write(self, name: str, body: Struct, at: dt.datetime) -> bytes:
        """
        Raises:
            MappingError, TypeError: the body cannot be said in this interface.
        """
        return self.mapping(name, at).encode(body)


def _may_lack(mapping: Mapping) -> bool:
    """Whether the message may go without a region: only a person who is still to be found has none."""
    fields = structs.fields(mapping.plan.struct)
    return not next(field for field in fields if field.name == "insured_region").required
