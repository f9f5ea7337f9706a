"""Sends canonical messages to the partner, and settles what became of them, by what its settings list."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from adapters.generic.answers import Done, Proof
from adapters.generic.formats import Format, Formats, fill, label
from adapters.generic.operations import InquirySettings
from adapters.generic.rows import Unwritten, body_of, written
from adapters.generic.transports.link import Carrying, Link, Looking
from gateway.canonical import Message
from gateway.canonical.exchange import FileSubmitted
from gateway.canonical.rows import rows_beside
from gateway.contract import (
    Absent,
    Accepted,
    Context,
    Outcome,
    Prepared,
    QueryOutcome,
    Reject,
    Rejected,
    RetryLater,
    Reversed,
    ReverseOutcome,
    Unknown,
)
from gateway.transports.files import Content
from gateway.transports.files.threads import in_thread
from mappings import MappingError

#: Partners read dates and times as China's.
CHINA = dt.timezone(dt.timedelta(hours=8))
_AGAIN = 60.0  #: seconds, where a large document could not be written


class GenericSender:
    """Implements `gateway.contract.Sender` and `Resolver`."""

    def __init__(self, formats: Formats, link: Link, context: Context) -> None:
        self._formats = formats
        self._link = link
        self._context = context

    async def prepare(self, message: Message) -> Prepared:
        """Writes the message in the partner's form, under a reference of its own.

        Raises:
            Reject: the form cannot say this message.
        """
        form = self._formats.sending(message.type)
        own = form.settings
        values = self._values(message)
        if isinstance(message.data, FileSubmitted):
            values["file_name"] = message.data.file_name
        if "{serial" in own.reference:
            values["serial"] = str(await self._context.serials.next("reference"))
        values["reference"] = fill(own.reference, values)
        if form.opaque:
            return Prepared(operation=form.name, reference=values["reference"], content=b"")
        envelope = _filled(own.envelope, values)
        if self._streams(form, message):
            return Prepared(
                operation=form.name, reference=values["reference"], content=b"", attributes=envelope
            )
        body = message.data
        if rows_beside(message):
            body = await in_thread(self._context, body_of, message, self._context)
        try:
            content = form.request.encode(body, envelope)
        except MappingError as error:
            raise _unsayable(error) from None
        return Prepared(operation=form.name, reference=values["reference"], content=content)

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """One attempt. Raises PartnerDown where nothing was handed over."""
        form = self._formats.named(prepared.operation)
        try:
            async with self._content(form, message, prepared) as content:
                if isinstance(content, bytes):
                    proof = await self._link.send(form, prepared.reference, content)
                else:
                    assert isinstance(self._link, Carrying), "only such links are given files"
                    proof = await self._link.carry(form, prepared.reference, content)
        except MappingError as error:  # it is written anew for each attempt, before anything is handed over
            refused = _unsayable(error)
            return Rejected(code=refused.code, reason=refused.both, field=refused.field or None)
        except Unwritten as error:
            return RetryLater(reason=error.both, after=_AGAIN)
        if isinstance(proof, Done):
            return _accepted(form, proof)
        if isinstance(proof, Absent):  # the codes of a query have no meaning here
            return Unknown(reason="结果代码未列明 / code not listed", raw=proof.raw)
        return proof

    async def query(self, message: Message, prepared: Prepared) -> QueryOutcome:
        """Asks by the settings' query, or looks where the way can."""
        form = self._formats.named(prepared.operation)
        if form.settings.query is None and isinstance(self._link, Looking):
            async with self._content(form, message, prepared) as content:
                proof = await self._link.look(form, prepared.reference, content)
        else:
            proof = await self._ask(form, form.settings.query, "query", message, prepared)
        if isinstance(proof, Done):
            # That it was done is certain; what was answered then, a query need not repeat.
            if form.reply is not None:
                return _accepted(form, proof)
            return Accepted(raw=proof.raw, reference=proof.reference)
        return Unknown(reason=proof.reason) if isinstance(proof, RetryLater) else proof

    async def reverse(self, message: Message, prepared: Prepared) -> ReverseOutcome:
        """Undoes by the settings' reversal."""
        form = self._formats.named(prepared.operation)
        proof = await self._ask(form, form.settings.reversal, "reversal", message, prepared)
        if isinstance(proof, Done):
            return Reversed(raw=proof.raw)
        if isinstance(proof, Rejected | Unknown):
            return proof
        # "Never came" is no proof: it may still arrive.
        return Unknown(reason="冲正未受理 / the reversal was not taken in")

    async def _ask(
        self, form: Format, inquiry: InquirySettings | None, asked: str, message: Message, prepared: Prepared
    ) -> Proof:
        mapping = form.inquiry(asked)
        if inquiry is None or mapping is None:
            return Unknown(reason="没有约定查询 / no query was agreed")
        values = {**self._values(message), "reference": prepared.reference}
        content = mapping.encode(message.data, _filled(inquiry.envelope, values))
        return await self._link.send(form, prepared.reference, content, asked, inquiry.answer)

    def _streams(self, form: Format, message: Message) -> bool:
        """Whether it is written row by row: nobody holds it in memory."""
        return bool(rows_beside(message)) and form.request.streams and isinstance(self._link, Carrying)

    @asynccontextmanager
    async def _content(self, form: Format, message: Message, prepared: Prepared) -> AsyncIterator[Content]:
        """What is handed over; of large contents a file, or pieces made as often as they are asked for."""
        if form.opaque:
            kept = message.attachment
            yield b"" if kept is None else partial(self._context.attachments.read, kept)
        elif self._streams(form, message):
            file = await in_thread(self._context, written, form, message, prepared.attributes, self._context)
            try:
                yield file
            finally:
                await in_thread(self._context, file.unlink)
        else:
            yield prepared.content

    def _values(self, message: Message) -> dict[str, str]:
        now = self._context.clock.now().astimezone(CHINA)
        return {
            "message_id": message.id,
            "region": message.region,
            "date": now.strftime("%Y%m%d"),
            "time": now.strftime("%Y%m%d%H%M%S"),
        }


def _unsayable(error: MappingError) -> Reject:
    return Reject(
        f"无法写成对方的格式：{error.zh}",
        f"cannot be said in the partner's form: {error.en}",
        code="mapping",
        field=error.canonical,
        rule=error.rule,
    )


def _accepted(form: Format, proof: Done) -> Accepted | Unknown:
    if form.reply is None:
        return Accepted(raw=proof.raw, reference=proof.reference)
    try:
        tree = proof.payload if proof.payload is not None else form.reply.parse(proof.raw)
        reply = form.reply.decode_tree(tree)
    except MappingError as error:
        where = f"{error.field} {error.rule}".strip()
        return Unknown(
            reason=f"应答不符合约定：{where} / the answer is not what was agreed: {where}", raw=proof.raw
        )
    return Accepted(reply=reply, raw=proof.raw, reference=proof.reference, mapping=label(form.reply))


def _filled(envelope: dict[str, str], values: dict[str, str]) -> dict[str, str]:
    return {name: fill(template, values) for name, template in envelope.items()}
