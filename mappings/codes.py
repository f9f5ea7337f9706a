"""Code tables: `codes/<name>.csv`, one code a row.

    # title: 性别 / sex
    # source: GB/T 2261.1
    # class: standard
    # version: 2003
    # open: false
    code,name_zh,name_en,valid_from,valid_to

`class` says how sure the table is (`CLASSES`), `open` whether local codes beside it are to be expected. Columns
that may follow: `canonical`, where the canonical code differs from the partner's; `outcome`, what a result
code means for the gateway; `substitute`, what is written for a character that the partner's charset has not.

A claim of last year carries last year's code, so a lens takes every code that ever was valid; `table(name, on=day)`
gives the codes of one day. A folder of the configuration may replace a shipped table by one of the same name.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

FOLDER = Path(__file__).parent / "codes"

#: Where a table comes from, surest first.
CLASSES = {
    "standard": "国家标准 / a national standard",
    "seen": "见于在用系统 / seen in working systems; compare with the partner's",
    "common": "行业通识，须与对方核对 / common knowledge; confirm it with the partner",
    "sample": "虚构样例 / invented, for tests and demonstrations",
}
#: The columns every table has.
_COLUMNS = ("code", "name_zh", "name_en", "valid_from", "valid_to")
#: What a result code can mean.
OUTCOMES = ("accepted", "success", "rejected", "duplicate", "in-doubt", "reversed")


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    canonical: str
    name_zh: str
    name_en: str
    valid_from: dt.date | None
    valid_to: dt.date | None
    outcome: str = ""  #: one of `OUTCOMES`; empty for codes that are no results
    substitute: str = ""  #: of a table of characters

    def valid(self, on: dt.date) -> bool:
        return (self.valid_from or on) <= on <= (self.valid_to or on)


@dataclass(frozen=True)
class CodeTable:
    name: str
    codes: tuple[Code, ...]
    title: str = ""
    source: str = ""
    kind: str = ""  #: a key of `CLASSES`
    version: str = ""
    open: bool = True
    file: Path | None = None

    @cached_property
    def to_canonical(self) -> dict[str, str]:
        return {c.code: c.canonical for c in self.codes}

    @cached_property
    def to_partner(self) -> dict[str, str]:
        return {c.canonical: c.code for c in self.codes}

    @cached_property
    def substitutes(self) -> dict[str, str]:
        return {c.code: c.substitute for c in self.codes}

    @property
    def ambiguous(self) -> tuple[str, ...]:
        """Codes on either side that do not lead to exactly one code on the other.

        A code whose name has changed stands in several rows, and is one code all the same.
        """
        pairs = {(c.code, c.canonical) for c in self.codes}
        sides = (Counter(pair[side] for pair in pairs) for side in (0, 1))
        return tuple(sorted({k for count in sides for k, n in count.items() if n > 1}))

    def on(self, day: dt.date) -> CodeTable:
        """The table as it stood on a day."""
        return replace(self, codes=tuple(c for c in self.codes if c.valid(day)))


def names(folders: tuple[Path, ...] = (FOLDER,)) -> tuple[str, ...]:
    """The tables there are."""
    return tuple(sorted({p.stem for folder in folders for p in folder.glob("*.csv")}))


def table(name: str, folders: tuple[Path, ...] = (FOLDER,), on: dt.date | None = None) -> CodeTable:
    """One code table.

    Args:
        folders: where tables are looked for; the first folder that has it gives it.
        on: only the codes that are valid on that day.

    Raises:
        KeyError: there is no such table.
        ValueError: the table's file is damaged.
    """
    file = next((f for folder in folders if (f := folder / f"{name}.csv").is_file()), None)
    if file is None or name != Path(name).name:
        raise KeyError(name)
    found = read(file)
    return found if on is None else found.on(on)


@cache
def read(file: Path) -> CodeTable:
    """The table in a file.

    Raises:
        ValueError: the file is damaged.
        OSError: it cannot be read.
    """
    try:
        # A spreadsheet puts quotes around a line with a comma, and commas after a short one.
        with file.open(encoding="utf-8-sig", newline="") as stream:
            lines = [line for line in csv.reader(stream, strict=True) if any(line)]
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"is no CSV: {error}") from None
    facts = dict(_facts(line for line in lines if line[0].startswith("#")))
    kind = facts.get("class", "")
    if kind not in ("", *CLASSES):
        raise ValueError(f"class {kind!r} is none of {', '.join(CLASSES)}")
    rows = tuple(_codes(line for line in lines if not line[0].startswith("#")))
    _once_at_a_time(rows)
    return CodeTable(
        name=file.stem,
        codes=rows,
        title=facts.get("title", ""),
        source=facts.get("source", ""),
        kind=kind,
        version=facts.get("version", ""),
        open=facts.get("open", "true") == "true",
        file=file,
    )


def _facts(lines: Iterable[list[str]]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, colon, value = ",".join(line).rstrip(",").removeprefix("#").partition(":")
        if colon:
            yield key.strip(), value.strip()


def _codes(lines: Iterator[list[str]]) -> Iterator[Code]:
    """The lines below the one that names the columns."""
    columns = next(lines, [])
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise ValueError(f"has no column {', '.join(missing)}")
    for line in lines:
        if len(line) < len(columns) or any(line[len(columns) :]):
            raise ValueError(f"code {line[0]} has {len(line)} columns, not {len(columns)}")
        yield _code(dict(zip(columns, line, strict=False)))


def _code(row: dict[str, str]) -> Code:
    code = row["code"]
    if not code or code != code.strip():
        raise ValueError(f"code {code!r} is empty or has blanks around it")
    outcome = row.get("outcome") or ""
    if outcome not in ("", *OUTCOMES):
        raise ValueError(f"outcome {outcome!r} of code {code} is none of {', '.join(OUTCOMES)}")
    begins, ends = (_day(code, row[name]) for name in ("valid_from", "valid_to"))
    if begins is not None and ends is not None and ends < begins:
        raise ValueError(f"code {code} ends before it begins")
    names = (row["name_zh"], row["name_en"])
    substitute = row.get("substitute") or ""
    return Code(code, row.get("canonical") or code, *names, begins, ends, outcome, substitute)


def _day(code: str, text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(f"{text!r} of code {code} is no day such as 2026-01-01") from None


def _once_at_a_time(rows: tuple[Code, ...]) -> None:
    """A code may come again, with another name or meaning, but never twice on one day."""
    order = sorted(rows, key=lambda c: (c.code, c.valid_from or dt.date.min))
    for first, second in pairwise(order):
        if first.code == second.code and (first.valid_to or dt.date.max) >= (
            second.valid_from or dt.date.min
        ):
            raise ValueError(f"code {first.code} stands twice for the same days")
