"""What is checked of a whole body: totals, control totals, numbers that must ascend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Any, TypeAlias

from gateway.canonical.money import fen_to_yuan
from mappings.definition import Total
from mappings.errors import Refused
from mappings.lenses_numbers import SequenceLens
from mappings.plan import Item, Leaf, Plan, Repeat, leaves, rows
from mappings.report import Report, Where
from mappings.sums import Sum

#: What the rows of a body add up to.
Tally: TypeAlias = dict[Sum, int]

TAKEN = Refused("assumed", "此格式不能表示该字段的值", "the format cannot say this value")
MISCOUNTED = Refused("sequence", "应为本行的序号", "must be the number of its row")
UNKNOWN = Refused("total", "有被拒绝的行,合计无法核对", "cannot be checked, since rows were refused")
UNORDERED = Refused("sequence", "序号应唯一且递增", "must be unique and ascending")


class Checks:
    """The checks of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.totals = plan.totals
        self.elsewhere = plan.elsewhere
        self.taken = tuple((name, value) for name, value in plan.assumed.items() if name not in plan.lost)
        self.groups = tuple(group for _, group in rows(plan.items) if group.assumed)
        self.ascending = tuple(_ascending(plan.items))
        self.controls = tuple(_controls(plan.items))
        self._labels = {x.attr: x for x in leaves(plan.items) if x.canonical == x.attr}
        named = [*(total.sum for total in plan.totals), *(sum_ for _, sum_ in self.controls)]
        present = [Sum(t.sum.rows) for t in plan.totals if t.sum is not None and t.when_present]
        #: What the rows have to be added up for.
        self.sums = tuple(dict.fromkeys(s for s in (*named, *present) if s is not None))

    def tally(self, body: Any) -> Tally:
        return {sum_: sum_.of(getattr(body, sum_.rows)) for sum_ in self.sums}

    def supplied(self, elsewhere: dict[str, Any], report: Report) -> None:
        """Whether these values from elsewhere are those the mapping takes.

        Raises:
            TypeError: one is missing, or is none of them; the caller's error.
        """
        for name, target in self.elsewhere.items():
            if name in elsewhere:
                try:
                    target.check(elsewhere[name])
                except Refused as no:
                    report.body(name, no.rule, no.zh, no.en)
            elif target.required:
                raise TypeError(f"{report.mapping} needs {name} from elsewhere")
        if not elsewhere.keys() <= self.elsewhere.keys():
            raise TypeError(f"{report.mapping} takes from elsewhere only {', '.join(self.elsewhere)}")

    def assumed(self, body: Any, report: Report) -> None:
        """Whether the fields the format has not are as it takes them to be: it cannot write any other value."""
        for name, value in self.taken:
            if getattr(body, name) != value:
                report.body(name, TAKEN.rule, TAKEN.zh, TAKEN.en)

    def body(self, body: Any, tally: Tally, report: Report, unknown: Set[Sum] = frozenset()) -> None:
        """The totals of a body; its rows may be gone already, since `tally` says what they added up to.

        Args:
            unknown: sums that nobody knows, since rows were refused; a total that depends on them does not hold.
        """
        for total in self.totals:
            if total.sum in unknown:
                report.body(total.field, UNKNOWN.rule, UNKNOWN.zh, UNKNOWN.en)
            else:
                self._total(total, body, tally, report)
        for leaf, found in report.controls:
            if leaf.sum is None or leaf.sum in unknown:
                report.refused(leaf, None, UNKNOWN, "")
                continue
            _compare(leaf, found, tally[leaf.sum], report, None)

    def rows_assumed(self, group: Repeat, rows: Iterable[Any], start: int, report: Report) -> None:
        """As `assumed`, for rows that begin with this number."""
        for name, value in group.assumed.items():
            for i, row in enumerate(rows, start):
                if getattr(row, name) != value:
                    report.body(f"{group.attr}[{i}].{name}", TAKEN.rule, TAKEN.zh, TAKEN.en)

    def rows(self, body: Any, report: Report) -> None:
        """Whether rows are as the format takes them to be, and numbers that must ascend do."""
        for group in self.groups:
            self.rows_assumed(group, getattr(body, group.attr), 0, report)
        for repeat, leaf in self.ascending:
            last = 0
            for i, row in enumerate(getattr(body, repeat.attr)):
                number = getattr(row, leaf.attr)
                if number is not None and int(number) <= last:
                    report.refused(leaf, (None, repeat, i), UNORDERED, number)
                last = max(last, int(number or 0))

    def written(self, tally: Tally) -> dict[str, int]:
        """The values of the control totals, as writers look for them."""
        return {leaf.path: tally[sum_] for leaf, sum_ in self.controls}

    def _total(self, total: Total, body: Any, tally: Tally, report: Report) -> None:
        found = getattr(body, total.field)
        if total.sum is None:
            rule, of = "total", " + ".join(total.equals)
            parts = [part for name in total.equals if (part := getattr(body, name)) is not None]
            if total.when_present and not parts:
                return
            expected = sum(parts)
        else:
            rule, of, expected = total.sum.rule, str(total.sum), tally[total.sum]
            if total.when_present and not tally[Sum(total.sum.rows)]:
                return
        if found != expected:
            no = _mismatch(rule, of, found, expected)
            leaf = self._labels.get(total.field)
            place = (leaf.path, leaf.name) if leaf else ("", "")
            report.body(total.field, no.rule, no.zh, no.en, *place)


def control(leaf: Leaf, found: int | None, rows: tuple[Any, ...], report: Report, where: Where) -> None:
    """Checks a control total that stands in a row, of the rows within it."""
    assert leaf.sum is not None
    _compare(leaf, found, leaf.sum.of(rows), report, where)


def _compare(leaf: Leaf, found: int | None, expected: int, report: Report, where: Where) -> None:
    if found is not None and found != expected and leaf.sum is not None:
        report.refused(leaf, where, _mismatch(leaf.sum.rule, str(leaf.sum), found, expected), "")


def _controls(items: list[Item]) -> Iterator[tuple[Leaf, Sum]]:
    """Those outside of rows."""
    for item in items:
        if isinstance(item, Leaf):
            if item.role == "control" and item.sum is not None:
                yield item, item.sum
        elif not isinstance(item, Repeat):
            yield from _controls(item.items)


def _mismatch(rule: str, of: str, found: int | None, expected: int) -> Refused:
    if rule == "count":
        return Refused(
            rule,
            f"笔数不符:{found},应等于 {of} = {expected}",
            f"count {found} differs from {of} = {expected}",
        )
    yuan, sums = fen_to_yuan(found or 0), fen_to_yuan(expected)
    return Refused(
        rule, f"合计不符:{yuan} 元,应等于 {of} = {sums} 元", f"total {yuan} differs from {of} = {sums}"
    )


def _ascending(items: list[Item]) -> Iterator[tuple[Repeat, Leaf]]:
    """Numbers of rows that have a canonical field of their own."""
    for item in items:
        if isinstance(item, Repeat):
            inner = (leaf for leaf in leaves(item.items) if leaf.role == "field")
            yield from ((item, leaf) for leaf in inner if isinstance(leaf.lens, SequenceLens))
        elif not isinstance(item, Leaf):
            yield from _ascending(item.items)
