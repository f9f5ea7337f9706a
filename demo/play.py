"""`gateway demo`: sets the stage, plays the day, shows the book, and keeps serving until Ctrl-C."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from gateway.transports.process import install_reactor

FOLDER = Path("var/demo")
_USUAL_BROKER = "amqp://guest:guest@127.0.0.1:5672/"


def run(*, once: bool, bus: str) -> int:
    """Plays the day; 0 only if every promise was checked and kept."""
    reactor = install_reactor()
    from twisted.internet.defer import Deferred  # noqa: PLC0415 - after the reactor was chosen
    from twisted.python.failure import Failure  # noqa: PLC0415

    from demo.book import Book  # noqa: PLC0415
    from demo.stage import Stage  # noqa: PLC0415

    book = Book()
    broker, kind, amqp = _choose(bus, book)
    queues = _queues(amqp, book)
    stage = Stage(FOLDER, bus=kind, amqp=amqp)
    code = 1

    async def play() -> None:
        nonlocal code
        await _play(stage, book, reactor, queues.url)
        code = 0 if book.kept else 1
        if not once:
            _invite(book, stage)
            await Deferred()

    def end(result: Any) -> None:
        if isinstance(result, Failure):
            book.console.print(f"[red]{result.getTraceback()}[/]")
        if reactor.running:
            reactor.stop()

    try:
        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(play()).addBoth(end))
        reactor.run()
    finally:
        stage.stop()
        for one in (broker, queues.broker):
            if one is not None:
                one.stop()
    return code


async def _play(stage: Any, book: Any, reactor: Any, queues: str) -> None:
    """The whole day, on a stage that is set for it; `queues` is the address of a queue manager, or empty."""
    from twisted.internet.threads import deferToThread  # noqa: PLC0415 - after the reactor was chosen

    from demo.bank import Banks  # noqa: PLC0415
    from demo.collecting import PEOPLE  # noqa: PLC0415
    from demo.day import Day  # noqa: PLC0415
    from demo.desk import admit  # noqa: PLC0415
    from demo.joined import Joined  # noqa: PLC0415
    from demo.network import Network  # noqa: PLC0415
    from demo.wards import Wards  # noqa: PLC0415

    stage.prepare(usual_ports=True)
    agencies = Joined(stage, reactor)
    wards = Wards(stage, reactor)
    banks = Banks(stage, reactor)
    network = Network(stage, queues, PEOPLE) if queues else None
    stage.start_platform()
    agencies.start()
    wards.start()
    await banks.start()
    if network is not None:
        network.start()
    stage.start_gateway()
    await deferToThread(admit, stage)
    stage.start_console(wait=False)
    await Day(stage, book, reactor, agencies, wards, banks, network).play()
    book.close()


def _choose(bus: str, book: Any) -> tuple[Any, str, str]:
    """Says in one line what is used: the broker that answers, one of our own, or the embedded bus."""
    from gateway.bus import answers  # noqa: PLC0415

    url = os.environ.get("TONGQU_AMQP", _USUAL_BROKER)
    if bus == "rabbitmq":
        from gateway.bus.private_broker import PrivateBroker  # noqa: PLC0415

        broker = PrivateBroker(FOLDER.parent / "demo-broker")
        broker.start()
        book.console.print("使用：自启的 RabbitMQ + SQLite  [dim]a RabbitMQ of our own, SQLite[/]")
        return broker, "rabbitmq", broker.url
    if bus == "auto" and answers(url):
        book.console.print("使用：本机的 RabbitMQ + SQLite  [dim]the RabbitMQ on this machine, SQLite[/]")
        return None, "rabbitmq", url
    book.console.print("使用：内置总线 + SQLite  [dim]the embedded bus, SQLite[/]")
    return None, "embedded", ""


class _Queues(NamedTuple):
    """The queue manager of a partner that speaks by queues."""

    broker: Any  #: ours to stop; None where it is another's
    url: str  #: empty: there is none


def _queues(amqp: str, book: Any) -> _Queues:
    """The broker of the bus has room for a partner's queues; else one of our own, where RabbitMQ is installed."""
    from gateway.bus.private_broker import PrivateBroker, installed  # noqa: PLC0415

    if amqp:
        return _Queues(None, amqp)
    if not installed():
        book.console.print(
            "财税库银的场景需要 RabbitMQ（scripts/install-rabbitmq），此次略过"
            "  [dim]no RabbitMQ here: the scenes of the treasury network are left out[/]"
        )
        return _Queues(None, "")
    broker = PrivateBroker(FOLDER.parent / "demo-queues")
    broker.start()
    return _Queues(broker, broker.url)


def _invite(book: Any, stage: Any) -> None:
    """What a visitor can do now."""
    from demo.desk import invitation  # noqa: PLC0415
    from demo.stage import COMMAND  # noqa: PLC0415

    admin = f"http://127.0.0.1:{stage.ports['admin']}"
    config = stage.config.relative_to(Path.cwd()) if stage.config.is_relative_to(Path.cwd()) else stage.config
    for line in (
        "",
        "[bold]仍在服务，Ctrl-C 结束。[/] Still serving; Ctrl-C ends it. 可以试试 / things to try:",
        f"  {COMMAND} message find --config {config}",
        f"  {COMMAND} message show <id> --config {config}",
        f"  {COMMAND} message work --config {config}",
        f"  {COMMAND} partner test province --config {config}",
        f"  {COMMAND} batch list --config {config}",
        f"  {COMMAND} payment differences --config {config}",
        f"  curl {admin}/readyz      curl {admin}/metrics",
        f"  WSDL: {stage.url}?wsdl",
        f"  日志 log: {stage.folder / 'gateway.log'}",
    ):
        book.console.print(line)
    book.console.print(invitation(stage))
