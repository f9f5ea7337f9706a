"""Checks a mapping by its laws. Needs hypothesis, so nothing that runs in production imports it.

The laws, for every value the canonical schema and the mapping allow:

* `decode(encode(value)) == value`
* `encode(decode(data)) == data` for data in the mapping's normal form, which is what `encode` writes
* bytes that are damaged are refused with `MappingError`, or are read as something with the same two laws
"""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mappings.checks import Checks
from mappings.errors import MappingError
from mappings.mapping import Mapping
from mappings.samples import (
    LawBroken,
    canonical_json,
    check_sample,
    check_samples,
    elsewhere,
    envelope,
    round_trip,
    samples,
)
from mappings.values import kept_values, numbered, struct_values, totalled

__all__ = [
    "LawBroken",
    "canonical_json",
    "check_hostile",
    "check_laws",
    "check_sample",
    "check_samples",
    "elsewhere",
    "envelope",
    "round_trip",
    "samples",
    "strategy",
]


def strategy(mapping: Mapping) -> st.SearchStrategy[Any]:
    """Canonical bodies that the mapping can say, its totals included."""
    plan = mapping.plan
    fixed: dict[str, st.SearchStrategy[Any]] = {name: st.just(value) for name, value in plan.assumed.items()}
    if plan.keep:
        fixed[plan.keep] = kept_values(plan.document)
    values = struct_values(plan.struct, plan.items, mapping.codec, fixed, complete=not plan.decodes)
    checks = Checks(plan)
    return values.map(lambda body: totalled(numbered(body, checks.ascending), plan.totals))


def check_laws(mapping: Mapping, examples: int = 40, *, shrink: bool = True) -> None:
    """Both round trips over generated bodies.

    Args:
        shrink: looks for the smallest body that breaks a law, which may take a minute.

    Raises:
        LawBroken: with the body that breaks one.
    """

    phases = tuple(Phase) if shrink else (Phase.explicit, Phase.generate)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=phases,
    )
    @given(strategy(mapping))
    def laws(body: Any) -> None:
        if mapping.direction == "decode":
            return
        try:
            round_trip(mapping, body)
        except MappingError as error:
            raise LawBroken(f"{mapping.name}: refuses what it should say: {error}\n{body}") from error

    laws()


def check_hostile(mapping: Mapping, data: bytes, body: Any, examples: int = 200) -> None:
    """Damages `data` at random: whatever comes must be refused, or read as something with the laws.

    Raises:
        LawBroken: a damaged message was read as something that does not keep them.
    """
    given_elsewhere = elsewhere(mapping, body)

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.integers(0, len(data) - 1), st.integers(0, 12), st.binary(max_size=8))
    def damage(start: int, cut: int, put: bytes) -> None:
        with contextlib.suppress(MappingError):
            found = mapping.decode(data[:start] + put + data[start + cut :], **given_elsewhere)
            round_trip(mapping, found)

    damage()
