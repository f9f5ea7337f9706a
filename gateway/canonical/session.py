"""Sessions with the settlement platform, and the files that are exchanged beside its messages."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta

from gateway.canonical.request import Answer, Request

FileName = Annotated[str, Meta(min_length=1, max_length=200)]
FileNumber = Annotated[str, Meta(min_length=1, max_length=30)]
SignNumber = Annotated[str, Meta(min_length=1, max_length=30)]


class SignInRequested(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`session.sign_in.requested.v1`: an operator signs in (national transaction 9001)."""

    operator_no: Annotated[str, Meta(min_length=1, max_length=20)]
    mac: str | None = None
    ip: str


class SignInDone(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`session.sign_in.done.v1`: the number that all later requests of the session carry."""

    signed_at: dt.datetime
    sign_no: SignNumber


class SignOutRequested(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`session.sign_out.requested.v1`: the session ends (national transaction 9002)."""

    sign_no: SignNumber
    operator_no: str | None = None


class SignOutDone(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`session.sign_out.done.v1`."""

    signed_at: dt.datetime | None = None


class FileUploadRequested(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`file.upload.requested.v1`: metadata of an upload (national transaction 9101); the bytes travel apart."""

    file_name: FileName
    owner_code: Annotated[str, Meta(min_length=1, max_length=30)]  #: 医药机构编号


class FileUploadDone(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`file.upload.done.v1`: the number by which other transactions speak of the file."""

    file_no: FileNumber
    file_name: FileName
    available_until: str | None = None  #: as the platform writes it: 9101 declares a text


class FileDownloadRequested(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`file.download.requested.v1`: national transaction 9102, answered with the file's bytes alone."""

    file_no: FileNumber
    file_name: FileName
    owner_code: Annotated[str, Meta(min_length=1, max_length=30)]
