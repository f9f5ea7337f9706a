"""CDC: JSON over HTTPS, signed by SM2, encrypted by SM4. See `cdc_envelope` for what is on the wire.

BB6BTHHL, BB6ACLAK  submit 代发, 代扣          BB6DTLQY, BB6ACLIF  their items
BB6BPDQY, BB6CDCQY  a batch by its reference   BB6RFDQY            items that came back 退票
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar, cast

from msgspec import Struct

from adapters.bank.online.dialects.cdc_envelope import (
    Answer,
    Envelope,
    Forged,
    PlainError,
    Unusable,
    refuse_blanks,
)
from adapters.bank.online.dialects.dialect import known_of, with_request
from adapters.bank.online.formats import Formats, Unreadable
from adapters.bank.online.link import Link
from adapters.bank.online.settings import CdcSettings, FormatName, FunctionName
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
from gateway.contract import ConfigError, Context, PartnerDown
from mappings import parse_json
from mappings.lenses_times import CHINA

_T = TypeVar("_T")
_FORM: Final = "application/x-www-form-urlencoded; charset=UTF-8"
_CURSOR: Final = ("bthnbr", "trxseq", "histag", "ctnkey")


class _Function(Struct, frozen=True):
    code: str
    question: FormatName
    answer: FormatName


_FUNCTIONS: Final[Mapping[FunctionName, _Function]] = {
    "credit": _Function("BB6BTHHL", "cdc.credit_transfer", "cdc.credit_transfer_answer"),
    "debit": _Function("BB6ACLAK", "cdc.direct_debit", "cdc.direct_debit_answer"),
    "credit-status": _Function("BB6BPDQY", "cdc.batch_query", "cdc.batch"),
    "debit-status": _Function("BB6CDCQY", "cdc.debit_query", "cdc.debit_batch"),
    "credit-details": _Function("BB6DTLQY", "cdc.details_query", "cdc.details"),
    "debit-details": _Function("BB6ACLIF", "cdc.debit_details_query", "cdc.debit_details"),
    "refunds": _Function("BB6RFDQY", "cdc.refunds_query", "cdc.refunds"),
}
_SUBMIT: Final[Mapping[Kind, FunctionName]] = {"credit-transfer": "credit", "direct-debit": "debit"}
_STATUS: Final[Mapping[Kind, FunctionName]] = {
    "credit-transfer": "credit-status",
    "direct-debit": "debit-status",
}
_DETAILS: Final[Mapping[Kind, FunctionName]] = {
    "credit-transfer": "credit-details",
    "direct-debit": "debit-details",
}


class CdcDialect:
    """Implements `Dialect`."""

    def __init__(self, settings: CdcSettings, context: Context, formats: Formats, link: Link) -> None:
        self._settings, self._context = settings, context
        self._formats, self._link = formats, link
        self._envelope: Envelope | None = None

    def envelope(self) -> Envelope:
        """With the keys, read the first time they are needed. Raises ConfigError."""
        if self._envelope is None:
            self._envelope = Envelope(self._settings)
        return self._envelope

    # Submitting

    def write(self, piece: PaymentBatch, whole: PaymentBatch, number: int, of: int, batch: Batch) -> bytes:
        function = _FUNCTIONS[_SUBMIT[batch.kind]]
        known = {**self._known(batch.kind), **known_of(piece, whole, number, of)}
        document = self._formats.write(function.question, piece, batch.at, known)
        if self._settings.blanks == "refuse":
            refuse_blanks(parse_json(document))
        return document

    async def submit(self, piece: Slice, batch: Batch) -> Taken | Refused | Doubt:
        name = _SUBMIT[batch.kind]
        answer = await self._call(name, with_request(piece.document, batch.request))
        if not isinstance(answer, Answer):
            return answer
        if answer.code not in self._settings.success_codes:
            return Refused(code=answer.code, text=answer.text, raw=answer.raw)
        format_ = _FUNCTIONS[name].answer
        given = {"batch_id": batch.reference, "raw_code": answer.code, "raw_text": None}
        return self._read(
            answer,
            lambda: Taken(
                report=cast(StatusReported, self._formats.read(format_, answer.body, batch.at, **given)),
                raw=answer.raw,
                mapping=self._formats.label(format_, batch.at),
            ),
        )

    # Asking

    async def ask(self, batch: Batch) -> Head | Nobody | Refused | Doubt:
        name = _STATUS[batch.kind]
        function = _FUNCTIONS[name]
        question = self._formats.write(function.question, batch.query(), batch.at, self._known(batch.kind))
        answer = await self._call(name, question)
        if not isinstance(answer, Answer):
            return answer
        if (nothing := self._without_row(answer)) is not None:
            return nothing
        return self._read(
            answer,
            lambda: Head(
                body=cast(BatchReturned, self._formats.read(function.answer, answer.body, batch.at)),
                raw=answer.raw,
                mapping=self._formats.label(function.answer, batch.at),
            ),
        )

    def _without_row(self, answer: Answer) -> Nobody | Refused | Doubt | None:
        """What an answer without a batch proves; None where it has one."""
        if {answer.code, answer.biz} & set(self._settings.absent_codes):
            return Nobody(raw=answer.raw)
        code = answer.code
        if code in self._settings.success_codes:
            if any(answer.body.values()):
                return None
            if answer.biz in ("", *self._settings.success_codes):
                return self._empty(answer)
            code = answer.biz
        return Refused(code=code, text=answer.text, raw=answer.raw)

    def _empty(self, answer: Answer) -> Nobody | Doubt:
        if self._settings.absent_when_empty:
            return Nobody(raw=answer.raw)
        return doubt("查询成功但没有记录", "the query brought no row", answer.raw, authentic=True)

    async def details(self, batch: Batch, after: Cursor) -> Page | Refused | Doubt:
        return await self._page(_DETAILS[batch.kind], batch, after)

    async def refunds(self, batch: Batch, after: Cursor) -> Page | Refused | Doubt | None:
        return await self._page("refunds", batch, after) if batch.kind == "credit-transfer" else None

    async def _page(self, name: FunctionName, batch: Batch, after: Cursor) -> Page | Refused | Doubt:
        function = _FUNCTIONS[name]
        known = {**self._known(batch.kind), **after}
        answer = await self._call(
            name, self._formats.write(function.question, batch.named(), batch.at, known)
        )
        if not isinstance(answer, Answer):
            return answer
        if answer.code not in self._settings.success_codes:
            return Refused(code=answer.code, text=answer.text, raw=answer.raw)

        def read() -> Page:
            given = {
                "batch_id": batch.reference, "stage": "final", "bank_reference": batch.request,
            }  # fmt: skip
            body = cast(BatchReturned, self._formats.read(function.answer, answer.body, batch.at, **given))
            found = self._formats.envelope(function.answer, answer.body, batch.at)
            return Page(
                results=body.results,
                after={key: found[key] for key in _CURSOR if found.get(key)},
                raw=answer.raw,
                mapping=self._formats.label(function.answer, batch.at),
            )

        return self._read(answer, read)

    # How

    def _known(self, kind: Kind) -> dict[str, str]:
        return {
            "buscod": self._settings.business_code(kind),
            "busmod": self._settings.business_mode,
            "bbknbr": self._settings.branch,
        }

    async def _call(self, name: FunctionName, document: bytes) -> Answer | Doubt:
        """One signed question, and its answer if it is the bank's."""
        try:
            envelope = self.envelope()
        except ConfigError as error:
            raise PartnerDown(error.zh, error.en) from error
        function = self._settings.functions.get(name, _FUNCTIONS[name].code)
        now = self._context.clock.now().astimezone(CHINA)
        number = await self._context.serials.next("cdc-request")
        reqid = f"{now:%Y%m%d%H%M%S%f}"[:17] + f"{number % 10_000_000:07d}"
        form = envelope.request(function, reqid, f"{now:%Y%m%d%H%M%S}", parse_json(document))
        heard = await self._link.post(form, _FORM)
        return heard if isinstance(heard, Doubt) else self._opened(envelope, function, reqid, heard)

    def _opened(self, envelope: Envelope, function: str, reqid: str, heard: bytes) -> Answer | Doubt:
        log = self._context.log
        try:
            return envelope.open(heard, reqid)
        except PlainError:
            log.warning("bank.plain_error", function=function)
            return doubt(
                "银行以明文报错：请核对用户、密钥与签名设置，原文见该消息",
                "the bank answers with an error in plain text: compare user, keys and signature",
                heard,
            )
        except Unusable as error:
            log.warning("bank.answer_unusable", function=function, reason=str(error))
            return doubt("应答无法解读", f"the answer cannot be used: {error}", heard)
        except Forged as error:
            log.error("bank.signature_wrong", function=function, kind=str(error))
            return doubt(
                "应答的签名不是银行的：请核对 bank_keys 与 answer_signed",
                "the answer's signature is not the bank's: compare bank_keys and answer_signed",
                heard,
            )

    def _read(self, answer: Answer, read: Callable[[], _T]) -> _T | Doubt:
        try:
            return read()
        except Unreadable as error:
            self._context.log.warning("bank.answer_unusable", reason=str(error))
            return doubt("应答不符合接口约定", f"the answer is not as agreed: {error}", answer.raw)
