"""NCIIC: `nciicCheck(inLicense, inConditions)`. The conditions and the result are XML inside of strings.

conditions  <ROWS><INFO><SBM/></INFO><ROW>captions</ROW><ROW FSD="990101" YWLX="…"><GMSFHM/><XM/></ROW>…</ROWS>
result      <ROWS><ROW no="1"><INPUT>…</INPUT><OUTPUT>…</OUTPUT></ROW>…</ROWS>
       or   <RESPONSE errorcode="-80">…</RESPONSE>     licence and quota errors
"""

from __future__ import annotations

import re
from typing import Final, cast

from adapters.police.contracts import Unreadable
from adapters.police.dialects.dialect import Answered, Enquiry, Soap, unusable
from adapters.police.findings import Finding, compared
from adapters.police.formats import Formats
from adapters.police.link import Trouble, undeclared
from adapters.police.services import NciicSettings
from gateway.canonical.refusal import RequestRefused
from gateway.canonical.verification import CheckedPerson, PersonChecksAnswered, PersonChecksAsked
from gateway.contract import Log

PARAMETERS: Final = ("inLicense", "inConditions")
_ROOT: Final = re.compile(rb"\s*<([A-Za-z]+)")
_LICENCE_AGAIN: Final = 600.0


class NciicDialect:
    """Implements `Dialect`."""

    def __init__(self, settings: NciicSettings, formats: Formats, soap: Soap, log: Log) -> None:
        self.limit = settings.rows_per_call
        self._settings = settings
        self._formats = formats
        self._soap = soap
        self._log = log

    async def ready(self) -> None:
        await self._soap.ready()

    def write(self, enquiry: Enquiry) -> bytes:
        """The `ROWS` of the conditions. Name and number of the operator are not part of this service."""
        asked = PersonChecksAsked(
            operator_code=enquiry.operator_code,
            operator_name=enquiry.operator_name,
            operator_department=enquiry.operator_department,
            persons=enquiry.persons,
        )
        return self._formats.write("nciic_check", asked, enquiry.at, {"SBM": self._settings.unit})

    async def ask(self, document: bytes, enquiry: Enquiry) -> Answered | Trouble:
        licence = self._settings.licence.get_secret_value()
        heard = await self._soap.ask({"inLicense": licence, "inConditions": document.decode()})
        if isinstance(heard, Trouble):
            return heard
        text, raw = heard
        try:
            return self._read(undeclared(text), raw, enquiry)
        except Unreadable as error:
            return unusable(error, raw)

    def _read(self, document: bytes, raw: bytes, enquiry: Enquiry) -> Answered | Trouble:
        root = _ROOT.match(document)
        if root is not None and root[1] == b"RESPONSE":
            return self._refused(document, raw, enquiry)
        rows = cast(
            PersonChecksAnswered,
            self._formats.read("nciic_result", document, enquiry.at, raw_code=None, raw_text=None),
        )
        placed = matched(rows.persons, enquiry)
        strangers = len(rows.persons) - len(placed)
        if strangers:
            self._log.warning("police.rows_not_asked_for", rows=strangers)
        words = self._settings.not_found_words
        findings: dict[int, Finding] = {
            place: compared(row, words, enquiry.photo_wanted) for place, row in placed.items()
        }
        return Answered(findings=findings, raw=raw, mapping=self._formats.label("nciic_result", enquiry.at))

    def _refused(self, document: bytes, raw: bytes, enquiry: Enquiry) -> Trouble:
        given = {"code": "rejected", "reason": "公安核验服务拒绝", "field": None}
        no = cast(RequestRefused, self._formats.read("nciic_refusal", document, enquiry.at, **given))
        code, text = no.raw_code or "", no.raw_text or ""
        if any(word in text for word in self._settings.quota_words):
            reason = f"公安方额度已用完，代码 {code}：北京时间零点后自动继续，或向公安申请增加额度 / their quota is used up"
            return Trouble(kind="quota", reason=reason, code=code, text=text, raw=raw)
        if code in self._settings.licence_codes or "授权" in text:
            reason = f"授权文件未被接受，代码 {code}：请更换 service.licence 的授权文件后重启 / the licence was not accepted"
            return Trouble(kind="licence", reason=reason, code=code, text=text, raw=raw, after=_LICENCE_AGAIN)
        reason = f"公安核验服务拒绝，代码 {code}：请对照对方代码表 / refused by their service"
        return Trouble(kind="service", reason=reason, code=code, text=text, raw=raw)


def matched(rows: tuple[CheckedPerson, ...], enquiry: Enquiry) -> dict[int, CheckedPerson]:
    """Rows by the place of the person they are about: by `no` where the number agrees, else by the number alone.

    A row about nobody who was asked about is left out; so is a person about whom two rows disagree.
    """
    found: dict[int, CheckedPerson] = {}
    disputed: set[int] = set()
    for row in rows:
        place = _place(row, enquiry)
        if place is None:
            continue
        earlier = found.setdefault(place, row)
        if (earlier.document_result, earlier.name_result, earlier.raw_text) != (
            row.document_result, row.name_result, row.raw_text,
        ):  # fmt: skip
            disputed.add(place)
    return {place: row for place, row in found.items() if place not in disputed}


def _place(row: CheckedPerson, enquiry: Enquiry) -> int | None:
    persons = enquiry.persons
    number = row.document_no
    place = (row.row_no or 0) - 1
    if 0 <= place < len(persons) and number in (None, persons[place].document_no):
        return place
    same = [p for p, person in enumerate(persons) if number is not None and person.document_no == number]
    if len(same) > 1:
        same = [p for p in same if persons[p].name == row.name]
    return same[0] if len(same) == 1 else None
