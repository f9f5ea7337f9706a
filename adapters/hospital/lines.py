"""What no mapping checks of fee lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol


class Line(Protocol):
    """A fee line of any message."""

    @property
    def quantity(self) -> Decimal: ...
    @property
    def unit_price(self) -> Decimal: ...
    @property
    def amount(self) -> int: ...


def differs(line: Line, tolerance: int | None) -> bool:
    """Whether the amount is not quantity times price, by more than so many fen; None: any difference will do."""
    if tolerance is None:
        return False
    return abs(line.quantity * line.unit_price * 100 - Decimal(line.amount)) > tolerance
