"""Partners of the test's own, closed at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.bank.rig import Rig, rig

#: Makes a partner with a profile; see `rig`.
Partner = Callable[..., Rig]


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Partner]:
    made: list[Rig] = []

    def partner(profile: str | Path = "shipped:ybdf", **facts: Any) -> Rig:
        made.append(rig(tmp_path, profile, **facts))
        return made[-1]

    yield partner
    for one in made:
        one.close()
