"""CMB's front end on our premises: XML in GBK over HTTP. It signs by itself, so its host and the way to it are trusted.

<CMBSDKPGK><INFO><FUNNAM>NTAGCAPY</FUNNAM><DATTYP>2</DATTYP><LGNNAM>…</LGNNAM></INFO>…</CMBSDKPGK>

NTAGCAPY, NTAGCACL  submit 代发, 代扣      NTAGCINY  a batch by its reference, of one week      NTAGDINF  its items
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final, TypeVar, cast

from lxml import etree

from adapters.bank.online.dialects.dialect import known_of, with_request
from adapters.bank.online.formats import Formats, Unreadable
from adapters.bank.online.link import Link
from adapters.bank.online.settings import FormatName, XmlSettings
from adapters.bank.online.words import (
    Batch,
    Cursor,
    Doubt,
    Head,
    Kind,
    Nobody,
    Page,
    Refused,
    Slice,
    Taken,
    doubt,
)
from gateway.canonical.payment import BatchReturned, PaymentBatch, StatusReported
from gateway.contract import Context
from gateway.transports.soap import XmlError, parse
from mappings.lenses_times import CHINA

_T = TypeVar("_T")
_ROOT: Final = "CMBSDKPGK"
_CURSOR: Final = ("bthnbr", "trxseq", "histag")
_SUBMIT: Final[Mapping[Kind, tuple[FormatName, FormatName]]] = {
    "credit-transfer": ("cmb.credit_transfer", "cmb.credit_transfer_answer"),
    "direct-debit": ("cmb.direct_debit", "cmb.direct_debit_answer"),
}
#: A query spans a week at most, by the day of submission; near midnight that may be the day before or after ours.
_DAY: Final = dt.timedelta(days=1)
_WEEK: Final = dt.timedelta(days=6)
_BACK: Final = dt.timedelta(days=89)


class XmlDialect:
    """Implements `Dialect`."""

    def __init__(self, settings: XmlSettings, context: Context, formats: Formats, link: Link) -> None:
        self._settings, self._context = settings, context
        self._formats, self._link = formats, link

    def write(self, piece: PaymentBatch, whole: PaymentBatch, number: int, of: int, batch: Batch) -> bytes:
        known = {**self._known(batch.kind), **known_of(piece, whole, number, of)}
        return self._formats.write(_SUBMIT[batch.kind][0], piece, batch.at, known)

    async def submit(self, piece: Slice, batch: Batch) -> Taken | Refused | Doubt:
        answer = await self._call(with_request(piece.document, batch.request))
        if not isinstance(answer, _Answer):
            return answer
        format_ = _SUBMIT[batch.kind][1]
        return self._read(
            answer,
            lambda: Taken(
                report=cast(StatusReported, self._decoded(format_, answer, batch)),
                raw=answer.raw,
                mapping=self._formats.label(format_, batch.at),
            ),
        )

    async def ask(self, batch: Batch) -> Head | Nobody | Refused | Doubt:
        """Week by week, since the day of submission is only the earliest that the bank may have written down: that no week
        has the batch proves that there is none."""
        today = self._context.clock.now().astimezone(CHINA).date()
        first = batch.tried.astimezone(CHINA).date() - _DAY
        if first < today - _BACK:
            return doubt(
                "提交已过 90 天，前置机不再提供查询：请向银行核实",
                "submitted more than 90 days ago, which the front end does not answer: ask the bank",
            )
        nothing: Nobody | Refused | Doubt | None = None
        while True:
            last = min(first + _WEEK, today)
            heard = await self._ask(batch, first, last)
            if isinstance(heard, Head) or (isinstance(heard, Doubt) and not heard.authentic):
                return heard
            # One week that proves nothing is enough for no proof at all.
            nothing = heard if nothing is None or not isinstance(heard, Nobody) else nothing
            if last >= today:
                return nothing
            first = last + _DAY

    async def _ask(self, batch: Batch, first: dt.date, last: dt.date) -> Head | Nobody | Refused | Doubt:
        known = {**self._known(batch.kind), "bgndat": f"{first:%Y%m%d}", "enddat": f"{last:%Y%m%d}"}
        answer = await self._call(self._formats.write("cmb.batch_query", batch.query(), batch.at, known))
        if isinstance(answer, Refused) and answer.code in self._settings.absent_codes:
            return Nobody(raw=answer.raw)
        if not isinstance(answer, _Answer):
            return answer
        if len(answer.root) == 1:  # nothing beside INFO
            if self._settings.absent_when_empty:
                return Nobody(raw=answer.raw)
            return doubt("查询成功但没有记录", "the query brought no row", answer.raw, authentic=True)
        return self._read(
            answer,
            lambda: Head(
                body=cast(BatchReturned, self._decoded("cmb.batch", answer, batch)),
                raw=answer.raw,
                mapping=self._formats.label("cmb.batch", batch.at),
            ),
        )

    async def details(self, batch: Batch, after: Cursor) -> Page | Refused | Doubt:
        known = {**self._known(batch.kind), **after}
        answer = await self._call(self._formats.write("cmb.details_query", batch.named(), batch.at, known))
        if not isinstance(answer, _Answer):
            return answer

        def read() -> Page:
            body = cast(BatchReturned, self._decoded("cmb.details", answer, batch))
            found = self._formats.envelope("cmb.details", answer.root, batch.at)
            return Page(
                results=body.results,
                after={key: found[key] for key in _CURSOR if found.get(key)},
                raw=answer.raw,
                mapping=self._formats.label("cmb.details", batch.at),
            )

        return self._read(answer, read)

    async def refunds(self, batch: Batch, after: Cursor) -> Page | Refused | Doubt | None:
        return None

    # How

    def _known(self, kind: Kind) -> dict[str, str]:
        return {
            "lgnnam": self._settings.login,
            "buscod": self._settings.business_code(kind),
            "busmod": self._settings.business_mode,
            "bbknbr": self._settings.branch,
        }

    async def _call(self, document: bytes) -> _Answer | Refused | Doubt:
        heard = await self._link.post(document, self._settings.content_type)
        if isinstance(heard, Doubt):
            return heard
        try:
            answer = _Answer(heard, self._settings.answer_limit)
        except XmlError as error:
            self._context.log.warning("bank.answer_unusable", reason=error.reason_en)
            return doubt(
                f"应答无法解析：{error.reason_zh}",
                f"the answer cannot be read: {error.reason_en}",
                heard,
            )
        except Unreadable as error:
            return self._unreadable(error, heard)
        if answer.code not in self._settings.success_codes:
            return Refused(code=answer.code, text=answer.text, raw=heard)
        return answer

    def _decoded(self, name: FormatName, answer: _Answer, batch: Batch) -> object:
        given = {
            "batch_id": batch.reference, "stage": "final", "bank_reference": batch.request,
            "raw_code": answer.code, "raw_text": answer.text or None,
        }  # fmt: skip
        return self._formats.read(name, answer.root, batch.at, **given)

    def _read(self, answer: _Answer, read: Callable[[], _T]) -> _T | Doubt:
        try:
            return read()
        except Unreadable as error:
            return self._unreadable(error, answer.raw)

    def _unreadable(self, error: Unreadable, raw: bytes) -> Doubt:
        self._context.log.warning("bank.answer_unusable", reason=str(error))
        return doubt("应答不符合接口约定", f"the answer is not as agreed: {error}", raw)


class _Answer:
    """An answer's document. Raises XmlError; Unreadable where it is none of the front end's."""

    def __init__(self, raw: bytes, limit: int) -> None:
        self.raw = raw
        self.root: etree._Element = parse(raw, max_bytes=limit)
        code = self.root.findtext("INFO/RETCOD")
        if self.root.tag != _ROOT or code is None:
            raise Unreadable("no INFO/RETCOD")
        self.code = code.strip()
        self.text = (self.root.findtext("INFO/ERRMSG") or "").strip()
