"""What a dialect is to the rest of the adapter."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from msgspec import Struct

from adapters.police.contracts import Call, Unreadable
from adapters.police.findings import Finding
from adapters.police.link import Link, Trouble, envelope_of
from gateway.canonical.verification import PersonToCheck
from gateway.contract import Reject
from gateway.transports.soap import NotSoap, PeerFault, read_answer


class Enquiry(Struct, frozen=True, kw_only=True):
    """Who asks about whom. At most as many persons as the dialect takes at once."""

    persons: tuple[PersonToCheck, ...]
    operator_code: str
    operator_name: str
    operator_document_no: str | None
    operator_department: str
    operator_address: str | None = None
    photo_wanted: bool = False
    at: dt.datetime  #: of the message: chooses the version of the mapping


class Answered(Struct, frozen=True, kw_only=True):
    """What was said about the persons of an enquiry, by their places in it; some may be missing."""

    findings: dict[int, Finding]
    raw: bytes
    mapping: str


class Dialect(Protocol):
    """One way of asking."""

    limit: int  #: most persons of one enquiry

    def write(self, enquiry: Enquiry) -> bytes:
        """The document, without secrets. Raises Reject where it cannot be said."""
        ...

    async def ask(self, document: bytes, enquiry: Enquiry) -> Answered | Trouble:
        """One question. Raises PartnerDown where certainly nothing was sent."""
        ...

    async def ready(self) -> None:
        """Reads what must be read before the first question. Raises ConfigError."""
        ...


class Soap:
    """Calls one operation of a WSDL."""

    def __init__(self, link: Link, load: Callable[[], Awaitable[Call]]) -> None:
        self._link = link
        self._load = load
        self._call: Call | None = None

    async def ready(self) -> Call:
        """The operation, read from its WSDL the first time."""
        if self._call is None:
            self._call = await self._load()
        return self._call

    async def ask(self, values: dict[str, str]) -> tuple[str, bytes] | Trouble:
        """The text of the result, and the answer as received."""
        call = await self.ready()
        heard = await self._link.soap(call.request(values), call.action)
        if isinstance(heard, Trouble):
            return heard
        try:
            return call.answer(read_answer(envelope_of(heard))), heard.body
        except PeerFault as fault:
            return Trouble(
                kind="service",
                reason=f"公安服务返回 SOAP 错误 {fault.code} / their service answered with a SOAP fault",
                code=f"Fault {fault.code}"[:30],
                text=fault.reason,
                raw=heard.body,
            )
        except (NotSoap, Unreadable) as error:
            return unusable(error, heard.body)


def unusable(error: Exception, raw: bytes) -> Trouble:
    """An answer nothing can be concluded from."""
    return Trouble(kind="doubt", reason=f"应答无法解析 / the answer cannot be read: {error}", raw=raw)


def demand_end_user(enquiry: Enquiry) -> str:
    """The identity number of who asks, without which RBSP answers nobody.

    Raises:
        Reject: there is none.
    """
    if enquiry.operator_document_no is None:
        raise Reject(
            "须提供经办人身份证号 operator_document_no：该服务要求记录最终用户",
            "operator_document_no is required: this service records its end users",
            code="invalid",
            field="operator_document_no",
            rule="required",
        )
    return enquiry.operator_document_no


def refused_by_code(code: str, text: str | None, raw: bytes) -> Trouble:
    """A result code that is no success."""
    return Trouble(
        kind="service",
        reason=f"公安服务返回错误代码 {code}：请对照对方代码表 / their service answers with an error code",
        code=code[:30],
        text=text,
        raw=raw,
    )


def values_of(document: Any) -> dict[str, str]:
    """The children of a flat element, by local name."""
    return {child.tag: child.text or "" for child in document}
