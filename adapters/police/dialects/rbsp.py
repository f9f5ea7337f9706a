"""RBSP: `query(senderID, serviceID, endUser, dataObjectCode, condition, requiredItems, infoCodeMode)`.

The result is an `RBSPMessage`: a table with a code in its first row and the names of its columns in the second.
It shows what the register holds; the names are compared here. The condition goes to a database as it is, so it is
made by the mapping from a number whose check digit and date are right, and from nothing else.
"""

from __future__ import annotations

from typing import Final, cast

from adapters.police.contracts import Unreadable
from adapters.police.dialects.dialect import (
    Answered,
    Enquiry,
    Soap,
    demand_end_user,
    refused_by_code,
    unusable,
    values_of,
)
from adapters.police.dialects.queries import about, question
from adapters.police.formats import Formats
from adapters.police.link import Trouble, excuse, undeclared
from adapters.police.services import RbspSettings
from gateway.canonical.verification import PersonCheckAnswered
from gateway.contract import Reject
from gateway.transports.soap import parse

PARAMETERS: Final = (
    "senderID", "serviceID", "endUser", "dataObjectCode", "condition", "requiredItems", "infoCodeMode",
)  # fmt: skip
_PHOTO: Final = "XP"


class RbspDialect:
    """Implements `Dialect`."""

    limit = 1

    def __init__(self, settings: RbspSettings, formats: Formats, soap: Soap) -> None:
        self._settings = settings
        self._formats = formats
        self._soap = soap

    async def ready(self) -> None:
        await self._soap.ready()

    def write(self, enquiry: Enquiry) -> bytes:
        """A flat element with the parameters; who asks, and why, stand in `endUser`."""
        settings = self._settings
        envelope = {
            "senderID": settings.sender_id,
            "serviceID": settings.service_id,
            "endUser": self._end_user(enquiry),
            "dataObjectCode": settings.data_object,
        }
        return self._formats.write("rbsp_query", question(enquiry), enquiry.at, envelope)

    def _end_user(self, enquiry: Enquiry) -> str:
        values = {
            "document_no": demand_end_user(enquiry),
            "name": enquiry.operator_name,
            "department": enquiry.operator_department,
            "code": enquiry.operator_code,
            "purpose": enquiry.persons[0].purpose,
        }
        try:
            return self._settings.end_user.format_map(values)
        except (KeyError, ValueError, IndexError):
            raise Reject(
                "设置 service.end_user 的写法有误",
                "service.end_user cannot be filled in",
                code="misconfigured",
            ) from None

    async def ask(self, document: bytes, enquiry: Enquiry) -> Answered | Trouble:
        values = values_of(parse(document))
        if enquiry.photo_wanted and _PHOTO not in values["requiredItems"].split(","):
            values["requiredItems"] += f",{_PHOTO}"
        heard = await self._soap.ask(values)
        if isinstance(heard, Trouble):
            return heard
        text, raw = heard
        excused = excuse(text, raw)
        if excused is not None:
            return excused
        try:
            return self._read(undeclared(text), raw, enquiry)
        except Unreadable as error:
            return unusable(error, raw)

    def _read(self, document: bytes, raw: bytes, enquiry: Enquiry) -> Answered | Trouble:
        given = {"outcome": "unavailable", "document_result": None, "name_result": None, "photo": None}
        told = cast(PersonCheckAnswered, self._formats.read("rbsp_result", document, enquiry.at, **given))
        if told.raw_code not in self._settings.success_codes:
            return refused_by_code(told.raw_code or "", told.raw_text, raw)
        return about(enquiry, told, raw, self._formats.label("rbsp_result", enquiry.at))
