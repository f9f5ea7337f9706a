"""Files beside the messages: the detail file of a reconciliation (9101 before 3202) and its result (9102 after it).

Comparing changes nothing, so all of it may be repeated; a platform that knows the file already gives another number.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from twisted.internet.threads import deferToThreadPool

from adapters.settlement.channel import Channel
from adapters.settlement.codec import Answer, Caller, Unreadable, is_file, with_file_no
from gateway.canonical import Body
from gateway.canonical.reconciliation import (
    DetailFile,
    DetailsCompared,
    DetailsSubmitted,
    DifferencesReturned,
)
from gateway.canonical.session import FileDownloadRequested, FileUploadDone, FileUploadRequested
from gateway.contract import Reject, Rejected, RetryLater, Unknown
from mappings import MappingError

_UPLOAD: Final = "9101"
_DOWNLOAD: Final = "9102"
T = TypeVar("T")


class Files:
    """Uploads and downloads of one platform."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def prepare(self, wanted: DetailsSubmitted, at: dt.datetime) -> tuple[bytes, ...]:
        """The 9101 that goes first; none where the file is with the platform already.

        Raises:
            Reject: the rows cannot be written as the interface has them.
        """
        if not wanted.details:
            return ()
        try:
            mapping = self._channel.formats.mapping("3202.file", at)
            content = await self._in_thread(mapping.encode, DetailFile(details=wanted.details))
        except MappingError as error:
            raise Reject(error.zh, error.en, code="invalid", field=error.field, rule=error.rule) from None
        body = FileUploadRequested(
            **_caller(wanted), file_name=f"{wanted.file_no}.zip", owner_code=wanted.institution_code
        )
        node = msgspec.json.decode(self._channel.formats.write("9101.input", body, at)["fsUploadIn"])
        as_text = self._channel.settings.file_encoding == "base64"
        node["in"] = base64.b64encode(content).decode() if as_text else list(content)
        return ((await self._channel.make(_UPLOAD, {"fsUploadIn": node}, wanted))[1],)

    async def upload(
        self, part: bytes, content: bytes, caller: Caller, at: dt.datetime
    ) -> bytes | Rejected | RetryLater:
        """Uploads, and gives the 3202 with the number of the file. Raises PartnerDown."""
        heard = await self._channel.call(_UPLOAD, part, caller)
        if isinstance(heard, Unknown):
            return RetryLater(reason=f"明细文件未确认 / the detail file is not confirmed: {heard.reason}")
        if not isinstance(heard, Answer):
            return heard
        if not self._channel.succeeded(heard):
            return Rejected(code=heard.infcode, reason=heard.err_msg, field="details", raw=heard.raw)
        try:
            done = self._channel.formats.read("9101.output", heard, at)
        except Unreadable as error:
            return RetryLater(reason=f"9101 应答不符合接口约定 / not what the interface promises: {error}")
        assert isinstance(done, FileUploadDone)
        return with_file_no(content, done.file_no)

    async def with_differences(
        self, wanted: DetailsSubmitted, reply: Body, at: dt.datetime
    ) -> DetailsCompared | Unknown:
        """The answer of 3202 with what the result file says. Raises PartnerDown."""
        assert isinstance(reply, DetailsCompared)
        body = FileDownloadRequested(
            **_caller(wanted),
            file_no=reply.file_no,
            file_name=reply.file_name,
            owner_code=wanted.institution_code,
        )
        tree = self._channel.formats.write("9102.input", body, at)
        _, content = await self._channel.make(_DOWNLOAD, tree, wanted)
        heard = await self._channel.call(_DOWNLOAD, content, wanted)
        if not isinstance(heard, Answer) or not is_file(heard.raw):
            return Unknown(reason="结果文件(9102)未取到 / the result file could not be fetched")
        try:
            mapping = self._channel.formats.mapping("3202.result", at)
            found = await self._in_thread(mapping.decode, heard.raw)
        except MappingError as error:
            return Unknown(reason=f"结果文件无法读取 / the result file cannot be read: {error.rule}")
        assert isinstance(found, DifferencesReturned)
        return msgspec.structs.replace(reply, differences=found.differences)

    async def _in_thread(self, act: Callable[[Any], T], given: Any) -> T:
        """Beside the reactor: a month of a hospital may be 100,000 rows."""
        reactor = self._channel.context.reactor
        done: T = await deferToThreadPool(reactor, reactor.getThreadPool(), act, given)
        return done


def _caller(wanted: DetailsSubmitted) -> dict[str, str]:
    """Who asks; no person is concerned."""
    return {
        "institution_code": wanted.institution_code,
        "institution_name": wanted.institution_name,
        "treatment_region": wanted.treatment_region,
        "operator_code": wanted.operator_code,
        "operator_name": wanted.operator_name,
    }
