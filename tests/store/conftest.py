"""One suite for both back ends: whatever asks for `store` or `settings` runs on each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from gateway.store import SqlStore, StoreSettings
from tests.servers.postgresql import Postgresql
from tests.store.opening import opened
from tests.twisted_runner import run

BACK_ENDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
_schemas = count(1)


@pytest.fixture
def postgresql_settings(postgresql_server: Postgresql) -> StoreSettings:
    """An empty schema of its own."""
    schema = f"store_{next(_schemas)}"
    with psycopg.connect(postgresql_server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return StoreSettings.model_validate({"url": postgresql_server.url(schema)})


@pytest.fixture
def sqlite_settings(tmp_path: Path) -> StoreSettings:
    """In a thread of this process; `test_process.py` runs the same units in a process of their own."""
    return StoreSettings.model_validate({"url": f"sqlite:///{tmp_path}/gateway.db", "writer": "thread"})


@pytest.fixture(params=BACK_ENDS)
def settings(request: pytest.FixtureRequest) -> StoreSettings:
    result: StoreSettings = request.getfixturevalue(f"{request.param}_settings")
    return result


@pytest.fixture
def store(settings: StoreSettings) -> Iterator[SqlStore]:
    store = opened(settings)
    yield store
    run(store.stop())
