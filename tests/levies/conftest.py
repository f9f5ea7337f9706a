"""The same book on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.levies.settings import LeviesSettings
from gateway.store import SqlStore, StoreSettings
from tests.levies.world import World
from tests.store.conftest import postgresql_settings, settings, sqlite_settings, store  # noqa: F401

Make = Callable[[LeviesSettings], World]


@pytest.fixture
def make(store: SqlStore, settings: StoreSettings, tmp_path: Path) -> Iterator[Make]:  # noqa: F811
    made: list[World] = []

    def make(levies: LeviesSettings) -> World:
        made.append(World(store, settings, tmp_path, levies))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(store: SqlStore, settings: StoreSettings, tmp_path: Path) -> Iterator[World]:  # noqa: F811
    world = World(store, settings, tmp_path)
    yield world
    world.close()
