"""A hospital's system, calling us: used by the demonstration, the chaos tests and the load generator.

    hospital = HospitalSimulator("http://127.0.0.1:8081/hospital", paasid="demo-hospital", token="…")
    answer = await hospital.settle()

It behaves as a careful hospital does: where no answer comes, or one that says "ask again", it sends the
same message once more under the same msgid, signed afresh, and never a new one.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from lxml import etree
from twisted.internet.defer import Deferred

from adapters.hospital.simulator import invented
from gateway.transports.http import HttpClient, HttpError, HttpResponse
from gateway.transports.http.tif import sign

CONTENT_TYPES = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}

#: Fault codes after which the same message is to be sent again.
ASK_AGAIN = frozenset({"unavailable", "pending"})

_CHINA = dt.timezone(dt.timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` 0 means that nothing did."""

    status: int
    element: str = ""  #: local name of what stands in the SOAP body
    fields: Mapping[str, str] = field(default_factory=dict)  #: its leaves; of a fault, those of its detail
    reason: str = ""  #: of a fault
    soap: str = ""  #: version of the answer
    raw: bytes = b""
    attempts: int = 1

    @property
    def fault(self) -> bool:
        return self.element == "Fault"

    @property
    def code(self) -> str:
        """The code in a fault's detail."""
        return self.fields.get("code", "") if self.fault else ""


class HospitalSimulator:
    """One hospital.

    Args:
        url: of the service.
        paasid, token: for x-tif signatures; none are sent without a token.
        soap: `1.1` or `1.2`.
        start: when message ids begin; None is now.
        timeout: seconds to wait for an answer.
        repeats: how often the same message is sent again.
        pause: seconds before that.
    """

    def __init__(
        self,
        url: str,
        *,
        paasid: str = "",
        token: str = "",
        institution: str = invented.INSTITUTION,
        soap: str = "1.1",
        start: dt.datetime | None = None,
        timeout: float = 60.0,
        repeats: int = 0,
        pause: float = 0.5,
        reactor: Any = None,
        client: HttpClient | None = None,
        now: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.url = url
        self.institution = institution
        self.soap = soap
        self._paasid = paasid
        self._token = token
        self._start = start or dt.datetime.fromtimestamp(now(), _CHINA)
        self._timeout = timeout
        self._repeats = repeats
        self._pause = pause
        self._reactor = reactor
        self._client = client or HttpClient(reactor=reactor)
        self._now = now
        self._random = random
        self._numbers = count()
        self.build = invented.Builder(self._start, institution, soap)
        self._build_upload = invented.Builder(self._start, institution, soap, "OutpatientSettlementUpload")

    # -- business ------------------------------------------------------------------------------------

    def number(self) -> int:
        """The next number; every message has one of its own."""
        return next(self._numbers)

    def msgid(self, n: int) -> str:
        return invented.msgid(n, self._start, self.institution)

    async def settle(self, n: int | None = None) -> Answer:
        """Settles the n-th bill and waits for the result; the same `n` is the same message."""
        return await self.post(self.build(self.number() if n is None else n))

    async def upload(self, n: int | None = None) -> Answer:
        """Hands the n-th bill in for later delivery."""
        return await self.post(self._build_upload(self.number() if n is None else n))

    async def query_person(self, person: int = 0) -> Answer:
        """Asks who the person is."""
        return await self.send("PersonQuery", invented.query(person, self._next(), self.institution))

    async def cancel(self, settlement_id: str, visit_id: str, person_no: str) -> Answer:
        """Undoes a settlement."""
        facts = [("setl_id", settlement_id), ("mdtrt_id", visit_id), ("psn_no", person_no)]
        return await self.send("SettlementCancellation", [*self._header(), *facts])

    async def reverse(self, original: str, person_no: str, transaction: str = "2207") -> Answer:
        """Takes back a message whose answer was lost.

        Args:
            original: the msgid we sent it under.
        """
        facts = [("psn_no", person_no), ("omsgid", original), ("oinfno", transaction)]
        return await self.send("SettlementReversal", [*self._header(), *facts])

    async def attack(self, name: str) -> Answer:
        """Sends bad input of a kind listed in `attacks.ATTACKS` and returns what came back."""
        from adapters.hospital.simulator.attacks import ATTACKS  # noqa: PLC0415  it is written in terms of this class

        answer: Answer = await ATTACKS[name](self)
        return answer

    def close(self) -> None:
        self._client.close()

    # -- the wire ------------------------------------------------------------------------------------

    async def send(
        self, element: str, fields: invented.Fields, lines: tuple[invented.Fields, ...] = ()
    ) -> Answer:
        """Posts one request given as its fields."""
        return await self.post(
            invented.envelope(invented.element(element, fields, lines), self.soap).encode()
        )

    async def post(self, body: bytes) -> Answer:
        """Posts a message; repeats it while nothing is known of its fate, as often as allowed."""
        for attempt in range(1, self._repeats + 2):
            answer = await self.once(body, attempts=attempt)
            if answer.status and answer.code not in ASK_AGAIN:
                return answer
            if attempt <= self._repeats:
                await self._sleep()
        return answer

    async def once(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        attempts: int = 1,
        timeout: float | None = None,
    ) -> Answer:
        """One attempt; `headers` replace those of the same name, `timeout` the hospital's own."""
        fields = {**self.headers(), **(headers or {})}
        try:
            response = await self._client.request(
                method, self.url, headers=fields, body=body, timeout=timeout or self._timeout
            )
        except HttpError as error:
            return Answer(0, "NoAnswer", reason=str(error), attempts=attempts)
        return read(response, attempts)

    def headers(self) -> dict[str, str]:
        """Fresh headers, signed where there is a token."""
        content_type = {"Content-Type": CONTENT_TYPES[self.soap]}
        if not self._token:
            return content_type
        return {
            **content_type,
            **dict(sign(self._paasid, self._token, now=self._now(), random=self._random(16))),
        }

    def _next(self) -> str:
        return self.msgid(self.number())

    def _header(self) -> invented.Fields:
        return invented.header(self._next(), self.institution)

    def _sleep(self) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        reactor = self._reactor or _installed_reactor()
        reactor.callLater(self._pause, done.callback, None)
        return done


def _installed_reactor() -> Any:
    from twisted.internet import reactor  # noqa: PLC0415  importing it installs one

    return reactor


def read(response: HttpResponse, attempts: int = 1) -> Answer:
    """An answer as a hospital understands it."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(response.body, parser)
        payload = next(child for child in root if _local(child) == "Body")[0]
    except (etree.XMLSyntaxError, StopIteration, IndexError):
        return Answer(response.status, raw=response.body, attempts=attempts)
    soap = "1.2" if "2003/05" in etree.QName(root).namespace else "1.1"
    return Answer(
        response.status, _local(payload), _leaves(payload), _reason(payload), soap, response.body, attempts
    )


def _local(node: Any) -> str:
    return str(etree.QName(node).localname) if isinstance(node.tag, str) else ""


def _leaves(payload: Any) -> dict[str, str]:
    scope = payload
    if _local(payload) == "Fault":
        scope = next((n for n in payload if _local(n) in ("detail", "Detail")), ())
    found: dict[str, str] = {}
    for node in scope.iter() if len(scope) else ():
        if isinstance(node.tag, str) and not len(node):
            found.setdefault(_local(node), node.text or "")
    return found


def _reason(payload: Any) -> str:
    texts = [n.text or "" for n in payload.iter() if _local(n) in ("faultstring", "Text")]
    return texts[0] if texts and _local(payload) == "Fault" else ""
