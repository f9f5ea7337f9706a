"""PostgreSQL: killed, restarted, cut off in the middle of a COMMIT, shared by processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from twisted.internet.defer import DeferredList, gatherResults
from twisted.internet.threads import deferToThread

from gateway.contract import ConfigError, Unavailable
from gateway.store import FateUnknown, SqlStore, StoreSettings
from gateway.store.api import Existing
from tests.servers.postgresql import Postgresql
from tests.store.opening import opened, started
from tests.store.samples import accept, advance
from tests.twisted_runner import run, sleep

pytestmark = pytest.mark.postgresql


@pytest.fixture
def settings(postgresql_settings: StoreSettings) -> StoreSettings:
    return postgresql_settings.model_copy(update={"busy_timeout": 0.5})


async def test_killed_and_restarted(store: SqlStore, postgresql_server: Postgresql) -> None:
    before, during, after = accept(), accept(), accept()
    await store.commit(before)
    await deferToThread(postgresql_server.kill)
    with pytest.raises(Unavailable):
        await store.commit(during)
    with pytest.raises(Unavailable):
        await store.message(before.message.id)
    await deferToThread(postgresql_server.start)
    assert await store.commit(after) is None
    assert await store.message(before.message.id) == before.message
    assert await store.message(during.message.id) is None


async def test_a_restart_while_idle_is_not_even_noticed(
    store: SqlStore, postgresql_server: Postgresql
) -> None:
    await deferToThread(postgresql_server.restart)
    assert await store.commit(accept()) is None


async def test_killed_under_load_what_is_told_is_true(store: SqlStore, postgresql_server: Postgresql) -> None:
    restarting = deferToThread(postgresql_server.restart)
    units = []
    results: list[Any] = []
    for _ in range(40):
        group = [accept(raw=bytes(3000)) for _ in range(20)]
        units += group
        results += await DeferredList([store.commit(unit) for unit in group], consumeErrors=True)
        await sleep(0.02)
    await restarting
    for (told, _), unit in zip(results, units, strict=True):
        assert (await store.message(unit.message.id) is not None) == told


async def test_a_row_locked_for_long(store: SqlStore, settings: StoreSettings) -> None:
    unit = accept()
    await store.commit(unit)
    id_ = unit.deliveries[0].id
    with psycopg.connect(settings.url.get_secret_value()) as other:
        other.execute("SELECT 1 FROM deliveries WHERE id = %s FOR UPDATE", (id_,))
        with pytest.raises(Unavailable, match="55P03"):
            await store.commit(advance(id_, "pending", "sending"))
    assert await store.commit(advance(id_, "pending", "sending"))


async def test_two_processes_one_winner(settings: StoreSettings) -> None:
    stores = [await started(settings) for _ in range(2)]
    units = [accept(partner_message_id=f"P{n}") for n in range(60)]
    again = [accept(partner_message_id=f"P{n}") for n in reversed(range(60))]
    won = await gatherResults(
        [stores[0].commit(unit) for unit in units] + [stores[1].commit(unit) for unit in again]
    )
    assert sum(result is None for result in won) == 60
    assert sum(isinstance(result, Existing) for result in won) == 60
    rows = await stores[0].owed(9_999, 1000)
    steps = [advance(row.id, "pending", "sending") for row, _ in rows]
    taken = await gatherResults(
        [stores[0].commit(step) for step in steps] + [stores[1].commit(step) for step in reversed(steps)]
    )
    assert sum(taken) == 60
    assert await stores[1].counts() == {("fund-1", "sending"): 60}
    await gatherResults([store.stop() for store in stores])


def test_a_server_that_is_not_there() -> None:
    settings = StoreSettings.model_validate({"url": "postgresql://me:secret@127.0.0.1:9/none"})
    with pytest.raises(ConfigError) as caught:
        opened(settings)
    assert "secret" not in caught.value.en + caught.value.zh


class Cutter:
    """Stands between the store and the server, and cuts the line at the next COMMIT: before or after it."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.deliver = True  #: whether the server still gets the COMMIT
        self.armed = False
        self.closed = False
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.closed:
                client.close()
                continue
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._forth, args=(client, server), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client), daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        while data := _receive(client):
            if self.armed and b"COMMIT" in data:
                self.armed = False
                client.shutdown(socket.SHUT_RDWR)
                if self.deliver:
                    server.sendall(data)
                    threading.Event().wait(0.2)
                break
            server.sendall(data)
        server.close()

    def _pump(self, server: socket.socket, client: socket.socket) -> None:
        while data := _receive(server):
            try:
                client.sendall(data)
            except OSError:
                return
        client.close()

    def close(self) -> None:
        self._listener.close()


def _receive(line: socket.socket) -> bytes:
    try:
        return line.recv(65536)
    except OSError:
        return b""


@pytest.fixture
def cutter(settings: StoreSettings) -> Iterator[Cutter]:
    cutter = Cutter(port_of(settings))
    yield cutter
    cutter.close()


def port_of(settings: StoreSettings) -> int:
    port = urlsplit(settings.url.get_secret_value()).port
    assert port is not None
    return port


def through(cutter: Cutter, settings: StoreSettings) -> StoreSettings:
    url, port = settings.url.get_secret_value(), port_of(settings)
    return settings.model_validate(
        {"url": url.replace(f":{port}/", f":{cutter.port}/") + "&sslmode=disable", "busy_timeout": 0.5}
    )


@pytest.mark.parametrize("deliver", [True, False])
async def test_a_commit_without_an_answer(cutter: Cutter, settings: StoreSettings, deliver: bool) -> None:
    store = await started(through(cutter, settings))
    unit = accept()
    await store.commit(accept())
    cutter.deliver, cutter.armed = deliver, True
    if deliver:
        assert await store.commit(unit) is None
    else:
        with pytest.raises(Unavailable):
            await store.commit(unit)
    assert (await store.message(unit.message.id) is not None) == deliver
    assert await store.commit(accept()) is None
    await store.stop()


async def test_no_answer_and_nobody_to_ask(cutter: Cutter, settings: StoreSettings) -> None:
    store = await started(through(cutter, settings))
    cutter.armed = cutter.closed = True
    waiting = store.commit(accept())
    await sleep(0.5)
    assert not waiting.called  # nobody may say yet that nothing was committed
    with pytest.raises(Unavailable):
        await store.commit(accept())
    stopping = store.stop()
    with pytest.raises(FateUnknown):
        await waiting
    await stopping


def test_the_server_dies_with_the_tests() -> None:
    program = (
        "import os, sys; from tests.servers.postgresql import Postgresql; s = Postgresql(); s.start();"
        "print(s._server.pid, s._folder, flush=True); os.kill(os.getpid(), 9)"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    pid, folder = child.stdout.split()

    def gone() -> bool:
        return not Path(f"/proc/{pid}").exists() and not Path(folder).exists()

    for _ in range(300):
        if gone():
            break
        run(sleep(0.1))
    assert gone()
