"""Takes complete files for the partner's operations: which one a file belongs to, and its content to the desk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Table
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from adapters.generic.desk import Desk
from adapters.generic.formats import Format
from adapters.generic.refusals import Refused, invalid, later
from gateway.canonical import Attachment
from gateway.canonical.exchange import FileSubmitted
from gateway.canonical.receipt import MessageReceived
from gateway.contract import Inbound, Refusal, Settings, Unavailable
from gateway.transports.files import Arrived, Finding, NotNow, Taken, TurnedAway
from gateway.transports.files.memory import Memory
from gateway.transports.files.threads import in_thread
from mappings import MappingError

Glob = Annotated[str, StringConstraints(pattern=r"^[^/\s]+$"), Field(examples=["*.xml"])]


class Arriving(Settings):
    """一项操作的文件。 / The files of one operation."""

    files: Glob = Field(default="*", description="文件名式样 / pattern of file names")


#: Seconds in which a content that was kept may still be named by a message: what nobody names for a day is removed.
_FRESH: Final = 3600.0


class Replaced(OSError):
    """The file is not what it was a moment ago: it is looked at again."""


class FileTaker:
    """Implements `Taker`."""

    def __init__(self, desk: Desk, calls: Table[str, Arriving]) -> None:
        self._desk = desk
        self._calls = calls
        self._attachment: Attachment | None = None  #: kept, and not yet of an accepted message
        self._kept_at = 0.0
        self._memory = Memory(desk.context.state_dir)

    async def take(self, file: Arrived) -> Taken:
        """See `Taker`."""
        raw = b""
        try:
            form = self._form_of(file.name)
            if form.opaque:
                inbound = await self._kept(form, file)
            else:
                raw = await in_thread(self._desk.context, _read, file, form)
                inbound = self._desk.understood(form, _parsed(form, raw), raw)
            answer = await self._desk.accept(form, inbound)
        except Refused as refused:
            away = await self._turned_away(refused, raw)
            if isinstance(away, TurnedAway):
                self._attachment = None
            raise away from None
        assert isinstance(answer, MessageReceived), "files are one-way"
        self._attachment = None
        return Taken(
            message_id=answer.message_id,
            repeated=answer.state == "already-accepted",
            # Bodies that consist of items say how many they are and what they come to, by these names.
            count=getattr(inbound.body, "number_of_transactions", None),
            total=getattr(inbound.body, "control_sum", None),
        )

    async def refuse(self, name: str, code: str, findings: tuple[Finding, ...], digest: bytes) -> str:
        """See `Taker`."""
        del name
        rule, field = (findings[0].rule, findings[0].field) if findings else ("", "")
        try:
            return await self._desk.context.inbox.refuse(
                Refusal(code=code, field=field, rule=rule, raw=digest)
            )
        except Unavailable as error:
            raise NotNow(error.zh, error.en) from None

    async def _turned_away(self, refused: Refused, raw: bytes) -> TurnedAway | NotNow:
        """What to raise: on record, or not now."""
        try:
            await self._desk.record(refused, raw)
        except Refused as unrecorded:
            return NotNow(unrecorded.zh, unrecorded.en)
        if not refused.refusal_id:
            return NotNow(refused.zh, refused.en)
        findings = tuple(_finding(one) for one in (refused, *refused.more))
        return TurnedAway(code=refused.code, findings=findings, refusal_id=refused.refusal_id)

    async def _kept(self, form: Format, file: Arrived) -> Inbound:
        """A file nobody reads: its content is kept aside, and travels by its claim."""
        context = self._desk.context
        kept = self._attachment
        now = context.clock.monotonic()
        # What could not be committed in the last round is there already.
        fresh = now - self._kept_at < _FRESH
        if kept is None or not fresh or (kept.sha256, kept.name) != (file.sha256, file.name):
            try:
                kept = await context.inbox.keep(file.path, name=file.name)
            except Unavailable as error:
                raise later(error) from None
            if kept.sha256 != file.sha256:
                raise Replaced(0, "the file changed while it was kept")
            self._attachment, self._kept_at = kept, now
        body = FileSubmitted(file_name=file.name, size=file.size, sha256=file.sha256)
        number = file.name
        if (
            form.settings.id != "file_name"
        ):  # the audit log tells the number: a bare digest would tell too much
            number = await in_thread(context, self._memory.number, file.sha256)
        return Inbound(
            body=body,
            raw=b"",
            partner_message_id=number,
            region=context.region,
            mapping="file",
            idempotency=bytes.fromhex(file.sha256),
            attachment=kept,
        )

    def _form_of(self, name: str) -> Format:
        for form in self._desk.formats.going("inbound"):
            call = self._calls.get(form.name) or Arriving()
            if fnmatchcase(name, call.files):
                return form
        zh, en = "文件名不符合任何操作", "the file name fits no operation"
        raise Refused(code="unknown-operation", zh=zh, en=en, rule="file name")


def _parsed(form: Format, raw: bytes) -> Any:
    try:
        return form.request.parse(raw)
    except MappingError as error:
        raise invalid(error) from None


def _read(file: Arrived, form: Format) -> bytes:
    limit = form.request.plan.definition.codec.max_bytes
    if file.size > limit:  # the mapping would refuse it, but only after it was read
        zh, en = f"文件超过 {limit} 字节", f"the file is larger than {limit} bytes"
        raise Refused(code="too-large", zh=zh, en=en, rule=f"max {limit}")
    raw = file.path.read_bytes()
    if hashlib.sha256(raw).hexdigest() != file.sha256:
        raise Replaced(0, "the file changed while it was read")
    return raw


def _finding(one: Refused) -> Finding:
    return Finding(
        rule=one.rule,
        zh=one.zh,
        en=one.en,
        line=one.line or None,
        column=one.column or None,
        field=one.field,
    )
