"""What load balancers and orchestrators are told."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gateway.engine.observe.health import AdminHandler, LoopWatch, Probe, Verdict
from gateway.transports.http.messages import Headers, Request, Response

GOOD = Verdict(True, "正常", "fine")


def _request(path: str, method: str = "GET") -> Request:
    return Request(method=method, path=path, query="", headers=Headers({}), body=b"")


def _ask(path: str, clock: Clock | None = None, method: str = "GET", **parts: Probe) -> Deferred[Response]:
    clock = clock or Clock()
    handler = AdminHandler(parts, lambda: b"# metrics\n", clock, LoopWatch(clock))
    return Deferred.fromCoroutine(handler(_request(path, method)))


def _now(answer: Deferred[Response]) -> tuple[int, Any]:
    response: Any = answer.result
    return response.status, json.loads(response.body)


def test_ready_when_every_part_is() -> None:
    later: Deferred[Verdict] = Deferred()
    answer = _ask("/readyz", store=lambda: GOOD, bus=lambda: later)
    assert not answer.called
    later.callback(GOOD)
    assert _now(answer) == (
        200,
        {
            "ready": True,
            "parts": {
                "store": {"ok": True, "zh": "正常", "en": "fine"},
                "bus": {"ok": True, "zh": "正常", "en": "fine"},
            },
        },
    )


def test_not_ready_says_which_part_and_why() -> None:
    status, content = _now(_ask("/readyz", store=lambda: GOOD, bus=lambda: Verdict(False, "断开", "down")))
    assert status == 503
    assert content["parts"]["bus"] == {"ok": False, "zh": "断开", "en": "down"}
    assert content["parts"]["store"]["ok"]


def test_a_probe_that_fails_or_hangs_is_not_ready() -> None:
    async def broken() -> Verdict:
        raise OSError("secret address")

    clock = Clock()
    answer = _ask("/readyz", clock, a=broken, b=Deferred)
    clock.advance(2.1)
    status, content = _now(answer)
    assert status == 503
    assert "OSError" in content["parts"]["a"]["en"]
    assert "no answer" in content["parts"]["b"]["en"]
    assert "secret" not in json.dumps(content)


def test_alive_while_the_loop_turns() -> None:
    clock = Clock()
    watch = LoopWatch(clock)
    watch.start()
    handler = AdminHandler({}, lambda: b"", clock, watch)
    clock.advance(0.5)
    assert _now(Deferred.fromCoroutine(handler(_request("/healthz")))) == (
        200,
        {"alive": True, "loop_lag_ms": 0.0},
    )
    clock.rightNow += 8  # nothing was called meanwhile
    status, content = _now(Deferred.fromCoroutine(handler(_request("/healthz"))))
    assert status == 503
    assert content["loop_lag_ms"] >= 7000
    clock.advance(0)
    clock.advance(0.5)
    assert watch.now() == 0
    watch.stop()
    assert not clock.getDelayedCalls()


def test_metrics_and_everything_else() -> None:
    metrics: Any = _ask("/metrics").result
    assert (metrics.status, metrics.body) == (200, b"# metrics\n")
    assert metrics.content_type.startswith("text/plain; version=")
    other: Any = _ask("/other").result
    assert other.status == 404
    post: Any = _ask("/readyz", method="POST").result
    assert post.status == 405


async def test_over_http() -> None:
    """The handler behind the real server."""
    from twisted.internet import reactor

    from gateway.transports.http.client import HttpClient
    from gateway.transports.http.listeners import Listeners

    timers: Any = reactor
    watch = LoopWatch(timers)
    watch.start()
    listeners = Listeners(reactor)
    mount = await listeners.mount(
        "127.0.0.1:0", "/", AdminHandler({"a": lambda: GOOD}, lambda: b"", timers, watch)
    )
    client = HttpClient(reactor=timers)
    answer = await client.request("GET", f"http://127.0.0.1:{mount.port}/readyz")
    assert answer.status == 200
    assert json.loads(answer.body)["ready"] is True
    client.close()
    watch.stop()
    await listeners.close()
