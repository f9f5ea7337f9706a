"""The far end: a platform that accepts everything at once, in a process of its own.

`python -m bench.sink` prints its port. `POST /` settles; `GET /stats` tells how many distinct messages
came, how many came twice, and when. It does as little as possible, because it shares the two cores.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from typing import cast

import uvloop

_MSGID = re.compile(rb'"msgid"\s*:\s*"([^"]+)"|<msgid>([^<]+)</msgid>')
_VISIT = re.compile(rb'"mdtrt_id"\s*:\s*"([^"]+)"')
_PERSON = re.compile(rb'"psn_no"\s*:\s*"([^"]+)"')
_TOTAL = re.compile(rb'"medfee_sumamt"\s*:\s*"?([0-9.]+)')
_INFNO = re.compile(rb'"infno"\s*:\s*"([^"]+)"')
_ORIGINAL = re.compile(rb'"omsgid"\s*:\s*"([^"]+)"')
_KIND = re.compile(rb'"med_type"\s*:\s*"([^"]+)"')

_ZERO = [
    "fulamt_ownpay_amt",
    "overlmt_selfpay",
    "preselfpay_amt",
    "cvlserv_pay",
    "hifes_pay",
    "hifmi_pay",
    "hifob_pay",
    "maf_pay",
    "oth_pay",
    "acct_pay",
    "psn_cash_pay",
    "psn_part_amt",
    "hosp_part_amt",
    "balc",
    "acct_mulaid_pay",
]
_ZEROES = "".join(f'"{name}":0.00,' for name in _ZERO).encode()
_ANSWER = (
    b'{"infcode":0,"inf_refmsgid":"990100202601010000000000000001","refmsg_time":"20260101000000000",'
    b'"respond_time":"20260101000000001","err_msg":"","output":{"setlinfo":{"mdtrt_id":"%b","setl_id":"S%d",'
    b'"psn_no":"%b","psn_name":"\xe7\xa4\xba\xe4\xbe\x8b\xe7\x94\xb2","psn_cert_type":"01",'
    b'"certno":"990101199001010019","gend":"1","psn_type":"11","cvlserv_flag":"0",'
    b'"setl_time":"2026-01-01 00:00:00","med_type":"%b","medfee_sumamt":%b,"inscp_scp_amt":%b,"hifp_pay":%b,'
    b'"fund_pay_sumamt":%b,%b"pool_prop_selfpay":1.0000,"medins_setl_id":"%b","clr_type":"11"},"setldetail":[]}}'
)


class Seen:
    """What came."""

    def __init__(self) -> None:
        self.ids: dict[bytes, int] = {}
        self.settled: dict[bytes, tuple[bytes, bytes]] = {}  #: visit → msgid in force, its answer
        self.second_effects = 0
        self.first = 0.0
        self.last = 0.0

    def note(self, msgid: bytes) -> None:
        """Counts one message."""
        self.last = time.time()
        self.first = self.first or self.last
        self.ids[msgid] = self.ids.get(msgid, 0) + 1

    def settle(self, visit: bytes, msgid: bytes, answer: bytes) -> None:
        """A settlement takes effect; another one in force for the same visit is a second effect."""
        before = self.settled.get(visit)
        if before is not None and before[0] != msgid:
            self.second_effects += 1
        self.settled[visit] = (msgid, answer)

    def reverse(self, original: bytes) -> None:
        """The original has no effect any more."""
        for visit, (msgid, _) in list(self.settled.items()):
            if msgid == original:
                del self.settled[visit]

    def stats(self) -> bytes:
        """As JSON."""
        twice = sum(count - 1 for count in self.ids.values())
        return json.dumps(
            {
                "distinct": len(self.ids),
                "twice": twice,
                "settled": len(self.settled),
                "second_effects": self.second_effects,
                "first": self.first,
                "last": self.last,
            }
        ).encode()


class Connection(asyncio.Protocol):
    """Content-Length bodies only; that is what its peers send."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's shares no base class with it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            at = self._buffer.lower().find(b"content-length:", 0, end)
            length = int(self._buffer[at + 15 : self._buffer.find(b"\r", at)]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            head, body = self._buffer[:end], self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(self._respond(head, body))

    def _respond(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET"):
            answer = self._seen.stats()
        elif head.startswith(b"DELETE"):
            self._seen.__init__()  # type: ignore[misc]  # forget everything
            answer = b"{}"
        else:
            answer = self._act(body)
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            len(answer),
            answer,
        )

    def _act(self, body: bytes) -> bytes:
        infno = _INFNO.search(body)
        if infno is not None and infno[1] == b"5203":
            visit = _VISIT.search(body)
            found = self._seen.settled.get(visit[1]) if visit else None
            return found[1] if found else b'{"infcode":0,"err_msg":"","output":{}}'
        if infno is not None and infno[1] == b"2601":
            original = _ORIGINAL.search(body)
            self._seen.reverse(original[1] if original else b"")
            return b'{"infcode":0,"err_msg":"","output":{}}'
        match = _MSGID.search(body)
        msgid = (match[1] or match[2]) if match else b"?"
        self._seen.note(msgid)
        return self._settle(msgid, body)

    def _settle(self, msgid: bytes, body: bytes) -> bytes:
        visit, person, total, kind = (
            (m[1] if (m := pattern.search(body)) else b"") for pattern in (_VISIT, _PERSON, _TOTAL, _KIND)
        )
        number = len(self._seen.ids)
        answer = _ANSWER % (visit, number, person, kind, total, total, total, total, _ZEROES, msgid)
        self._seen.settle(visit, msgid, answer)
        return answer


async def main() -> None:
    """Serves until it is ended."""
    seen = Seen()
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(seen), sock=listening)
    print(listening.getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
