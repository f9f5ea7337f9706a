"""Requests of every transaction: those the mappings' samples show, about the person and the visit a test is about."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import msgspec

from adapters.settlement.transactions import TRANSACTIONS, Transaction
from gateway.canonical import Body
from mappings import SHIPPED
from tests.adapters.settlement.rig import CERTIFICATE, WHO

_SAMPLES = SHIPPED / "settlement" / "samples"
ROWS: dict[str, Transaction] = {row.infno: row for rows in TRANSACTIONS.values() for row in rows}
PERSON = "9901010000000000001"
#: The day all this happens on; the samples' days are of another year.
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


def body(infno: str, **changes: Any) -> Any:
    """The request of a transaction, from the institution and person of these tests."""
    row = ROWS[infno]
    stored = json.loads((_SAMPLES / row.input / "good" / "canonical.json").read_bytes())
    made: Body = msgspec.convert(stored, row.request)
    facts = {**WHO, "person_no": PERSON, "certificate_no": CERTIFICATE, "extension": None, **changes}
    known = set(row.request.__struct_fields__)
    return msgspec.structs.replace(made, **{name: value for name, value in facts.items() if name in known})


def rows(infno: str, name: str, count: int, **changes: Any) -> Any:
    """The request with `count` rows in the field `name`, each with these facts and a line number of its own."""
    made = body(infno)
    row = msgspec.structs.replace(getattr(made, name)[0], **changes)
    if hasattr(row, "line_no"):
        numbered = tuple(msgspec.structs.replace(row, line_no=f"F{n:04d}") for n in range(1, count + 1))
    else:
        numbered = (row,) * count
    return msgspec.structs.replace(made, **{name: numbered})


def fees(infno: str, visit: str, count: int = 2, **changes: Any) -> Any:
    """An upload (2204, 2301) of lines of 12.80."""
    facts: dict[str, Any] = {"visit_id": visit, "person_no": PERSON, "amount": 1280, **changes}
    if infno == "2204":
        facts.setdefault("charge_batch_no", "B0001")
    return rows(infno, "fees", count, **facts)


def diagnosed(infno: str, **changes: Any) -> Any:
    """A request with diagnoses of the person of these tests."""
    made = body(infno, **changes)
    found = tuple(msgspec.structs.replace(d, person_no=PERSON) for d in made.diagnoses)
    return msgspec.structs.replace(made, diagnoses=found)


def bill(infno: str, visit: str, lines: int = 2, **changes: Any) -> Any:
    """An estimate or a settlement (2206, 2303, 2304) of so many lines of 12.80."""
    total = 1280 * lines
    parts: dict[str, Any] = {}
    if infno != "2206":
        parts = {"own_expense": 0, "over_limit": 0, "advance_self_pay": 128 * lines}
        parts["in_scope"] = total - 128 * lines
    if infno == "2206":
        parts["charge_batch_no"] = "B0001"
    facts = {"visit_id": visit, "certificate_kind": "02", "total": total, "account_used": True, **parts}
    return body(infno, **{**facts, **changes})
