"""A hospital's system that speaks the national interface, and what goes wrong with such systems.

hospital = NationalSimulator("http://127.0.0.1:8081/fsi/api", paasid="demo-hospital", token="…")
await hospital.sign_in()
answer = await hospital.call("2207", {"data": {…}})
"""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from adapters.hospital.simulator import invented
from gateway.transports.http import HttpClient
from gateway.transports.http.tif import sign

_CHINA = dt.timezone(dt.timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> dict[str, Any]:
        tree: dict[str, Any] = json.loads(self.body)
        return tree

    @property
    def infcode(self) -> Any:
        return self.json["infcode"]

    @property
    def err_msg(self) -> str:
        return str(self.json["err_msg"])

    @property
    def output(self) -> Any:
        return self.json["output"]


class NationalSimulator:
    """One hospital.

    Args:
        url: of the service.
        paasid, token: for x-tif signatures; none are sent without a token.
        per_infno: posts each transaction to a URL of its own.
        start: when message ids begin; None is now.
    """

    def __init__(
        self,
        url: str,
        *,
        paasid: str = "",
        token: str = "",
        institution: str = invented.INSTITUTION,
        region: str = invented.REGION,
        per_infno: bool = False,
        start: dt.datetime | None = None,
        timeout: float = 30.0,
        reactor: Any = None,
        client: HttpClient | None = None,
        now: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.url = url
        self.institution = institution
        self.sign_no = ""
        self._region = region
        self._paasid = paasid
        self._token = token
        self._per_infno = per_infno
        self._start = start or dt.datetime.fromtimestamp(now(), _CHINA)
        self._timeout = timeout
        self._reactor = reactor or _installed_reactor()
        self._client = client or HttpClient(reactor=reactor)
        self._now = now
        self._random = random
        self._numbers = count(1)

    def close(self) -> None:
        self._client.close()

    # -- business ------------------------------------------------------------------------------------

    def msgid(self) -> str:
        """The next one."""
        return invented.msgid(next(self._numbers), self._start, self.institution)

    def request(self, infno: str, content: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """A request as an object; `changed` replaces fields of the envelope, None takes them out."""
        envelope: dict[str, Any] = {
            "infno": infno,
            "msgid": self.msgid(),
            "mdtrtarea_admvs": self._region,
            "insuplc_admdvs": self._region,
            "recer_sys_code": "01",
            "dev_no": "",
            "infver": "V1.0",
            "opter_type": "1",
            "opter": "op01",
            "opter_name": "示例员",
            "inf_time": f"{self._start:%Y-%m-%d %H:%M:%S}",
            "fixmedins_code": self.institution,
            "fixmedins_name": "示例市第一医院",
            "sign_no": self.sign_no,
            "input": content,
        }
        return {key: value for key, value in {**envelope, **changed}.items() if value is not None}

    async def call(self, infno: str, content: dict[str, Any], **changed: Any) -> Answered:
        """One request and its answer."""
        return await self.send(self.request(infno, content, **changed))

    async def send(self, request: dict[str, Any]) -> Answered:
        """A request as an object; the same object is the same message."""
        return await self.once(encoded(request), path=self._path(request))

    async def sign_in(self) -> str:
        """9001; the requests that follow carry its number."""
        answer = await self.call("9001", {"signIn": {"opter_no": "op01", "mac": "", "ip": "192.0.2.10"}})
        if answer.infcode == 0:
            self.sign_no = answer.output["signinoutb"]["sign_no"]
        return self.sign_no

    # -- the wire ------------------------------------------------------------------------------------

    async def once(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        path: str = "",
    ) -> Answered:
        """One attempt; `headers` replace those of the same name."""
        fields = {**self.headers(), **(headers or {})}
        response = await self._client.request(
            method, self.url + path, headers=fields, body=body, timeout=self._timeout
        )
        return Answered(response.status, response.body, dict(response.headers))

    def headers(self) -> dict[str, str]:
        """Fresh headers, signed where there is a token."""
        content_type = {"Content-Type": "application/json; charset=utf-8"}
        if not self._token:
            return content_type
        signed = sign(self._paasid, self._token, now=self._now(), random=self._random(16))
        return {**content_type, **dict(signed)}

    # -- faults --------------------------------------------------------------------------------------

    async def drop(self, request: dict[str, Any]) -> None:
        """Sends a request and hangs up before its answer can be read."""
        line = await self._line()
        line.send(self._wire(request))
        await deferLater(self._reactor, 0.05)
        line.hang_up()

    async def repeat(self, request: dict[str, Any], times: int = 2) -> list[Answered]:
        """Sends the same message several times, signed afresh each time."""
        return [await self.send(request) for _ in range(times)]

    async def contradict(self, request: dict[str, Any]) -> Answered:
        """Sends another content under the message id of a request."""
        return await self.send({**request, "opter_name": "另一员"})

    async def dribble(self, request: dict[str, Any], piece: int = 200, pause: float = 0.01) -> bytes:
        """Writes a request slowly, piece by piece; the bytes that come back until the server hangs up."""
        line = await self._line()
        wire = self._wire(request)
        for i in range(0, len(wire), piece):
            line.send(wire[i : i + piece])
            await deferLater(self._reactor, pause)
        return await line.ended

    def _path(self, request: dict[str, Any]) -> str:
        return f"/{request['infno']}" if self._per_infno else ""

    def _wire(self, request: dict[str, Any]) -> bytes:
        body = encoded(request)
        parts = urlsplit(self.url)
        fields = {
            **self.headers(),
            "Host": parts.netloc,
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST {parts.path}{self._path(request)} HTTP/1.1\r\n{head}\r\n".encode() + body

    async def _line(self) -> _Line:
        parts = urlsplit(self.url)
        endpoint = HostnameEndpoint(self._reactor, parts.hostname or "", parts.port or 80)
        line: _Line = await connectProtocol(endpoint, _Line())  # type: ignore[no-untyped-call]
        return line


class _Line(Protocol):
    """A bare connection, for what no HTTP client would do."""

    transport: Any

    def __init__(self) -> None:
        self._received = b""
        self.ended: Deferred[bytes] = Deferred()

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def hang_up(self) -> None:
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  the name is Twisted's
        self._received += data

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: N802  the name is Twisted's
        self.ended.callback(self._received)


def encoded(request: dict[str, Any]) -> bytes:
    """A request as it is posted."""
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()


def _installed_reactor() -> Any:
    from twisted.internet import reactor  # noqa: PLC0415  importing it installs one

    return reactor
