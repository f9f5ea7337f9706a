"""What the gateway answers by itself: signing in and out, files, catalogues."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from typing import Any

import msgspec

from adapters.hospital.faults import Fault
from adapters.hospital.national.catalogues import Catalogues
from adapters.hospital.national.envelope import Envelope
from adapters.hospital.national.files import FileStore, Header, NoRoom, Taken, in_thread
from adapters.hospital.national.formats import NationalFormats
from adapters.hospital.national.sessions import Sessions
from adapters.hospital.national.settings import NationalFace
from adapters.hospital.national.transactions import CATALOGUES, DOWNLOAD, SIGN_IN, SIGN_OUT, UPLOAD
from gateway.canonical.session import (
    FileDownloadRequested,
    FileUploadDone,
    FileUploadRequested,
    SignInDone,
    SignInRequested,
    SignOutDone,
    SignOutRequested,
)
from gateway.contract import Context, Unavailable
from mappings import MappingError
from mappings.lenses_times import CHINA

#: As a catalogue's file name is asked for, whatever it is.
_CATALOGUE = "plc"
_OFFERED_FOR = dt.timedelta(days=7)


class Local:
    """One per face.

    Args:
        region: of the receiver, for numbers.
    """

    def __init__(self, face: NationalFace, context: Context, formats: NationalFormats, region: str) -> None:
        self._face = face
        self._context = context
        self._formats = formats
        self._region = region
        state = context.state_dir
        self.sessions = Sessions(state / "sessions.json", face.sign_in.lifetime, context.random)
        self.files = FileStore(face.files, state / "files") if face.files else None
        self._catalogues = Catalogues(face.catalogues) if face.catalogues else None

    def knows(self, infno: str) -> bool:
        """Whether it is answered here; what is not open here is not known either."""
        if infno in (SIGN_IN, SIGN_OUT):
            return True
        if infno == UPLOAD:
            return self.files is not None
        if infno == DOWNLOAD:
            return self.files is not None or self._catalogues is not None
        return infno in CATALOGUES and self._catalogues is not None

    async def answer(self, asked: Envelope, now: dt.datetime) -> bytes:
        """The `output` of the answer; for 9102 the file.

        Raises:
            Fault: no.
            Unavailable: the disk, or a mapping, fails.
        """
        try:
            if asked.infno == SIGN_IN:
                return self._sign_in(asked, now)
            if asked.infno == SIGN_OUT:
                return self._sign_out(asked, now)
            if asked.infno == UPLOAD:
                return await self._upload(asked, now)
            if asked.infno == DOWNLOAD:
                return await self._download(asked, now)
            return await self._catalogue(asked, now)
        except OSError as error:
            self._context.log.error("a file cannot be used", infno=asked.infno, error=type(error).__name__)
            raise Unavailable("文件暂时无法读写", "files cannot be read or written now") from error
        except MappingError as error:  # an operator's own mapping asks for what we do not have
            self._context.log.error("the answer cannot be written", infno=asked.infno, rule=error.rule)
            raise Unavailable("应答无法按映射写出", "the answer cannot be written by its mapping") from None

    # -- sessions ------------------------------------------------------------------------------------

    def _sign_in(self, asked: Envelope, now: dt.datetime) -> bytes:
        body = self._formats.read("settlement.9001.input", asked, now)
        assert isinstance(body, SignInRequested)
        session = self.sessions.sign_in(
            asked.institution_code, body.operator_no, asked.msgid, now, self._region
        )
        if session.operator != body.operator_no:
            raise _taken()
        done = SignInDone(signed_at=_second(session.opened), sign_no=session.sign_no, raw_code="0")
        return self._formats.write("settlement.9001.output", done, now)

    def _sign_out(self, asked: Envelope, now: dt.datetime) -> bytes:
        body = self._formats.read("settlement.9002.input", asked, now)
        assert isinstance(body, SignOutRequested)
        if not self.sessions.sign_out(body.sign_no, asked.institution_code, now):
            raise not_signed_in()
        done = SignOutDone(signed_at=_second(now), raw_code="0")
        return self._formats.write("settlement.9002.output", done, now)

    # -- files ---------------------------------------------------------------------------------------

    async def _upload(self, asked: Envelope, now: dt.datetime) -> bytes:
        assert self.files is not None
        assert self._face.files is not None
        given, largest = asked.input.get("fsUploadIn"), self._face.files.max_size
        content = await in_thread(self._context.reactor, _content, given, largest)
        body = self._formats.read("settlement.9101.input", asked, now)
        assert isinstance(body, FileUploadRequested)
        _own(body.owner_code, asked)
        header = Header(body.file_name, asked.institution_code)
        try:
            number = await in_thread(self._context.reactor, self.files.put, header, asked.msgid, content)
        except Taken:
            raise _taken() from None
        except NoRoom:
            raise Unavailable("文件空间已满", "there is no room for files") from None
        until = dt.datetime.fromtimestamp(
            await in_thread(self._context.reactor, self.files.until, number), CHINA
        )
        done = FileUploadDone(
            file_no=number,
            file_name=body.file_name,
            available_until=f"{until:%Y-%m-%d %H:%M:%S}",
            raw_code="0",
        )
        return self._formats.write("settlement.9101.output", done, now)

    async def _download(self, asked: Envelope, now: dt.datetime) -> bytes:
        body = self._formats.read("settlement.9102.input", asked, now)
        assert isinstance(body, FileDownloadRequested)
        _own(body.owner_code, asked)
        found: bytes | None = None
        if self._catalogues is not None:
            found = await in_thread(self._context.reactor, self._catalogues.get, body.file_no)
        if found is None and self.files is not None:
            found = await in_thread(
                self._context.reactor, self.files.get, body.file_no, asked.institution_code
            )
        if found is None:
            zh, en = "没有这个文件，或已过期", "there is no such file, or its time is over"
            raise _invalid("no-file", "fsDownloadIn/file_qury_no", "文件查询号", zh, en, "reference")
        return found

    async def _catalogue(self, asked: Envelope, now: dt.datetime) -> bytes:
        assert self._catalogues is not None
        data = asked.input.get("data")
        held = data.get("ver") if isinstance(data, dict) else None
        if held is not None and not (isinstance(held, str) and len(held) <= 20):
            zh, en = "应为不超过 20 个字符的文本", "must be a text of at most 20 characters"
            raise _invalid("invalid", "data/ver", "版本号", zh, en, "length")
        latest = await in_thread(self._context.reactor, self._catalogues.latest, asked.infno)
        if latest is None or held == latest.version:
            zh, en = "没有可下载的目录文件", "there is no catalogue file to download"
            if latest is not None:
                zh, en = "已是最新版本，没有更新的目录文件", "this is the latest version"
            raise _invalid("no-file", "data/ver", "版本号", zh, en, "reference")
        until = now.astimezone(CHINA) + _OFFERED_FOR
        return msgspec.json.encode(
            {
                "file_qury_no": latest.number,
                "filename": latest.file.name,
                "dld_end_time": f"{until:%Y-%m-%d}",
                "data_cnt": latest.count,
            }
        )


def _second(at: dt.datetime) -> dt.datetime:
    """As the interface writes times."""
    return at.astimezone(CHINA).replace(microsecond=0)


def not_signed_in() -> Fault:
    """`sign_no` is not that of a session."""
    return _invalid(
        "not-signed-in",
        "sign_no",
        "交易签到流水号",
        "未签到或签到已失效，请先签到(9001)",
        "not signed in: 9001 first",
        "session",
    )


def _content(node: Any, largest: int) -> bytes:
    """Takes `in` out: a text of base64, or an array of bytes, also signed ones.

    Raises:
        Fault: it is neither, or too large.
    """
    given = node.pop("in", None) if isinstance(node, dict) else None
    field, name = "fsUploadIn/in", "文件数据"
    try:
        if isinstance(given, str):
            content = base64.b64decode(given, validate=True)
        elif isinstance(given, list):
            content = bytes([byte & 0xFF for byte in given if -128 <= byte <= 255])
            if len(content) != len(given):
                raise ValueError
        else:
            raise ValueError
    except (ValueError, TypeError, binascii.Error):
        zh, en = "应为 base64 文本或字节数组", "must be base64 or an array of bytes"
        raise _invalid("invalid", field, name, zh, en, "bytes") from None
    if not content:
        raise _invalid("invalid", field, name, "文件为空", "the file is empty", "missing")
    if len(content) > largest:
        zh, en = f"文件超过 {largest} 字节", f"the file is larger than {largest} bytes"
        raise _invalid("too-large", field, name, zh, en, f"max {largest}")
    return content


def _own(owner: str, asked: Envelope) -> None:
    if owner != asked.institution_code:
        zh, en = "与报文头的机构编号不符", "is not the institution of the envelope"
        raise _invalid("institution", "fixmedins_code", "医药机构编号", zh, en, "institutions")


def _taken() -> Fault:
    return _invalid(
        "duplicate-msgid",
        "msgid",
        "发送方报文ID",
        "该 msgid 已用于另一笔内容不同的报文",
        "was used before for a different message",
        "unique",
    )


def _invalid(code: str, field: str, name: str, zh: str, en: str, rule: str) -> Fault:
    return Fault(
        code=code, zh=f"{name} {field}：{zh}", en=f"{field}: {en}", field=field, name=name, rule=rule
    )
