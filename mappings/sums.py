"""Control totals: what the rows of a body add up to, or how many there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.keys import Keys
from mappings.shape import Field, fields_of


@dataclass(frozen=True, slots=True)
class Sum:
    """`sum_of: items.amount` or `count_of: items`, with `where: {field: status, is: [accepted]}` (or `not:`)."""

    rows: str
    column: str = ""  #: what is added up; empty where rows are counted
    field: str = ""  #: only rows with one of these values in this field count
    values: frozenset[str] = frozenset()
    others: bool = False  #: only rows with none of these values

    def of(self, rows: Iterable[Any]) -> int:
        if self.field:
            rows = [row for row in rows if self.chooses(getattr(row, self.field))]
        if self.column:
            return sum([getattr(row, self.column) or 0 for row in rows])
        return sum(1 for _ in rows)

    def chooses(self, value: object) -> bool:
        """Whether a row with this value in `field` counts."""
        return (value in self.values) != self.others

    def source(self, rows: str) -> str:
        """As an expression, for generated code."""
        said = "not in" if self.others else "in"
        chosen = f" if r.{self.field} {said} {sorted(self.values)!r}" if self.field else ""
        value = f"r.{self.column} or 0" if self.column else "1"
        return f"sum([{value} for r in {rows}{chosen}])"

    def fits(self, fields: Mapping[str, Field]) -> bool:
        """Whether these are the canonical fields around such rows."""
        struct = fields[self.rows].struct if self.rows in fields else None
        inner = fields_of(struct) if struct is not None else {}
        named = ((self.column, "money"), (self.field, "text"))
        return struct is not None and all(
            not name or (name in inner and inner[name].kind == kind) for name, kind in named
        )

    @property
    def rule(self) -> str:
        return "total" if self.column else "count"

    @property
    def en(self) -> str:
        return "amount of rows" if self.column else "number of rows"

    def __str__(self) -> str:
        return f"Σ {self.rows}.{self.column}" if self.column else f"# {self.rows}"


def read(keys: Keys) -> Sum | None:
    """The sum that a line or a total names, if any."""
    rows, _, column = keys.text("sum_of", "").partition(".")
    counted = keys.text("count_of", "")
    filtered = keys.table_of("where") if "where" in keys.table.entries else None
    keys.taken.append("where")
    field = filtered.text("field") if filtered else ""
    values = frozenset(filtered.texts("is") + filtered.texts("not")) if filtered else frozenset()
    others = filtered is not None and "not" in filtered.table.entries
    if filtered is not None:
        filtered.done()
        if ("is" in filtered.table.entries) == others:
            filtered.bad("is", "应写明 is 或 not 之一", "give either `is` or `not`")
    if (rows and counted) or (rows and not column):
        keys.bad("sum_of", "应为 明细.金额,且不与 count_of 并用", "must be rows.amount, without count_of")
    if not rows and not counted:
        if filtered is not None:
            keys.bad("where", "只用于 sum_of 或 count_of", "is for sum_of or count_of")
        return None
    return Sum(rows or counted, column, field, values, others)
