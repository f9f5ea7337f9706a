"""The load: keep-alive connections that post SOAP uploads, in a process of its own.

`python -m bench.load URL --seconds 10 --connections 32 [--rate 200]` prints one JSON object. Without a rate
every connection sends its next message when it has its answer (closed loop); with one, messages leave on
time whatever the answers do (open loop), so that waiting shows in the latency.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench.messages import Maker

SURVIVE = False  #: a server that goes away is part of the measurement


class Connection(asyncio.Protocol):
    """One keep-alive connection: one request under way at a time."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's shares no base class with it

    def post(self, body: bytes) -> asyncio.Future[int]:
        """Sends one message; the future has the status of the answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self._answer.set_exception(ConnectionResetError())
            return self._answer
        self._transport.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + 4 + length:
            return
        self._buffer = b""
        answer, self._answer = self._answer, None
        answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())


async def connect(url: str, count: int) -> list[Connection]:
    """Opens `count` connections."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: text/xml; charset=utf-8\r\n"
        'SOAPAction: ""\r\nContent-Length: '
    ).encode()
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Connection(head), parts.hostname, parts.port)
        for _ in range(count)
    ]
    return [protocol for _, protocol in made]


async def closed(connections: list[Connection], make: Callable[[], bytes], seconds: float) -> list[float]:
    """Every connection as fast as its answers come; the latencies in seconds, failures as minus one."""
    end = time.perf_counter() + seconds
    latencies: list[float] = []

    async def one(connection: Connection) -> None:
        while time.perf_counter() < end:
            latencies.append(await timed(connection, make()))

    await asyncio.gather(*map(one, connections))
    return latencies


async def paced(
    connections: list[Connection], make: Callable[[], bytes], seconds: float, rate: float
) -> list[float]:
    """`rate` messages a second; latency counts from when a message should have left."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    latencies: list[float] = []

    async def one(due: float) -> None:
        connection = await free.get()
        taken = await timed(connection, make(), due)
        latencies.append(taken)
        free.put_nowait(connection)

    began = time.perf_counter()
    tasks = []
    for n in range(int(rate * seconds)):
        due = began + n / rate
        pause = due - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.ensure_future(one(due)))
    await asyncio.gather(*tasks)
    return latencies


async def timed(connection: Connection, body: bytes, began: float | None = None) -> float:
    """Seconds until a good answer; minus one for any other."""
    began = began or time.perf_counter()
    try:
        status = await connection.post(body)
    except ConnectionResetError:
        if not SURVIVE:
            raise
        await asyncio.sleep(0.2)
        return -1.0
    return time.perf_counter() - began if status in {200, 202} else -1.0


def summary(latencies: list[float], wall: float) -> dict[str, float]:
    """What the bench needs to know of a run."""
    good = sorted(t for t in latencies if t >= 0)
    pick = lambda q: good[min(len(good) - 1, int(len(good) * q))] * 1000 if good else 0.0  # noqa: E731
    return {
        "accepted": len(good),
        "failed": len(latencies) - len(good),
        "accepted_per_s": len(good) / wall,
        "p50_ms": pick(0.5),
        "p99_ms": pick(0.99),
        "max_ms": good[-1] * 1000 if good else 0.0,
    }


async def main() -> None:
    """Parses the arguments, runs, prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--series", default="0")
    parser.add_argument("--survive", action="store_true", help="end quietly when the server goes away")
    parser.add_argument("--wait", action="store_true", help="requests that wait for the reply")
    options = parser.parse_args()
    globals()["SURVIVE"] = options.survive
    maker = Maker(options.series, wait=options.wait)
    connections = await connect(options.url, options.connections)
    began = time.perf_counter()
    if options.rate:
        latencies = await paced(connections, maker.next, options.seconds, options.rate)
    else:
        latencies = await closed(connections, maker.next, options.seconds)
    print(json.dumps(summary(latencies, time.perf_counter() - began)))


if __name__ == "__main__":
    uvloop.run(main())
