"""RBSP as JSON: `Query` for one person, `DataMatching` for a roll whose answer comes later.

{"serviceId":…,"senderId":…,"method":"Query","authorizeInfo":…,"operate":{…},"methodParameter":{…}}
{"payLoad":{"Code":"000","Message":{"TotalNum":"1","Reuoult":[{…}]}}}          Reuoult is their spelling
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from adapters.police.contracts import Unreadable
from adapters.police.dialects.dialect import Answered, Enquiry, demand_end_user, refused_by_code, unusable
from adapters.police.dialects.queries import about, question
from adapters.police.formats import Formats
from adapters.police.link import Link, Trouble, text_of
from adapters.police.services import JsonSettings
from gateway.canonical.verification import PersonCheckAnswered
from gateway.transports.http import HttpResponse
from mappings import Refused, parse_json

#: Stands in stored documents where the secret belongs.
PLACEHOLDER: Final = "-"
_encode: Final = msgspec.json.Encoder().encode


class JsonDialect:
    """Implements `Dialect`."""

    limit = 1

    def __init__(self, settings: JsonSettings, formats: Formats, link: Link) -> None:
        self._settings = settings
        self._formats = formats
        self._link = link

    async def ready(self) -> None:
        """There is nothing to read."""

    def write(self, enquiry: Enquiry) -> bytes:
        demand_end_user(enquiry)
        envelope = {
            "serviceId": self._settings.service_id,
            "senderId": self._settings.sender_id,
            "authorizeInfo": PLACEHOLDER,
            "UserName": enquiry.operator_name,
            "UserDept": enquiry.operator_department,
        }
        return self._formats.write("json_query", question(enquiry), enquiry.at, envelope)

    async def ask(self, document: bytes, enquiry: Enquiry) -> Answered | Trouble:
        heard = await self.send(document)
        if isinstance(heard, Trouble):
            return heard
        given = {
            "outcome": "unavailable", "document_result": None, "name_result": None, "photo": None, "raw_text": None,
        }  # fmt: skip
        try:
            told = self._formats.read("json_result", text_of(heard).encode(), enquiry.at, **given)
            answer = cast(PersonCheckAnswered, told)
            return about(enquiry, answer, heard, self._formats.label("json_result", enquiry.at))
        except Unreadable as error:
            return unusable(error, heard)

    async def send(self, document: bytes) -> bytes | Trouble:
        """A document with its secret: the answer, if its code says success. Raises PartnerDown."""
        tree = msgspec.json.decode(document)
        tree["authorizeInfo"] = self._settings.authorize.get_secret_value()
        heard = await self._link.json(_encode(tree))
        if isinstance(heard, Trouble):
            return heard
        return self._judged(heard)

    def _judged(self, heard: HttpResponse) -> bytes | Trouble:
        try:
            code, text = result_of(text_of(heard.body))
        except Unreadable as error:
            return unusable(error, heard.body)
        if code not in self._settings.success_codes:
            return refused_by_code(code, text, heard.body)
        return heard.body


def result_of(text: str) -> tuple[str, str | None]:
    """Code and words of an answer.

    Raises:
        Unreadable: not JSON, or without code.
    """
    try:
        tree: Any = parse_json(text.encode())
    except Refused as error:
        raise Unreadable(error.rule) from None
    load = tree.get("payLoad") if isinstance(tree, dict) else None
    code = load.get("Code") if isinstance(load, dict) else None
    if not isinstance(code, str) or not code or not isinstance(load, dict):
        raise Unreadable("payLoad/Code")
    words = load.get("Message")
    return code, words if isinstance(words, str) else None
