"""Plain HTTP: a document in the body of a request, and the answer in the body of the response."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Final, Literal
from xml.sax.saxutils import escape

import msgspec
from pydantic import Field, StringConstraints

from adapters.generic.answers import Proof, judge
from adapters.generic.desk import Desk
from adapters.generic.formats import Format, Formats
from adapters.generic.operations import AnswerSettings
from adapters.generic.refusals import Refused, invalid
from adapters.generic.transports.web import WebInbound, WebLink, WebOutbound, WebReceiver, incomplete
from gateway.canonical import Body
from gateway.contract import ConfigError, Context, Settings, Unknown
from gateway.transports.http import Request, Response
from mappings import Mapping, MappingError

Suffix = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._~/-]*)?(\?[A-Za-z0-9._~&=%-]*)?$")]
Media = Annotated[str, StringConstraints(pattern=r"^[a-z]+/[a-z0-9.+-]+(; *charset=[A-Za-z0-9-]+)?$")]

_STATUS: Final = {
    "denied": 401, "duplicate-id": 409, "too-large": 413, "pending": 202, "unavailable": 503,
    "unreadable-answer": 500,
}  # fmt: skip
_CONTENT: Final = {"xml": "application/xml; charset=utf-8", "json": "application/json"}


class InboundCall(Settings):
    """一项操作的路径。 / Where one operation is served."""

    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]$")] = Field(
        description="接在服务路径之后 / after the service's path", examples=["/registrations"]
    )


class OutboundCall(Settings):
    """一项操作如何调用。 / How one operation is called."""

    path: Suffix = Field(default="", description="接在 base_url 之后 / after base_url", examples=["/notices"])
    method: Literal["POST", "PUT"] = Field(default="POST", description="方法 / method")


class HttpInbound(WebInbound):
    """对方以 HTTP 送来文档。 / The partner sends documents by HTTP."""

    kind: Literal["http"] = Field(description="经 HTTP / by HTTP")
    calls: dict[str, InboundCall] = Field(
        default={}, description="多项操作时各自的路径 / a path for each of several operations"
    )
    refusal_status: int | None = Field(
        default=None,
        ge=200,
        le=599,
        description="对方要求拒绝也用某个固定状态时填写，例如 200 / where refusals must have one fixed status",
        examples=[200],
    )

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """Every operation has a path of its own."""
        names = [form.name for form in formats.going("inbound")]
        yield from unknown_calls(self.calls, names)
        paths = [self.path_of(name) for name in names]
        if len(set(paths)) != len(paths):
            zh, en = "每项送来的操作须有自己的路径", "each inbound operation needs a path of its own"
            yield ConfigError(zh, en, path="calls")

    def path_of(self, operation: str) -> str:
        call = self.calls.get(operation)
        return self.path + (call.path if call is not None else "")

    def serve(self, desk: Desk) -> HttpReceiver:
        return HttpReceiver(self, desk)


class HttpOutbound(WebOutbound):
    """我方以 HTTP 送去文档。 / We send documents by HTTP."""

    kind: Literal["http"] = Field(description="经 HTTP / by HTTP")
    content_type: Media | None = Field(
        default=None,
        description="内容类型，默认按映射 / content type; by the mapping without it",
        examples=["text/xml; charset=GBK"],
    )
    calls: dict[str, OutboundCall] = Field(
        default={},
        description="各操作的路径和方法；查询、冲正写作 名称.query、名称.reversal / by operation; also name.query, name.reversal",
    )

    def problems(self, formats: Formats) -> Iterator[ConfigError]:
        """Calls name operations."""
        names = [form.name for form in formats.going("outbound")]
        yield from unknown_calls(self.calls, [*names, *inquiries(names)])

    def link(self, formats: Formats, context: Context) -> HttpLink:
        del formats
        return HttpLink(self, context)


class HttpReceiver(WebReceiver):
    """One path for each operation."""

    settings: HttpInbound

    def handlers(self) -> dict[str, Any]:
        forms = self.desk.formats.going("inbound")
        return {self.settings.path_of(form.name): partial(self._handle, form) for form in forms}

    async def refused_by_http(self, request: Request, status: int) -> Response:
        refused = incomplete(status)
        try:
            await self.desk.record(refused, b"")
        except Refused as later:
            refused = later
        forms = self.desk.formats.going("inbound")
        form = next((f for f in forms if self.settings.path_of(f.name) == request.path), forms[0])
        answer = self._no(form, refused)
        return Response(answer.status, answer.body, answer.content_type, close=True)

    async def _handle(self, form: Format, request: Request) -> Response:
        if request.method not in ("POST", "PUT"):
            text = "请用 POST 提交 / POST documents here\n"
            return Response(405, text.encode(), headers=(("Allow", "POST, PUT"),))
        try:
            return await self._answer(form, request)
        except Refused as refused:
            try:
                await self.desk.record(refused, request.body)
            except Refused as later:
                return self._no(form, later)
            return self._no(form, refused)

    async def _answer(self, form: Format, request: Request) -> Response:
        await self.admitted(request)
        try:
            tree = form.request.parse(request.body)
        except MappingError as error:
            raise invalid(error) from None
        answer = await self.desk.take(form, tree, request.body, request.headers.get("traceparent"))
        written = self.desk.written(form, answer)
        if written is not None and form.reply is not None:
            return Response(200, written, content_of(form.reply))
        return Response(200, receipt(form.request, answer), content_of(form.request))

    def _no(self, form: Format, refused: Refused) -> Response:
        status = self.settings.refusal_status or _STATUS.get(refused.code, 500 if refused.ours else 400)
        own = refused.written(form)
        if own is not None and form.refusal is not None:
            return Response(status, own, content_of(form.refusal))
        body = refused.xml() if kind_of(form.request) == "xml" else refused.json()
        return Response(status, body, content_of(form.request))


class HttpLink(WebLink):
    """Implements `Link`."""

    settings: HttpOutbound

    async def send(
        self,
        form: Format,
        reference: str,
        content: bytes,
        asked: str = "",
        answer: AnswerSettings | None = None,
    ) -> Proof:
        mapping = form.inquiry(asked) or form.request
        call = self.settings.calls.get(f"{form.name}.{asked}".rstrip(".")) or OutboundCall()
        fields = (("Content-Type", self.settings.content_type or content_of(mapping)),)
        response = await self.request(call.method, call.path, fields, reference, content)
        if isinstance(response, Unknown):
            return response
        return judge(answer or form.settings.answer, response.status, response.body)


def receipt(request: Mapping, answer: Body) -> bytes:
    """A receipt in the syntax of the request: `{"received": {…}}` or `<received>…</received>`."""
    facts: dict[str, str] = msgspec.structs.asdict(answer)
    if kind_of(request) != "xml":
        return msgspec.json.encode({"received": facts})
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in facts.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<received>{inner}</received>'.encode()


def kind_of(mapping: Mapping) -> str:
    """The kind of its codec."""
    return mapping.plan.definition.codec.kind


def content_of(mapping: Mapping) -> str:
    """The content type of what it writes."""
    options = mapping.plan.definition.codec
    if options.kind == "xml" and options.charset:
        return f"application/xml; charset={options.charset}"
    return _CONTENT.get(options.kind, "application/octet-stream")


def unknown_calls(calls: dict[str, Any], known: list[str]) -> Iterator[ConfigError]:
    """Calls of operations that there are not."""
    for name in sorted(set(calls) - set(known)):
        listed = "、".join(known)
        yield ConfigError(f"没有操作 {name}；有：{listed}", f"no operation {name}", path=f"calls.{name}")


def inquiries(names: list[str]) -> list[str]:
    """The names under which queries and reversals are called."""
    return [f"{name}.{asked}" for name in names for asked in ("query", "reversal")]
