"""Files behind 3202: what the hospital uploaded goes on as rows, and what differs comes back as a file.

Whoever compares knows our numbers of files as little as we know theirs. So the rows travel in the message.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec import structs

from adapters.hospital.clerk import Answered, Inquiry
from adapters.hospital.faults import Fault, invalid
from adapters.hospital.national.envelope import Envelope
from adapters.hospital.national.files import FileStore, Header, Taken, in_thread
from adapters.hospital.national.formats import NationalFormats
from gateway.canonical.reconciliation import (
    DetailFile,
    DetailsCompared,
    DetailsSubmitted,
    DifferencesReturned,
    SettlementDetail,
)
from gateway.contract import Unavailable
from mappings import Mapping, MappingError
from mappings.lenses_times import CHINA

_RESULT = "result.zip"
_FIELD, _NAME = "data/file_qury_no", "文件查询号"


class Details:
    """One per face."""

    def __init__(self, files: FileStore, formats: NationalFormats, reactor: Any) -> None:
        self._files = files
        self._formats = formats
        self._reactor = reactor

    async def opened(self, inquiry: Inquiry, asked: Envelope, at: dt.datetime) -> Inquiry:
        """With the rows of the file it names.

        Raises:
            Fault: there is no such file, or it is not what the request says.
            Unavailable: it cannot be read now.
        """
        body = inquiry.body
        if not isinstance(body, DetailsSubmitted):
            return inquiry
        try:
            content = await in_thread(self._reactor, self._files.get, body.file_no, asked.institution_code)
        except OSError as error:
            raise Unavailable("文件暂时无法读写", "files cannot be read or written now") from error
        if content is None:
            zh, en = "没有这个文件，或已过期", "there is no such file, or its time is over"
            raise _wrong("no-file", zh, en, "reference")
        try:
            mapping = self._formats.mapping("settlement.3202.file", at)
            rows = await in_thread(self._reactor, _rows, mapping, content, body)
        except MappingError as error:
            raise invalid(error) from None
        return structs.replace(inquiry, body=structs.replace(body, details=rows))

    async def stored(self, answered: Answered, asked: Envelope, at: dt.datetime, keep: float) -> Answered:
        """With what differs in a file of ours, to be fetched with 9102.

        Args:
            keep: seconds that files are kept.

        Raises:
            Unavailable: the file cannot be kept now; it is made again when the request is repeated.
        """
        body = answered.body
        if not isinstance(body, DetailsCompared) or body.differences is None:
            return answered
        found = DifferencesReturned(differences=body.differences)
        content = await in_thread(self._reactor, self._formats.write, "settlement.3202.result", found, at)
        header = Header(_RESULT, asked.institution_code)
        try:
            number = await in_thread(self._reactor, self._files.put, header, f"{asked.msgid}/result", content)
        except Taken as kept:  # the request was repeated
            number = kept.number
        except OSError as error:
            raise Unavailable("文件暂时无法读写", "files cannot be read or written now") from error
        until = (at + dt.timedelta(seconds=keep)).astimezone(CHINA).replace(microsecond=0)
        told = structs.replace(
            body, file_no=number, file_name=_RESULT, available_until=until, differences=None
        )
        return structs.replace(answered, body=told)


def _rows(mapping: Mapping, content: bytes, body: DetailsSubmitted) -> tuple[SettlementDetail, ...]:
    """Of a file, if they are what the request says. Raises MappingError and Fault."""
    file = mapping.decode(content)
    assert isinstance(file, DetailFile)
    _check(body, file.details)
    return file.details


def _check(body: DetailsSubmitted, rows: tuple[SettlementDetail, ...]) -> None:
    """The request's sums are those of its file, refunds counted or not: that is the province's choice."""
    stated = body.count, body.total, body.fund_total
    if stated not in (_sums(rows), _sums(tuple(row for row in rows if not row.refund))):
        zh, en = (
            "文件中的笔数或金额与请求不符",
            "count or amounts of the file differ from those of the request",
        )
        raise _wrong("invalid", zh, en, "total")


def _sums(rows: tuple[SettlementDetail, ...]) -> tuple[int, int, int]:
    return len(rows), sum(row.total for row in rows), sum(row.fund_total for row in rows)


def _wrong(code: str, zh: str, en: str, rule: str) -> Fault:
    return Fault(
        code=code, zh=f"{_NAME} {_FIELD}：{zh}", en=f"{_FIELD}: {en}", field=_FIELD, name=_NAME, rule=rule
    )
