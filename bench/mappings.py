"""The mapping engine by itself: `python -m bench.mappings` prints microseconds a message.

The messages are those of the reference job: a settlement with three fee lines, and its answer with every field.
"""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable

from adapters.hospital.soap.codec import Editions
from adapters.hospital.soap.documents import Documents, tag
from adapters.settlement import codec as national
from adapters.settlement.details import fees_of
from adapters.settlement.formats import Formats
from adapters.settlement.settings import SettlementSettings
from bench import rows
from bench.messages import Maker
from gateway.canonical.settlement import ClaimSubmitted
from gateway.transports.soap import xml
from mappings import SHIPPED, load, parse_json

_ROUNDS = 9
AT = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
_SIGNATURE = national.Signature("H99010100001202601010000000001", "2026-01-01 00:00:00")
_SETTINGS = SettlementSettings(base_url="http://127.0.0.1:1/x", recer_sys_code="01")


def microseconds(job: Callable[[], object], calls: int = 500) -> float:
    """The median over rounds of the mean of one call."""
    rounds = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            job()
        rounds.append((time.perf_counter() - start) / calls)
    return statistics.median(rounds) * 1e6


def jobs() -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    messages = Maker("mappings")
    payload = min((xml.parse(messages.next())[-1][0] for _ in range(2)), key=lambda e: -len(e))
    hospital = Editions(Documents()).on(AT)
    call = hospital.call_of(payload)
    upload = payload.tag

    def read() -> object:
        payload.tag = upload
        return hospital.read(call, payload)

    read()
    face = load(SHIPPED / "hospital" / "outpatient_settlement.yaml")
    payload.tag = tag(call.document)
    claim = face.decode_tree(payload)
    assert isinstance(claim, ClaimSubmitted)
    formats = Formats({})
    samples = SHIPPED / "settlement" / "samples" / "2207.output"
    output = (samples / "good" / "wire.json").read_bytes().strip()
    raw = (
        b'{"infcode":0,"inf_refmsgid":"1","refmsg_time":"","respond_time":"","err_msg":"","output":%b}'
        % output
    )
    answer = national.read(raw)
    envelope = national.Envelope(_SETTINGS)

    def wrap() -> object:
        settle = formats.write("2207.input", claim, AT)
        lines = {"feedetail": formats.write("2204.input", fees_of(claim), AT)["feedetail"]}
        first = envelope.wrap("2204", _SIGNATURE, claim, lines, claim.insured_region)
        return first, envelope.wrap("2207", _SIGNATURE, claim, settle, claim.insured_region)

    return {
        "hospital decode": lambda: face.decode_tree(payload),
        "hospital envelope": lambda: face.read_envelope(payload),
        "2204.input encode": lambda: formats.write("2204.input", fees_of(claim), AT),
        "2207.input encode": lambda: formats.write("2207.input", claim, AT),
        "parse_json": lambda: parse_json(raw),
        "2207.output decode": lambda: formats.read("2207.output", answer, AT),
        "— hospital codec, schema included": read,
        "— both requests in their envelopes": wrap,
        "— answer, parsed and decoded": lambda: formats.read("2207.output", national.read(raw), AT),
    }


def main() -> None:
    """Prints the table; the lines with a dash are what adapters do, parts above included."""
    total = 0.0
    for name, job in jobs().items():
        took = microseconds(job)
        if name[0] != "—":
            total += took
        else:
            if total:
                print(f"  {'sum':<36}{total:8.1f}")
            total = 0.0
        print(f"  {name:<36}{took:8.1f}")
    rows.main()


if __name__ == "__main__":
    main()
