"""`/healthz`, `/readyz` and `/metrics`, for orchestrators, load balancers and Prometheus.

    /healthz   the process lives and its event loop turns: restart it where this fails
    /readyz    it can take work now: send it none where this answers 503; says which part and why
    /metrics   Prometheus text format

A handler for `gateway.transports.http`; it knows nothing of the parts but how to ask them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

import msgspec
import structlog
from msgspec import Struct
from twisted.internet.defer import Deferred, TimeoutError, gatherResults

from gateway.engine.observe.metrics import CONTENT_TYPE
from gateway.transports.http.messages import Request, Response

_log = structlog.get_logger()
_JSON: Final = "application/json; charset=utf-8"
_FRESH: Final = (("Cache-Control", "no-store"),)


class Verdict(Struct, frozen=True):
    """How one part is. The words say what is wrong, or what is right, to an operator."""

    ok: bool
    zh: str
    en: str


Probe: TypeAlias = Callable[[], "Verdict | Awaitable[Verdict]"]


class Timers(Protocol):
    """The part of Twisted's reactor that is used."""

    def seconds(self) -> float: ...
    def callLater(self, delay: float, call: Callable[..., Any], *args: Any) -> Any: ...  # noqa: N802  Twisted's name


class LoopWatch:
    """Measures how late the event loop comes to its calls: a stuck loop is a gateway that answers nobody."""

    def __init__(self, timers: Timers, interval: float = 0.5) -> None:
        self._timers = timers
        self._interval = interval
        self._expected = 0.0
        self._call: Any = None
        self.lag = 0.0  #: seconds, at the last look

    def start(self) -> None:
        """Begins to look."""
        self._expected = self._timers.seconds() + self._interval
        self._call = self._timers.callLater(self._interval, self._look)

    def stop(self) -> None:
        """Looks no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def now(self) -> float:
        """Seconds the loop is late, also where the next look is overdue."""
        return max(self.lag, self._timers.seconds() - self._expected, 0.0)

    def _look(self) -> None:
        self.lag = max(0.0, self._timers.seconds() - self._expected)
        self.start()


class AdminHandler:
    """Answers the three paths.

    Args:
        parts: name → probe, in the order they are shown. A probe that raises or is too slow is not ready.
        metrics: gives the exposition.
        timers: the reactor.
        loop: watches the event loop.
        optional: parts that are shown, but without which work can be taken all the same.
        timeout: seconds a probe may take.
        longest_lag: seconds of lag from which the loop counts as stuck.
    """

    def __init__(
        self,
        parts: Mapping[str, Probe],
        metrics: Callable[[], bytes],
        timers: Timers,
        loop: LoopWatch,
        *,
        optional: frozenset[str] = frozenset(),
        timeout: float = 2.0,
        longest_lag: float = 5.0,
    ) -> None:
        self._parts = dict(parts)
        self._metrics = metrics
        self._timers = timers
        self._loop = loop
        self._optional = optional
        self._timeout = timeout
        self._longest_lag = longest_lag
        self._ready: bool | None = None

    async def __call__(self, request: Request) -> Response:
        """One request."""
        if request.method not in {"GET", "HEAD"}:
            return Response(405, b"", headers=(("Allow", "GET, HEAD"),))
        if request.path == "/healthz":
            return self._health()
        if request.path == "/readyz":
            return await self._readiness()
        if request.path == "/metrics":
            return Response(200, self._metrics(), CONTENT_TYPE, _FRESH)
        return Response(404, b"/healthz /readyz /metrics\n")

    def _health(self) -> Response:
        lag = self._loop.now()
        alive = lag < self._longest_lag
        return _answer(200 if alive else 503, {"alive": alive, "loop_lag_ms": round(lag * 1000, 1)})

    async def _readiness(self) -> Response:
        names = list(self._parts)
        verdicts = await gatherResults([Deferred.fromCoroutine(self._ask(name)) for name in names])
        ready = all(
            verdict.ok for name, verdict in zip(names, verdicts, strict=True) if name not in self._optional
        )
        self._note(ready, names, verdicts)
        parts = {
            name: {"ok": verdict.ok, "zh": verdict.zh, "en": verdict.en}
            for name, verdict in zip(names, verdicts, strict=True)
        }
        return _answer(200 if ready else 503, {"ready": ready, "parts": parts})

    async def _ask(self, name: str) -> Verdict:
        try:
            given = self._parts[name]()
            if isinstance(given, Verdict):
                return given
            return await _deferred(given).addTimeout(self._timeout, self._timers)  # type: ignore[arg-type]
        except TimeoutError:
            return Verdict(False, f"{self._timeout:g} 秒内没有应答", f"no answer within {self._timeout:g} s")
        except Exception as error:  # a broken probe is an answer too; its text may hold addresses: type only
            return Verdict(
                False, f"检查失败：{type(error).__name__}", f"the check failed: {type(error).__name__}"
            )

    def _note(self, ready: bool, names: list[str], verdicts: list[Verdict]) -> None:
        """A change is worth a line; being asked every second is not."""
        if ready != self._ready:
            missing = [name for name, verdict in zip(names, verdicts, strict=True) if not verdict.ok]
            (_log.info if ready else _log.warning)(
                "health.ready" if ready else "health.not_ready", parts=missing
            )
            self._ready = ready


def _deferred(given: Awaitable[Verdict]) -> Deferred[Verdict]:
    return given if isinstance(given, Deferred) else Deferred.fromCoroutine(_await(given))


async def _await(given: Awaitable[Verdict]) -> Verdict:
    return await given


def _answer(status: int, content: Mapping[str, Any]) -> Response:
    body = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    return Response(status, body, _JSON, _FRESH)
