"""The control interface under `/_control/`, on the platform's own listener.

GET  /_control/effects          settlements, `double_effects`, counters
GET  /_control/requests?since=N requests after number N (not in fast mode)
GET  /_control/faults           what is switched on, and the kinds there are
POST /_control/faults           a fault, a list of faults, or {"clear": true}
POST /_control/persons          {"not_found": ["<certificate number>", …]}
POST /_control/reset            empty books, no faults
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec

from adapters.settlement.simulator.faults import KINDS, Fault, Faults
from adapters.settlement.simulator.ledger import Settlement
from adapters.settlement.simulator.platform import Platform

PREFIX = "/_control/"
_encode = msgspec.json.Encoder().encode
_faults = msgspec.json.Decoder(Fault | list[Fault])


class Control:
    """What tests and the demo see of the platform's books."""

    def __init__(self, platform: Platform, faults: Faults) -> None:
        self._platform = platform
        self._faults = faults

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and JSON body."""
        name, _, query = path.removeprefix(PREFIX).partition("?")
        work = {
            ("GET", "effects"): self._effects,
            ("GET", "requests"): self._requests,
            ("GET", "faults"): self._shown_faults,
            ("POST", "faults"): self._set_faults,
            ("POST", "persons"): self._persons,
            ("POST", "reset"): self._reset,
        }.get((method, name))
        if work is None:
            return 404, b'{"error":"no such control"}'
        try:
            return 200, _encode(work(query, body))
        except (msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
            return 400, _encode({"error": str(error)})

    def _effects(self, _query: str, _body: bytes) -> dict[str, Any]:
        ledger = self._platform.ledger
        return {
            "settlements": [_shown(s) for s in ledger.settlements.values()],
            "double_effects": ledger.double_effects,
            "doubled": [
                list(key) for key, same in ledger.batches.items() if sum(s.in_force for s in same) > 1
            ],
            "in_force": sum(s.in_force for s in ledger.settlements.values()),
            "requests": self._platform.count,
            "uploads": len(ledger.fees.batches),
            "visits": len(self._platform.books.visits.by_id),
            "filings": len(self._platform.filings.filed),
        }

    def _requests(self, query: str, _body: bytes) -> dict[str, Any]:
        since = int(parse_qs(query).get("since", ["0"])[0])
        return {
            "requests": [r for r in self._platform.requests if r["no"] > since],
            "last": self._platform.count,
        }

    def _shown_faults(self, _query: str, _body: bytes) -> dict[str, Any]:
        return {"active": self._faults.active, "kinds": KINDS}

    def _set_faults(self, query: str, body: bytes) -> dict[str, Any]:
        if msgspec.json.decode(body) == {"clear": True}:
            self._faults.active.clear()
        else:
            new = _faults.decode(body)
            self._faults.active.extend(new if isinstance(new, list) else [new])
        return self._shown_faults(query, body)

    def _persons(self, _query: str, body: bytes) -> dict[str, Any]:
        self._platform.ledger.not_found = set(msgspec.json.decode(body)["not_found"])
        return {"not_found": sorted(self._platform.ledger.not_found)}

    def _reset(self, _query: str, _body: bytes) -> dict[str, Any]:
        self._platform.reset()
        self._faults.active.clear()
        return {"reset": True}


def _shown(s: Settlement) -> dict[str, Any]:
    return {
        "setl_id": s.setl_id,
        "msgid": s.msgid,
        "fixmedins_code": s.institution,
        "mdtrt_id": s.mdtrt_id,
        "chrg_bchno": s.batch,
        "psn_no": s.psn_no,
        "amount": s.total,
        "fund": s.pooling,
        "refund_of": s.refund_of,
        "refunded": s.refunded_by is not None,
        "reversed": s.reversed,
        "in_force": s.in_force,
    }
