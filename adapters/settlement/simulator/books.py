"""All tables of one platform together, its options, and what the desks that work on them share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from adapters.settlement.simulator.fees import Fees
from adapters.settlement.simulator.ledger import Ledger
from adapters.settlement.simulator.visits import Visits


class Options(Struct, frozen=True, kw_only=True):
    """How this platform behaves."""

    paasid: str = "demo-app"
    token: str = "DEMO-TOKEN-0001"  # noqa: S105 - a public example, for the simulator only
    signature: bool = True
    window: float = 300.0
    sign_in: bool = False  #: refuses business without a sign_no
    reversal_not_found: str = "failure"  #: or `success`
    duplicate_rows: str = "refuse"  #: or `replace`: a fee line whose number is there already
    list_equal_rows: bool = True  #: whether the result file of 3202 names settlements that agree
    region: str = "990101"
    fast: bool = False  #: no request log, no stored answers, no field checks: for benchmarks
    need_details: bool = True
    seed: int = 1


class Envelope(Struct):
    """A request's envelope; what the simulator does not look at is left out."""

    infno: str
    msgid: str
    fixmedins_code: str
    input: msgspec.Raw
    opter: str = ""
    sign_no: str = ""
    insuplc_admdvs: str = ""

    def node(self, name: str) -> Any:
        """A node of the input."""
        return _any.decode(self.input)[name]


#: What a desk does: a request → the `output` of its answer, or a file.
Work = Callable[[Envelope], bytes]

_any = msgspec.json.Decoder(dict[str, Any])
#: An `output` as bytes; numbers as JSON numbers.
output: Final = msgspec.json.Encoder(decimal_format="number").encode
EMPTY: Final = b"{}"


def yuan(fen: int) -> Decimal:
    """Fen → yuan with two decimals."""
    return Decimal(fen).scaleb(-2)


class Books:
    """The tables."""

    def __init__(self, options: Options, today: dt.date, clock: Callable[[], str]) -> None:
        self.options = options
        self.region = options.region
        self._clock = clock
        self.fees = Fees(refuse=options.duplicate_rows == "refuse" and not options.fast)
        self.ledger = Ledger(
            today, self.fees, need_details=options.need_details, keep_details=not options.fast
        )
        self.visits = Visits(options.region)

    @property
    def time(self) -> str:
        """Now, as the interface writes it."""
        return self._clock()
