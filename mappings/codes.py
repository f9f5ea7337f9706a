"""Code tables: `codes/<name>.csv`, one code a row.

Columns: `code` (what partners write), `name_zh`, `name_en`, `valid_from`, `valid_to`, and optionally
`canonical` where the canonical code differs from the partner's. Validity is for lint and for people: a
claim of last year carries last year's code, so a lens takes every code that ever was valid.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "codes"


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    canonical: str
    name_zh: str
    name_en: str
    valid_from: dt.date | None
    valid_to: dt.date | None

    def valid(self, on: dt.date) -> bool:
        return (self.valid_from or on) <= on <= (self.valid_to or on)


@dataclass(frozen=True, slots=True)
class CodeTable:
    name: str
    codes: tuple[Code, ...]

    @property
    def to_canonical(self) -> dict[str, str]:
        return {c.code: c.canonical for c in self.codes}

    @property
    def to_partner(self) -> dict[str, str]:
        return {c.canonical: c.code for c in self.codes}

    @property
    def ambiguous(self) -> tuple[str, ...]:
        """Codes on either side that do not lead to exactly one code on the other."""
        partner = Counter(c.code for c in self.codes)
        canonical = Counter(c.canonical for c in self.codes)
        return tuple(sorted({k for count in (partner, canonical) for k, n in count.items() if n > 1}))


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """The tables there are."""
    return tuple(sorted(p.stem for p in folder.glob("*.csv")))


@cache
def table(name: str, folder: Path = FOLDER) -> CodeTable:
    """One code table.

    Raises:
        KeyError: there is no such table.
        ValueError: the table's file is damaged.
    """
    if name not in names(folder):
        raise KeyError(name)
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return CodeTable(name, tuple(_code(row) for row in csv.DictReader(lines)))


def _code(row: dict[str, str]) -> Code:
    code = row["code"]
    if not code or code != code.strip():
        raise ValueError(f"code {code!r} is empty or has blanks around it")
    canonical = row.get("canonical") or code
    dates = [dt.date.fromisoformat(row[k]) if row[k] else None for k in ("valid_from", "valid_to")]
    return Code(code, canonical, row["name_zh"], row["name_en"], dates[0], dates[1])
