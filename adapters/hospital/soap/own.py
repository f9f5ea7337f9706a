"""Style `own`: our own WSDL, document/literal, made from the mappings. Everything refused is a SOAP fault.

operation ─► schema, mapping, sums ─► clerk ─► answer
"""

from __future__ import annotations

from adapters.hospital.clerk import Clerk
from adapters.hospital.faults import Fault
from adapters.hospital.formats import Formats
from adapters.hospital.operations import BY_NAME
from adapters.hospital.soap.codec import Editions, HospitalCodec, msgid_of, receipt
from adapters.hospital.soap.documents import CALLS, Documents
from adapters.hospital.soap.faults import response
from adapters.hospital.soap.settings import StyleName
from adapters.hospital.soap.wsdl import wsdl
from gateway.contract import Clock
from gateway.transports.http import Request, Response
from gateway.transports.soap import SoapRequest
from mappings import MappingError


class OwnStyle:
    """Takes every payload that no other style knows: it says which namespace is ours.

    Args:
        operations: names of what is offered.
        line_tolerance: fen by which a fee line's amount may differ from quantity times price; None: any.
    """

    name: StyleName = "own"

    def __init__(
        self,
        clerk: Clerk,
        clock: Clock,
        formats: Formats,
        operations: frozenset[str],
        line_tolerance: int | None,
    ) -> None:
        self._clerk = clerk
        self._clock = clock
        self._editions = Editions(Documents(formats), line_tolerance)
        self._offered = [call for call in CALLS if call.operation in operations]
        self._wsdl: dict[HospitalCodec, bytes] = {}

    def asked(self, request: Request, soap: SoapRequest) -> OwnTalk:
        return OwnTalk(self._clerk, self._editions, self._clock, request, soap)

    def wsdl(self) -> bytes:
        codec = self._editions.on(self._clock.now())
        if codec not in self._wsdl:
            titles = {o.name: f"{o.title.zh} / {o.title.en}" for o in BY_NAME.values()}
            self._wsdl[codec] = wsdl(self._offered, codec.schema, titles)
        return self._wsdl[codec]


class OwnTalk:
    """One request."""

    def __init__(
        self, clerk: Clerk, editions: Editions, clock: Clock, request: Request, soap: SoapRequest
    ) -> None:
        self._clerk = clerk
        self._editions = editions
        self._clock = clock
        self._request = request
        self._soap = soap

    async def answer(self) -> bytes:
        codec = self._editions.on(self._clock.now())
        payload, http = self._soap.payload, self._request
        call = codec.call_of(payload)
        self._clerk.may(call.operation)
        inquiry = codec.read(call, payload, http.body, http.headers.get("traceparent"))
        if call.one_way:
            return receipt(inquiry.msgid, await self._clerk.take(inquiry))
        answered = await self._clerk.ask(inquiry)
        try:
            return codec.write(call, answered.body)
        except (MappingError, TypeError) as error:
            raise self._clerk.unspeakable(answered, error) from None

    def msgid(self) -> str | None:
        return msgid_of(self._soap.payload)

    def refusal(self, fault: Fault) -> Response:
        return response(self._soap.version, fault)
