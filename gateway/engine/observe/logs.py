"""The technical log: structlog's native filtering logger, one redacted JSON line per event, one stream.

Twisted's own log, Python's `logging` and warnings flow into the same stream. Lines are for operators and
machines; what passed the boundary is proved by the audit log, not by these lines.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
import warnings
from collections.abc import Callable, MutableMapping
from typing import Any, Protocol

import structlog

from gateway.contract.privacy import mask_text
from gateway.engine.observe.redact import redact_for_people, render
from gateway.engine.observe.writer import Later, LineWriter

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class LogOptions(Protocol):
    """What `logs` in `gateway.yaml` says."""

    @property
    def level(self) -> str: ...
    @property
    def file(self) -> Any: ...
    @property
    def format(self) -> str: ...


class _Lines:
    """What structlog hands finished lines to; errors are written at once."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer

    def _later(self, line: bytes) -> None:
        self._writer.write(line)

    def _now(self, line: bytes) -> None:
        self._writer.write(line, urgent=True)

    debug = info = warning = msg = _later
    error = critical = exception = fatal = _now


class Logs:
    """The configured log. `stop` writes what waits and lets go of foreign logs."""

    def __init__(self, writer: LineWriter, release: Callable[[], None]) -> None:
        self.writer = writer
        self._release = release

    def reopen(self) -> None:
        """After rotation: goes on in a new file."""
        self.writer.reopen()

    def __call__(self) -> None:
        """The same as `stop`."""
        self.stop()

    def stop(self) -> None:
        """Last act of the process."""
        self._release()
        self.writer.close()


def configure(options: LogOptions, *, later: Later | None = None, capture: bool = True) -> Logs:
    """Sets up the log of this process; call it once, before the first line.

    Args:
        options: level, file and format.
        later: `reactor.callLater`, so that lines are written in pieces; without it each is written at once.
        capture: also take Twisted's log, `logging` and warnings.
    """
    writer = LineWriter(options.file, later)
    level = _LEVELS[options.level]
    structlog.configure(
        processors=[_stamp, _exception, *_renderers(options.format, writer)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(writer),
        cache_logger_on_first_use=True,
    )
    return Logs(writer, _capture(level) if capture else lambda: None)


def _renderers(kind: str, writer: LineWriter) -> list[Any]:
    if kind == "json":
        return [render]
    console = structlog.dev.ConsoleRenderer(colors=writer.terminal, timestamp_key="time", pad_event_to=24)
    return [redact_for_people, lambda *event: f"{console(*event)}\n".encode("utf-8", "replace")]


class _Stamp:
    """Adds level and time, ISO 8601 in UTC to the millisecond. The seconds are formatted once each."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._second = -1
        self._text = ""

    def __call__(
        self, _logger: Any, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        now = self._now()
        second = int(now)
        if second != self._second:
            # Written before the second is: another thread in between formats it again, and no harm is done.
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        moment = f"{self._text}.{int((now - second) * 1000):03d}Z"
        return {"time": moment, "level": method, "event": event.pop("event", ""), **event}


_stamp = _Stamp()


def _exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Turns `exc_info` into masked text."""
    if "exc_info" in event:
        error = _error(event.pop("exc_info"))
        if error is not None:
            event["exception"] = mask_text("".join(traceback.format_exception(error)))
    return event


def _error(given: Any) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return next((part for part in given if isinstance(part, BaseException)), None)
    return sys.exc_info()[1] if given else None


class _FromLogging(logging.Handler):
    """Python's `logging` into our stream."""

    def __init__(self) -> None:
        super().__init__()
        self._log = structlog.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # a wrong format string in a library must not disturb its caller
            text = str(record.msg)
        write = getattr(self._log, record.levelname.lower(), self._log.info)
        write(
            "library",
            logger=record.name,
            text=text,
            **({"exc_info": record.exc_info} if record.exc_info else {}),
        )


def _from_twisted(event: Any) -> None:
    """Twisted's log into our stream. Its events carry a format and, where something failed, a failure."""
    from twisted.logger import formatEvent  # noqa: PLC0415  the command line's short commands need no Twisted

    level = getattr(event.get("log_level"), "name", "info")
    if level in {"debug", "info"}:  # every port that opens and closes: our own lines say what matters
        return
    log = structlog.get_logger()
    failure = event.get("log_failure")
    facts = {} if failure is None else {"exc_info": failure.value}
    namespace = str(event.get("log_namespace", ""))
    write = getattr(
        log, "error" if level == "critical" else level if level != "warn" else "warning", log.info
    )
    write("twisted", logger=namespace, text=formatEvent(event), **facts)


def _capture(level: int) -> Callable[[], None]:
    from twisted.logger import globalLogBeginner, globalLogPublisher  # noqa: PLC0415  as above

    handler = _FromLogging()
    root = logging.getLogger()
    root.addHandler(handler)
    # Libraries are chatty: from them only what asks for attention, unless everything is asked for.
    root.setLevel(logging.DEBUG if level <= logging.DEBUG else logging.WARNING)
    logging.captureWarnings(True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Twisted warns where a log had begun before, as under a test runner
        globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    globalLogPublisher.addObserver(_from_twisted)  # type: ignore[arg-type]  # a zope interface: any callable is one

    def release() -> None:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        globalLogPublisher.removeObserver(_from_twisted)  # type: ignore[arg-type]  # as above

    return release
