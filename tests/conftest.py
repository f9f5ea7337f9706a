"""Plain `async def test_...` functions run on the reactor; nothing needs to be marked.

A test that needs longer than the default says so with a module-level `TIMEOUT = seconds`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from tests import twisted_runner
from tests.servers.postgresql import Postgresql


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run coroutine test functions on the reactor; leave all others to pytest."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in wanted if name in pyfuncitem.funcargs}
    twisted_runner.run(pyfuncitem.obj(**arguments), timeout=getattr(pyfuncitem.module, "TIMEOUT", 120.0))
    return True


def pytest_sessionfinish() -> None:
    twisted_runner.shut_down()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Postgresql]:
    """One PostgreSQL for the whole session; each test takes a schema of its own in it."""
    server = Postgresql()
    try:
        server.start()
        yield server
    finally:
        server.remove()
