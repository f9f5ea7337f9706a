"""What goes back: the envelope of an answer around an `output`, or around a reason. Pure.

    {"infcode":0,"inf_refmsgid":"<region 6><yyyyMMddHHmmss><10 digits>","refmsg_time":…,"respond_time":…,
     "err_msg":"","output":{…}}

Whoever is told no gets HTTP 200 with an infcode that is not 0. Where the outcome is open, or nothing was taken, the
HTTP status says so too: a client that knows no more than the interface must not take that for a no.
"""

from __future__ import annotations

import codecs
import datetime as dt
from hashlib import sha256

import msgspec
from msgspec import Struct

from adapters.hospital.door import retry_after
from adapters.hospital.faults import Fault
from adapters.hospital.national.settings import NationalRules
from gateway.transports.http import Response
from mappings.lenses_times import CHINA

_quote = msgspec.json.Encoder().encode
_STATUS = {
    "signature": 401,
    "replay": 401,
    "client-address": 403,
    "too-large": 413,
    "too-many": 429,
    "unreadable-answer": 500,
    "unavailable": 503,
    "pending": 504,
}
EMPTY = b"{}"


class Arrival(Struct, frozen=True):
    """What an answer must know of its request."""

    region: str
    at: dt.datetime
    gbk: bool = False  #: the request was, so the answer is


def success(face: NationalRules, arrival: Arrival, now: dt.datetime, seed: str, output: bytes) -> Response:
    """It was done.

    Args:
        seed: id under which it is on record; the last ten digits of `inf_refmsgid` come of it.
        output: JSON.
    """
    written = _quote(output.decode()) if face.output == "string" else output
    return _response(200, _envelope(arrival, now, seed, b"0", "", written), arrival)


def refusal(face: NationalRules, arrival: Arrival, now: dt.datetime, fault: Fault) -> Response:
    """It was not done, or it is not known whether it was."""
    seed = fault.message_id or fault.refusal_id or fault.code
    status = _STATUS.get(fault.code, 500 if fault.ours else 200)
    output = _quote("{}") if face.output == "string" else EMPTY
    body = _envelope(arrival, now, seed, _infcode(face, fault), reason(fault, face.err_msg_length), output)
    return _response(status, body, arrival, retry_after(fault))


def reason(fault: Fault, longest: int) -> str:
    """`err_msg`: what the platform wrote, or else our words with the id under which operators find it.

    Args:
        longest: of our words.
    """
    if fault.err_msg and fault.infcode:
        return fault.err_msg
    identity = fault.refusal_id or fault.message_id
    tail = f" [{' '.join(filter(None, (fault.code, identity)))}]"
    room = longest - len(tail)
    both = f"{fault.zh} / {fault.en}"
    return (both if len(both) <= room else fault.zh[:room]) + tail


def _infcode(face: NationalRules, fault: Fault) -> bytes:
    code = fault.infcode
    if not code or code.strip() == "0":
        return b"%d" % (face.infcode_unsettled if fault.ours else face.infcode_refused)
    return code.encode() if code.removeprefix("-").isdecimal() and code.isascii() else _quote(code)


def _envelope(
    arrival: Arrival, now: dt.datetime, seed: str, infcode: bytes, err_msg: str, output: bytes
) -> bytes:
    return (
        b'{"infcode":%b,"inf_refmsgid":"%b","refmsg_time":"%b","respond_time":"%b","err_msg":%b,"output":%b}'
        % (
            infcode,
            _reference(arrival, seed).encode(),
            _stamp(arrival.at).encode(),
            _stamp(now).encode(),
            _quote(err_msg),
            output,
        )
    )


def _response(
    status: int, body: bytes, arrival: Arrival, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    if arrival.gbk:
        body = body.decode().encode("gbk", "json-escape")
    charset = "GBK" if arrival.gbk else "utf-8"
    return Response(status, body, f"application/json; charset={charset}", headers)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Characters that GBK lacks, as JSON escapes: outside of texts there are none."""
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be")
    text = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
    return text, error.end


codecs.register_error("json-escape", _escaped)


def _reference(arrival: Arrival, seed: str) -> str:
    number = int.from_bytes(sha256(seed.encode()).digest()[:8], "big") % 10**10
    return f"{arrival.region}{arrival.at.astimezone(CHINA):%Y%m%d%H%M%S}{number:010d}"


def _stamp(at: dt.datetime) -> str:
    local = at.astimezone(CHINA)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"
