"""Bad input of every kind a hospital's system, or somebody posing as one, can send.

Each attack is a coroutine on a `HospitalSimulator` and returns what came back. None may be accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from adapters.hospital.simulator import invented
from adapters.hospital.simulator.invented import Fields

if TYPE_CHECKING:
    from adapters.hospital.simulator.soap import Answer, HospitalSimulator

Attack = Callable[["HospitalSimulator"], Awaitable["Answer"]]

_BOMB = (
    "<!DOCTYPE x ["
    '<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">'
    '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">'
    '<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">'
    '<!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">]>'
)
_EXTERNAL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
_HUGE = 50_000_000


def _good(hospital: HospitalSimulator) -> str:
    return hospital.build(hospital.number()).decode()


def _replaced(old: str, new: str) -> Attack:
    """A good message in which one thing is changed."""

    async def attack(hospital: HospitalSimulator) -> Answer:
        text = _good(hospital)
        assert old in text
        return await hospital.once(text.replace(old, new).encode())

    return attack


def _fields(change: Callable[[Fields, list[Fields]], None]) -> Attack:
    """A settlement whose fields were changed before it was written."""

    async def attack(hospital: HospitalSimulator) -> Answer:
        n = hospital.number()
        fields = invented.claim(n, hospital.msgid(n), hospital.institution)
        lines = invented.fee_lines(n)
        change(fields, lines)
        text = invented.envelope(invented.element("OutpatientSettlement", fields, lines), hospital.soap)
        return await hospital.once(text.encode())

    return attack


def _set(fields: Fields, name: str, value: str) -> None:
    place = next(i for i, (key, _) in enumerate(fields) if key == name)
    fields[place] = (name, value)


def _drop(fields: Fields, name: str) -> None:
    fields[:] = [(key, value) for key, value in fields if key != name]


def _lose_a_line(_: Fields, lines: list[Fields]) -> None:
    del lines[-1]


def _headers(**changed: str) -> Attack:
    """A good message under other headers."""

    async def attack(hospital: HospitalSimulator) -> Answer:
        headers = {name.replace("_", "-"): value for name, value in changed.items()}
        return await hospital.once(_good(hospital).encode(), headers)

    return attack


def _bytes(make: Callable[[bytes], bytes]) -> Attack:
    """The bytes of a good message, spoiled."""

    async def attack(hospital: HospitalSimulator) -> Answer:
        return await hospital.once(make(_good(hospital).encode()))

    return attack


async def _replayed_signature(hospital: HospitalSimulator) -> Answer:
    headers = hospital.headers()
    await hospital.once(hospital.build(hospital.number()), headers)
    return await hospital.once(hospital.build(hospital.number()), headers)


async def _same_msgid_other_body(hospital: HospitalSimulator) -> Answer:
    first, other = hospital.number(), hospital.number()
    await hospital.once(hospital.build(first))
    text = hospital.build(other).decode().replace(hospital.msgid(other), hospital.msgid(first))
    return await hospital.once(text.encode())


async def _wrong_charset(hospital: HospitalSimulator) -> Answer:
    # Declared UTF-8, written in GBK: read as declared, names would become other people's.
    return await hospital.once(_good(hospital).encode("gbk"))


async def _get(hospital: HospitalSimulator) -> Answer:
    return await hospital.once(b"", method="GET")


async def _stale_signature(hospital: HospitalSimulator) -> Answer:
    headers = hospital.headers()
    headers["x-tif-timestamp"] = str(int(headers.get("x-tif-timestamp", "0")) - 86_400)
    return await hospital.once(_good(hospital).encode(), headers)


def _before_envelope(prologue: str, reference: str = "&f;") -> Attack:
    async def attack(hospital: HospitalSimulator) -> Answer:
        text = _good(hospital).replace("示例员", reference)
        declaration, rest = text.split("?>", 1)
        return await hospital.once(f"{declaration}?>{prologue}{rest}".encode())

    return attack


def _second_body(text: bytes) -> bytes:
    inner = text[text.index(b"<hos:OutpatientSettlement") : text.index(b"</soap:Body>")]
    return text.replace(b"</soap:Body>", inner + b"</soap:Body>")


#: Name → attack.
ATTACKS: dict[str, Attack] = {
    # The XML itself.
    "entity-bomb": _before_envelope(_BOMB),
    "external-entity": _before_envelope(_EXTERNAL, "&e;"),
    "doctype": _before_envelope("<!DOCTYPE x>", "示例员"),
    "huge-body": _bytes(lambda text: text.replace(b"</soap:Body>", b" " * _HUGE + b"</soap:Body>")),
    "large-body": _bytes(lambda text: text.replace(b"</soap:Body>", b" " * 1_100_000 + b"</soap:Body>")),
    "wrong-charset": _wrong_charset,
    "truncated": _bytes(lambda text: text[: len(text) // 2]),
    "not-xml": _bytes(lambda text: hashlib.sha512(text).digest()),
    "empty": _bytes(lambda text: b""),
    "get": _get,
    # The envelope.
    "not-soap": _replaced("soap:Envelope", "soap:Letter"),
    "wrong-content-type": _headers(Content_Type="application/json"),
    "two-bodies": _bytes(_second_body),
    "wrong-namespace": _replaced(f'"{invented.NAMESPACE}"', '"urn:example:other"'),
    "unknown-operation": _replaced("hos:OutpatientSettlement", "hos:GrantEverything"),
    # Who sends it.
    "no-signature": _headers(x_tif_signature=""),
    "bad-signature": _headers(x_tif_signature="0" * 64),
    "stale-signature": _stale_signature,
    "replayed-signature": _replayed_signature,
    "foreign-institution": _fields(lambda fields, _: _set(fields, "fixmedins_code", "H99010199999")),
    # What it says.
    "missing-field": _fields(lambda fields, _: _drop(fields, "psn_no")),
    "extra-field": _fields(lambda fields, _: fields.append(("surprise", "1"))),
    "bad-amount": _fields(lambda fields, _: _set(fields, "medfee_sumamt", "12,34")),
    "bad-code": _fields(lambda fields, _: _set(fields, "mdtrt_cert_type", "99")),
    "too-long": _fields(lambda fields, _: _set(fields, "psn_no", "9" * 31)),
    "wrong-parts": _fields(lambda fields, _: _set(fields, "inscp_scp_amt", "0.01")),
    "wrong-lines": _fields(_lose_a_line),
    "wrong-line": _fields(lambda _, lines: _set(lines[0], "cnt", "99.0000")),
    # Whether it is the same.
    "same-msgid-other-body": _same_msgid_other_body,
}
