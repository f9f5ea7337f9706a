"""What goes in and out: requests and responses as frozen structs, bodies as bytes.

Their `repr` leaves the body out: it holds personal data, and a `repr` ends up in log lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from http import HTTPStatus

from msgspec import Struct

_BODILESS = frozenset({204, 304})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Headers:
    """Header fields of a received message; names are matched without regard to case.

    Keeps the received bytes and decodes only what is asked for. Repeated fields are joined with `, `.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: Mapping[bytes, bytes]) -> None:
        self._raw = raw  # names in lower case

    def get(self, name: str, default: str = "") -> str:
        value = self._raw.get(name.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def __contains__(self, name: str) -> bool:
        return name.lower().encode("latin-1") in self._raw

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._raw.items())

    def __len__(self) -> int:
        return len(self._raw)

    def __repr__(self) -> str:
        return f"Headers({sorted(name.decode('latin-1') for name in self._raw)})"


class Request(Struct, frozen=True, eq=False, kw_only=True):
    """One complete request as received."""

    method: str
    path: str  #: as sent, not percent-decoded
    query: str  #: what follows the `?`, not decoded
    headers: Headers
    body: bytes
    peer: str = ""  #: address and port of the other end
    tls_subject: str | None = None  #: RFC 4514 name in the verified client certificate
    received_at: int = 0  #: when its last byte was read; unix nanoseconds

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path} from {self.peer}, {len(self.body)} bytes>"


class Response(Struct, frozen=True, eq=False):
    """What a handler answers with.

    Content-Length and Connection are the server's to write and must not be among `headers`.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False  #: end the connection after this answer

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


class HttpResponse(Struct, frozen=True, eq=False):
    """A complete answer received by the client, whatever its status."""

    status: int
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        return f"<HttpResponse {self.status}, {len(self.body)} bytes>"


def encode_fields(fields: Mapping[str, str] | tuple[tuple[str, str], ...]) -> bytes:
    """Header lines. Raises ValueError where a name or value would break out of its line."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    lines = [f"{name}: {value}\r\n" for name, value in pairs]
    text = "".join(lines)
    if text.count("\r") != len(lines) or text.count("\n") != len(lines) or "\0" in text:
        raise ValueError("a header field contains a control character")
    return text.encode("latin-1")


@lru_cache(maxsize=512)
def _status_lines(status: int, content_type: str) -> bytes:
    phrase = _PHRASES.get(status, "Unknown")
    kind = (("Content-Type", content_type),) if content_type and status not in _BODILESS else ()
    return f"HTTP/1.1 {status} {phrase}\r\n".encode("latin-1") + encode_fields(kind)


def encode_response(response: Response, *, head_only: bool = False, connection: bytes = b"") -> bytes:
    """The response as it goes on the wire, in one piece so that it takes one write.

    Args:
        response: what the handler answered.
        head_only: the request was HEAD; the length is announced and the body left out.
        connection: `b"close"` or `b"keep-alive"` where the peer must be told.
    """
    head = _status_lines(response.status, response.content_type)
    if response.headers:
        head += encode_fields(response.headers)
    if connection:
        head += b"Connection: %b\r\n" % connection
    if response.status in _BODILESS:
        return head + b"\r\n"
    body = b"" if head_only else response.body
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(response.body), body)


@lru_cache(maxsize=512)
def media_type(value: str) -> tuple[str, dict[str, str]]:
    """Split a Content-Type value: `text/xml; charset="GBK"` → `("text/xml", {"charset": "GBK"})`."""
    kind, *rest = value.split(";")
    parameters = {}
    for parameter in rest:
        name, _, text = parameter.partition("=")
        parameters[name.strip().lower()] = text.strip().strip('"')
    return kind.strip().lower(), parameters
