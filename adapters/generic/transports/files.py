"""Files as a way of operations: which file belongs to which, and what a place we put files into proves.

How files come and go is the business of `gateway.transports.files`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from adapters.generic.answers import Done, Proof
from adapters.generic.desk import Desk
from adapters.generic.filing import Arriving, FileTaker
from adapters.generic.formats import Format, Formats, fill, slots
from adapters.generic.operations import AnswerSettings
from adapters.generic.transports.http import unknown_calls
from gateway.contract import (
    Absent,
    CheckStep,
    ConfigError,
    Context,
    Receiver,
    Rejected,
    RetryLater,
    Settings,
    Unknown,
)
from gateway.transports import files
from gateway.transports.files import Content, Deposit, NameTaken, Uncertain
from gateway.transports.files.checking import Checks

FileName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._{}:-]+$"), Field(examples=["{reference}.xml"])
]


class _Arriving(Checks):
    """What all ways have in common by which files arrive."""

    carries: ClassVar[bool] = True
    calls: dict[str, Arriving] = Field(
        default={}, description="多项操作时各自的文件名 / file names by operation"
    )

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """One-way operations only, each with files of its own."""
        yield from self.unusable()
        forms = formats.going("inbound")
        yield from unknown_calls(self.calls, [form.name for form in forms])
        if len(forms) > 1 and {form.name for form in forms} != set(self.calls):
            zh, en = "多项操作须在 calls 中各写文件名式样", "several operations need a pattern each, in calls"
            yield ConfigError(zh, en, path="calls")
        for form in forms:
            if not form.one_way:
                zh, en = (
                    f"目录只能收单向报文：{form.name}",
                    f"a folder takes one-way messages only: {form.name}",
                )
                yield ConfigError(zh, en, path="kind")


class FolderInbound(_Arriving, files.FolderInbound):
    """对方把文件放入目录。 / The partner puts files into a folder."""

    def serve(self, desk: Desk) -> Receiver:
        return self.receiver(FileTaker(desk, self.calls), desk.context)


class SftpInbound(_Arriving, files.SftpInbound):
    """我方到对方的 SFTP 服务器取文件。 / We fetch files from the partner's SFTP server."""

    def serve(self, desk: Desk) -> Receiver:
        return self.receiver(FileTaker(desk, self.calls), desk.context)


class AccountInbound(_Arriving, files.AccountInbound):
    """对方登录我方 SFTP 服务器。 / The partner logs in to our SFTP server."""

    def serve(self, desk: Desk) -> Receiver:
        return self.receiver(FileTaker(desk, self.calls), desk.context)


class Leaving(Settings):
    """一项操作的文件。 / The files of one operation."""

    name: FileName | None = Field(
        default=None,
        description="文件名，可用 {reference} {operation}；默认 {reference}.xml，原样转送的为 {reference} / file name; {reference}.xml without it, {reference} for files that travel as they are",
    )

    def of(self, form: Format) -> str:
        """The template of the operation's file names."""
        return self.name or ("{reference}" if form.opaque else "{reference}.xml")


class _Leaving(Settings):
    """What all ways have in common by which files leave."""

    carries: ClassVar[bool] = True
    calls: dict[str, Leaving] = Field(default={}, description="各操作的文件名 / file names by operation")

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """A folder answers nothing: one-way operations, and no question in words."""
        forms = formats.going("outbound")
        yield from unknown_calls(self.calls, [form.name for form in forms])
        for form in forms:
            if not form.one_way or form.settings.query is not None:
                zh = f"目录没有应答，不能用于请求应答、查询报文或冲正：{form.name}"
                en = f"a folder does not answer: no replies, queries or reversals: {form.name}"
                yield ConfigError(zh, en, path="kind")
            call = self.calls.get(form.name) or Leaving()
            yield from slots(call.of(form), f"calls.{form.name}.name", frozenset({"reference", "operation"}))


class FolderOutbound(_Leaving, files.FolderOutbound):
    """我方把文件放入目录。 / We put files into a folder."""

    looks: ClassVar[bool] = False

    def link(self, formats: Formats, context: Context) -> FilesLink:
        del formats
        return FilesLink(self.deposit(context), self.calls)


class SftpOutbound(_Leaving, files.SftpOutbound):
    """我方把文件送到对方的 SFTP 服务器。 / We put files on the partner's SFTP server."""

    looks: ClassVar[bool] = True

    def link(self, formats: Formats, context: Context) -> FilesLink:
        del formats
        return FilesLink(self.deposit(context), self.calls)


class AccountOutbound(_Leaving, files.AccountOutbound):
    """我方把文件放入账号的 out 目录。 / We put files where the partner's account fetches them."""

    looks: ClassVar[bool] = True

    def link(self, formats: Formats, context: Context) -> FilesLink:
        del formats
        return FilesLink(self.deposit(context), self.calls)


class FilesLink:
    """Implements `Link`, `Carrying` and `Looking`."""

    def __init__(self, deposit: Deposit, calls: dict[str, Leaving]) -> None:
        self.deposit = deposit
        self._calls = calls

    async def send(
        self,
        form: Format,
        reference: str,
        content: bytes,
        asked: str = "",
        answer: AnswerSettings | None = None,
    ) -> Proof:
        del asked, answer
        return await self.carry(form, reference, content)

    async def carry(self, form: Format, reference: str, content: Content) -> Proof:
        """Puts the file there, with its companions."""
        name = self._name_of(form, reference)
        if name is None:
            return Rejected(code="name", reason="编号不能用作文件名 / the reference is no file name")
        try:
            await self.deposit.put(name, content)
        except Uncertain as error:
            return Unknown(reason=error.both)
        except NameTaken as error:
            return Rejected(code="conflict", reason=error.both)
        except ConfigError as error:  # the content cannot be read here, so it has not been handed over whole
            return RetryLater(reason=error.both)
        return Done(None, "", name, b"")

    async def look(self, form: Format, reference: str, content: Content) -> Proof:
        """By the file's digest: there, still to be renamed, fetched, or no trace."""
        name = self._name_of(form, reference)
        if name is None:
            return Rejected(code="name", reason="编号不能用作文件名 / the reference is no file name")
        try:
            found = await self.deposit.look(name, content)
        except (NameTaken, ConfigError) as error:
            return Unknown(reason=error.both)
        if found in ("there", "taken"):
            return Done(None, "", name, b"")
        if found == "absent":
            return Absent()
        return Unknown(reason="没有痕迹：从未送到，或已被取走 / no trace: never came, or taken already")

    def check(self) -> AsyncIterator[CheckStep]:
        """Up to whether a file could be put there."""
        return self.deposit.check()

    def _name_of(self, form: Format, reference: str) -> str | None:
        """The file's name; None where the reference makes none."""
        call = self._calls.get(form.name) or Leaving()
        name = fill(call.of(form), {"reference": reference, "operation": form.name})
        return None if "/" in name or name.startswith(".") or not name.isprintable() else name
