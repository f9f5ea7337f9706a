"""Turns the bytes of one server connection into complete requests, within limits.

         first byte            empty line            last byte
IDLE ───────────────► HEAD ───────────────► BODY ───────────────► IDLE, or DEAF
                        │                     │                   after `Connection: close`
                        │ malformed, too big  │
                        ▼                     ▼
                      DEAF: `refused` says why; nothing more is read
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

import httptools

from gateway.transports.http.limits import ServerLimits
from gateway.transports.http.messages import Headers, Request

#: Fields that decide where a message ends or whom it is for: repeated, two readers may disagree.
_SINGLE = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"content-type", b"expect", b"authorization"}
)
_UPGRADE_OFFER = frozenset({b"upgrade", b"connection", b"http2-settings"})


class Phase(Enum):
    IDLE = "between requests"
    HEAD = "reading a request line or header"
    BODY = "reading a body"
    DEAF = "reading no further requests"


class _Refused(Exception):
    """Leaves the parser's callbacks; the status is in `RequestReader.refused`."""


class RequestReader:
    """Drives one `HttpRequestParser`; the `on_…` methods are its callbacks.

    Attributes:
        ready: complete requests, each with whether the connection may be kept alive after it.
        refused: the HTTP status to refuse with once those are answered; 0 while all is well.
        continue_owed: the peer waits for `100 Continue` before it sends the body.
        deadline: when the present phase must be over.
        peer, subject: copied into each request.
    """

    def __init__(
        self, limits: ServerLimits, now: Callable[[], float], received_at: Callable[[], int]
    ) -> None:
        self._limits = limits
        self._now = now
        self._received_at = received_at
        self._parser = httptools.HttpRequestParser(self)
        self.ready: deque[tuple[Request, bool]] = deque()
        self.refused = 0
        self.continue_owed = False
        self.peer = ""
        self.subject: str | None = None
        self.phase = Phase.IDLE
        self.deadline = now() + limits.header_timeout  # a new connection must say something soon
        self._begin()

    def feed(self, data: bytes) -> None:
        """Read `data`; what it completes is appended to `ready`."""
        inside_head = self.phase is Phase.HEAD
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserCallbackError:
            if not self.refused:
                raise
            self.refuse(self.refused)
        except httptools.HttpParserError:
            self.refuse(400)
        if inside_head and self.phase is Phase.HEAD:
            # The parser collects an unfinished field out of our sight; count what it was given.
            self._head_fed += len(data)
            if self._head_fed > self._limits.max_header_bytes:
                self.refuse(431)

    def refuse(self, status: int) -> None:
        """Read nothing more and have `status` answered; ignored when reading is over already."""
        if self.phase is not Phase.DEAF:
            self.phase = Phase.DEAF
            self.refused = status
            self.continue_owed = False

    def head(self) -> Request | None:
        """What is understood of a request that is being refused: its head, without a body."""
        return self._request([]) if self._url else None

    def rearm(self) -> None:
        """Restart the present phase's time limit, as the peer was kept waiting by us."""
        limits = self._limits
        if self.phase is Phase.IDLE:
            self.deadline = self._now() + limits.idle_timeout
        elif self.phase is Phase.HEAD:
            self.deadline = self._now() + limits.header_timeout
        elif self.phase is Phase.BODY:
            self.deadline = self._now() + limits.body_timeout

    # -- the parser's callbacks --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._begin()
        self.phase = Phase.HEAD
        self.deadline = self._now() + self._limits.header_timeout

    def on_url(self, part: bytes) -> None:
        self._url += part
        self._head_bytes += len(part)
        if self._head_bytes > self._limits.max_header_bytes:
            self._stop(431)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase is Phase.BODY:
            return  # a trailer of a chunked body: never merged into the header
        self._head_bytes += len(name) + len(value) + 4
        self._count += 1
        if self._head_bytes > self._limits.max_header_bytes or self._count > self._limits.max_headers:
            self._stop(431)
        key = name.lower()
        if key in self._headers:
            if key in _SINGLE:
                self._stop(400)
            value = self._headers[key] + b", " + value
        self._headers[key] = value

    def on_headers_complete(self) -> None:
        headers = self._headers
        version = self._parser.get_http_version()
        if version == "1.1":
            if b"host" not in headers:
                self._stop(400)
        elif version != "1.0" or b"transfer-encoding" in headers:
            self._stop(400)
        if self._parser.should_upgrade():
            self._upgrading = True
            return
        if b"content-length" in headers and int(headers[b"content-length"]) > self._limits.max_body:
            self._stop(413)
        if b"expect" in headers and version == "1.1":
            if headers[b"expect"].lower() != b"100-continue":
                self._stop(417)
            self.continue_owed = True
        self.phase = Phase.BODY
        self.deadline = self._now() + self._limits.body_timeout

    def on_body(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limits.max_body:
            self._stop(413)
        self.continue_owed = False  # it did not wait
        self._body.append(part)

    def on_message_complete(self) -> None:
        if self._upgrading:
            return  # the parser skipped the body; `_decline_upgrade` reads it
        self.continue_owed = False
        if len(self.ready) >= self._limits.max_pipelined:
            self._stop(503)
        keep = self._parser.should_keep_alive()
        self.ready.append((self._request(self._body), keep))
        self.phase = Phase.IDLE if keep else Phase.DEAF

    # -- inside ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._count = 0
        self._head_bytes = 0
        self._head_fed = 0
        self._upgrading = False
        self._body: list[bytes] = []
        self._size = 0

    def _stop(self, status: int) -> None:
        self.refused = status
        raise _Refused

    def _request(self, body: list[bytes]) -> Request:
        target = self._url if self._url.startswith(b"/") else _origin_form(self._url)
        path, _, query = target.decode("latin-1").partition("?")
        return Request(
            method=self._parser.get_method().decode("ascii"),
            path=path,
            query=query,
            headers=Headers(self._headers),
            body=body[0] if len(body) == 1 else b"".join(body),
            peer=self.peer,
            tls_subject=self.subject,
            received_at=self._received_at(),
        )

    def _decline_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 where a peer offers `Upgrade: h2c`, as Java's HttpClient does by default.

        The parser takes what follows such a head for another protocol; a new parser is given the same
        head without the offer, and then the rest.
        """
        if self._parser.get_method() == b"CONNECT":
            self.refuse(501)
            return
        line = b"%b %b HTTP/1.1\r\n" % (self._parser.get_method(), self._url)
        fields = [b"%b: %b\r\n" % item for item in self._headers.items() if item[0] not in _UPGRADE_OFFER]
        self._parser = httptools.HttpRequestParser(self)
        self.phase = Phase.IDLE
        self.feed(line + b"".join(fields) + b"\r\n" + rest)


def _origin_form(url: bytes) -> bytes:
    """`http://host/path?query`, as sent to proxies, names the same resource as `/path?query`."""
    try:
        parts = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return b"/"
    return (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
