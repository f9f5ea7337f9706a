"""The national envelope: what a mapped input is wrapped in, and how an answer is read. Pure.

Request (UTF-8 JSON), one template of bytes around the mapped input:

    {"infno":"2207","msgid":"<institution 12><yyyyMMddHHmmss><serial 4>","mdtrtarea_admvs":…,…,"input":{…}}

Answer:

    {"infcode":0,"inf_refmsgid":…,"err_msg":"","output":{…}}      output also as a string holding JSON
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any, Final, Protocol, cast

import msgspec
from msgspec import Struct

from adapters.settlement.settings import SettlementSettings
from gateway.canonical import Body
from mappings import Refused, parse_json

#: The platforms' clocks. A fixed offset, since the zone has had no summer time since 1991.
BEIJING: Final = dt.timezone(dt.timedelta(hours=8))

_quote = msgspec.json.Encoder().encode
_encode_tree = msgspec.json.Encoder(decimal_format="string").encode
_encode_exact = msgspec.json.Encoder(decimal_format="number").encode
_INFNO: Final = b'{"infno":"'
#: The envelope's own msgid: only a transaction number stands before it.
_MSGID: Final = re.compile(rb'"msgid":"(?:[^"\\]|\\.)*"')
#: Only the input has it: quotes inside a value are escaped.
_FILE_NO: Final = re.compile(rb'"file_qury_no":"(?:[^"\\]|\\.)*"')
#: Written by `Envelope.wrap` and replaced at each attempt, because a sign-in does not outlive a session.
_NO_SIGN: Final = b'"sign_no":""'


class Caller(Protocol):
    """Who asks: the part every canonical request of this area shares."""

    @property
    def institution_code(self) -> str: ...
    @property
    def institution_name(self) -> str: ...
    @property
    def treatment_region(self) -> str: ...
    @property
    def operator_code(self) -> str: ...
    @property
    def operator_name(self) -> str: ...


def caller_of(body: Body) -> Caller:
    """A request as what it is besides: someone's."""
    return cast(Caller, body)


class Signature(Struct, frozen=True):
    """A message's identity: `msgid`, and the time it was made at."""

    msgid: str
    inf_time: str


class Envelope:
    """Wraps mapped inputs. Everything the settings fix is encoded once."""

    def __init__(self, settings: SettlementSettings) -> None:
        extra = b"".join(b",%b:%b" % (_quote(k), _quote(v)) for k, v in settings.extra_envelope.items())
        self._constants = (
            b',"recer_sys_code":%b,"dev_no":"","dev_safe_info":"","cainfo":"","signtype":%b,"infver":%b,"opter_type":%b'
            % tuple(
                map(
                    _quote,
                    (settings.recer_sys_code, settings.signtype, settings.infver, settings.opter_type),
                )
            )
        )
        self._tail = b"," + _NO_SIGN + extra + b',"input":'

    def wrap(
        self, infno: str, signature: Signature, caller: Caller, tree: dict[str, Any], insured_region: str
    ) -> bytes:
        """The complete request body.

        Args:
            infno: transaction number.
            tree: the `input` subtree.
            insured_region: empty where the person is not known yet.
        """
        return b"".join(
            (
                _INFNO,
                infno.encode(),
                b'","msgid":',
                _quote(signature.msgid),
                b',"mdtrtarea_admvs":',
                _quote(caller.treatment_region),
                b',"insuplc_admdvs":',
                _quote(insured_region),
                self._constants,
                b',"opter":',
                _quote(caller.operator_code),
                b',"opter_name":',
                _quote(caller.operator_name),
                f',"inf_time":"{signature.inf_time}","fixmedins_code":'.encode(),
                _quote(caller.institution_code),
                b',"fixmedins_name":',
                _quote(caller.institution_name),
                self._tail,
                _encode_tree(tree),
                b"}",
            )
        )


def with_sign_no(content: bytes, sign_no: str) -> bytes:
    """The request with the number of the current sign-in."""
    # The first match is the envelope's own: a quote inside any value before it would be escaped.
    return content.replace(_NO_SIGN, b'"sign_no":' + _quote(sign_no), 1) if sign_no else content


def with_fresh_signature(content: bytes, new: Signature) -> bytes:
    """The same business request under a new msgid. Only for what may be repeated."""
    return _MSGID.sub(lambda _: b'"msgid":' + _quote(new.msgid), content, count=1)


def with_file_no(content: bytes, file_no: str) -> bytes:
    """The request with the number of a file that was uploaded for it."""
    return _FILE_NO.sub(lambda _: b'"file_qury_no":' + _quote(file_no), content, count=1)


def is_file(raw: bytes) -> bool:
    """Whether an answer is a ZIP file in place of JSON (9102)."""
    return raw.startswith(b"PK")


def infno_of(content: bytes) -> str:
    """The transaction number of a request that `Envelope.wrap` made."""
    return content[len(_INFNO) : content.index(b'"', len(_INFNO))].decode()


class Answer(Struct, frozen=True, kw_only=True):
    """A readable answer of the platform."""

    infcode: str
    err_msg: str
    output: dict[str, Any]
    reference: str | None  #: inf_refmsgid
    raw: bytes


class Unreadable(Exception):
    """The answer cannot be understood: it proves nothing."""


def read(raw: bytes) -> Answer:
    """Reads an answer's body. Amounts stay exact.

    Raises:
        Unreadable: not JSON, a key given twice, or without an infcode.
    """
    try:
        wire = _parse(raw)
        output = wire.get("output")
        if isinstance(output, str):
            output = parse_json(output.encode()) if output.strip() else {}
    except (Refused, UnicodeError) as error:
        raise Unreadable(type(error).__name__) from None
    if output is None:
        output = {}
    if not isinstance(output, dict):
        raise Unreadable("output")
    return Answer(
        infcode=_code(wire.get("infcode")),
        err_msg=_text(wire.get("err_msg")),
        output=output,
        reference=_text(wire.get("inf_refmsgid")) or None,
        raw=raw,
    )


def document_of(raw: bytes) -> bytes:
    """What a mapping reads of a stored answer: its `output`.

    Raises:
        ValueError: there is none.
    """
    try:
        return _encode_exact(read(raw).output)
    except Unreadable as error:
        raise ValueError("no answer of a platform") from error


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        wire = parse_json(raw)
    except Refused:
        # Some front ends answer in GBK whatever they declare. What is not UTF-8 cannot be confused with it.
        if _is_utf8(raw):
            raise
        wire = parse_json(raw.decode("gb18030").encode())
    if not isinstance(wire, dict):
        raise Unreadable("envelope")
    return wire


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _code(value: Any) -> str:
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or str(value).strip() == "":
        raise Unreadable("infcode")
    return str(value).strip()


def _text(value: Any) -> str:
    return "" if value is None else str(value)
