"""One stream for everything, one line per event, nothing lost that was handed over."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from twisted.logger import Logger
from twisted.python.failure import Failure

from gateway.engine.observe import logs
from gateway.engine.observe.writer import LineWriter

PERSON = "110101199001010015"


@dataclass
class Options:
    file: Path
    level: str = "info"
    format: str = "json"


@pytest.fixture
def options(tmp_path: Path) -> Iterator[Options]:
    yield Options(tmp_path / "logs" / "gateway.log")
    structlog.reset_defaults()


def _lines(options: Options) -> list[dict[str, Any]]:
    return [json.loads(line) for line in options.file.read_text(encoding="utf-8").splitlines()]


def test_a_line_has_time_level_event_and_what_was_bound(options: Options) -> None:
    configured = logs.configure(options)
    log = structlog.get_logger().bind(partner="p", correlation="c")
    log.info("message.accepted", message="m")
    log.debug("not.shown")
    configured.stop()
    (line,) = _lines(options)
    assert list(line)[:3] == ["time", "level", "event"]
    assert line["time"].endswith("Z")
    assert (line["level"], line["partner"], line["correlation"], line["message"]) == ("info", "p", "c", "m")


def test_exceptions_are_told_and_masked(options: Options) -> None:
    configured = logs.configure(options)
    try:
        raise ValueError(f"bad {PERSON}")
    except ValueError:
        structlog.get_logger().exception("it.failed")
    configured.stop()
    (line,) = _lines(options)
    assert "ValueError: bad 1101**********0015" in line["exception"]
    assert PERSON not in options.file.read_text()


def test_foreign_logs_join_the_stream(options: Options) -> None:
    configured = logs.configure(options)
    logging.getLogger("some.library").warning("connection %s lost", PERSON)
    logging.getLogger("some.library").info("chatter")
    Logger("twisted.test").failure("broken {who}", Failure(ValueError(PERSON)), who=PERSON)
    warnings.warn("old way", DeprecationWarning, stacklevel=1)
    configured.stop()
    Logger("twisted.test").error("after the end")
    lines = _lines(options)
    assert [line["event"] for line in lines] == ["library", "twisted", "library"]
    assert [line["level"] for line in lines] == ["warning", "error", "warning"]
    assert PERSON not in options.file.read_text()


def test_the_console_format_is_redacted_too(options: Options) -> None:
    options.format = "console"
    configured = logs.configure(options, capture=False)
    structlog.get_logger().info("somebody.came", certno=PERSON, text=f"it was {PERSON}")
    configured.stop()
    text = options.file.read_text()
    assert "somebody.came" in text
    assert PERSON not in text


def test_lines_wait_for_each_other_and_errors_do_not(options: Options) -> None:
    calls: list[Any] = []
    configured = logs.configure(options, later=lambda _, call: calls.append(call), capture=False)
    log = structlog.get_logger()
    log.info("one")
    log.info("two")
    assert options.file.read_text() == ""
    assert len(calls) == 1
    calls.pop()()
    assert len(_lines(options)) == 2
    log.info("three")
    log.error("four")
    assert [line["event"] for line in _lines(options)] == ["one", "two", "three", "four"]
    configured.stop()


def test_rotation_goes_on_in_a_new_file(options: Options) -> None:
    configured = logs.configure(options, capture=False)
    structlog.get_logger().info("before")
    options.file.rename(options.file.with_suffix(".1"))
    configured.reopen()
    structlog.get_logger().info("after")
    configured.stop()
    assert [line["event"] for line in _lines(options)] == ["after"]


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    writer = LineWriter(Path("/dev/full"))
    writer.write(b"lost\n")
    assert writer.dropped == 1
