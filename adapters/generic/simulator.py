"""A simulated agency that joined by settings: takes `OrganisationNotice` by HTTP, keeps books, can misbehave.

    POST /group/organisations         OrganisationNotice → Answer with ResultCode 0000, 1001 or 9001
    POST /group/organisations/query   OrganisationQuery  → 0000 where it is in the books, else 4004
    GET  /_control/effects            {"notices": {RequestNo: {…}}, "received": n}
    POST /_control/faults             {"kind": …, "count": 1}

It runs in a process of its own, and shows nothing but what it was sent:

    python -m adapters.generic.simulator --listen 127.0.0.1:8096 --token DEMO-INSURER-0001
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Final
from xml.sax.saxutils import escape

import msgspec
from lxml import etree
from twisted.internet.defer import Deferred

from adapters.generic.answers import text_at
from gateway.transports.http import Request, Response
from gateway.transports.http.listeners import Listeners
from gateway.transports.process import serve
from gateway.transports.soap import XmlError, parse

#: What can go wrong with the next notices.
FAULTS: Final = (
    "reject",  # code 1001, not in the books
    "busy",  # code 9001, not in the books
    "odd-code",  # a code nobody agreed on, not in the books
    "silent-after-commit",  # in the books, and never an answer
    "silent-before-commit",  # neither
    "error-after-commit",  # in the books, and HTTP 500
    "garbage-after-commit",  # in the books, and an answer that is no XML
)
_XML: Final = "application/xml; charset=utf-8"


@dataclass
class Insurer:
    """The agency."""

    token: str
    notices: dict[str, dict[str, str]] = field(default_factory=dict)  #: the books, by request number
    received: int = 0  #: notices that came, repetitions included
    faults: deque[str] = field(default_factory=deque)

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        if request.path.startswith("/_control/"):
            return self._control(request)
        if request.method != "POST":
            return Response(200, "模拟保险公司 / a simulated insurer\n".encode())
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return Response(401)
        try:
            root = parse(request.body, None, max_bytes=1 << 20)
        except XmlError:
            return Response(400)
        return self._notice(root) if root.tag == "OrganisationNotice" else self._query(root)

    def _notice(self, root: etree._Element) -> Response | Awaitable[Response]:
        self.received += 1
        number = text_at(root, "Head/RequestNo") or ""
        fault = self.faults.popleft() if self.faults else ""
        if fault in ("reject", "busy", "odd-code"):
            return answer({"reject": "1001", "busy": "9001", "odd-code": "7777"}[fault], "模拟 / simulated")
        if fault == "silent-before-commit":
            return Deferred()
        self.notices[number] = {child.tag: child.text or "" for child in root.iterfind("Body/*")}
        if fault == "silent-after-commit":
            return Deferred()
        if fault == "error-after-commit":
            return Response(500)
        if fault == "garbage-after-commit":
            return Response(200, b"<html>OK", "text/html")
        return answer("0000", "成功", AcceptNo=f"A{number}")

    def _query(self, root: etree._Element) -> Response:
        number = root.findtext("RequestNo") or ""
        known = number in self.notices
        return answer("0000", "已收到", AcceptNo=f"A{number}") if known else answer("4004", "未收到")

    def _control(self, request: Request) -> Response:
        if request.path == "/_control/faults":
            asked = msgspec.json.decode(request.body)
            if asked["kind"] not in FAULTS:
                return Response(400, f"one of {', '.join(FAULTS)}\n".encode())
            self.faults.extend([asked["kind"]] * asked.get("count", 1))
        facts = {"notices": self.notices, "received": self.received}
        return Response(200, msgspec.json.encode(facts), "application/json")


def answer(code: str, text: str, **body: str) -> Response:
    """`<Answer><Head><ResultCode/><ResultText/></Head><Body>…</Body></Answer>`"""
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in body.items())
    head = f"<ResultCode>{code}</ResultCode><ResultText>{escape(text)}</ResultText>"
    return Response(200, f"<Answer><Head>{head}</Head><Body>{inner}</Body></Answer>".encode(), _XML)


def main() -> None:
    """Serves until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m adapters.generic.simulator")
    parser.add_argument("--listen", default="127.0.0.1:8096", metavar="HOST:PORT")
    parser.add_argument("--token", default="DEMO-INSURER-0001")
    arguments = parser.parse_args()

    async def start(reactor: Any) -> None:
        insurer, listeners = Insurer(arguments.token), Listeners(reactor)
        for path in ("/group/", "/_control/"):
            await listeners.mount(arguments.listen, path, insurer)

    serve(start)


if __name__ == "__main__":
    main()
