"""`run`, `demo`, `version`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, say


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(run)
    app.command()(demo)
    app.command()(version)


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """运行网关。 / Run the gateway.

    直到 Ctrl-C 或 SIGTERM；收到后先办完手头的事再退出。

    Until Ctrl-C or SIGTERM; it finishes what is under way first.

    配置有误则不启动，逐条说明，退出码 1。 / With a wrong configuration it does not start and exits 1.
    """
    _import_structlog_alone()
    from gateway.engine import process  # noqa: PLC0415  brings the whole engine

    raise typer.Exit(process.run(config))


def _import_structlog_alone() -> None:
    """Without rich, which structlog takes along where it finds it: colours for tracebacks, 4 MB that a service
    which runs for months never uses."""
    import sys  # noqa: PLC0415

    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # the documented way to say "there is none"
    import structlog  # noqa: F401, PLC0415

    del sys.modules["rich"]


def demo(
    once: Annotated[bool, typer.Option("--once", help="演示完即退出 / end after the working day")] = False,
    bus: Annotated[
        str,
        typer.Option(
            help="auto：有 RabbitMQ 则用，否则内置 / auto: RabbitMQ where it answers; embedded; rabbitmq",
            metavar="auto|embedded|rabbitmq",
        ),
    ] = "auto",
) -> None:
    """演示一个工作日。 / Play a working day.

    启动网关与模拟的医院、省平台，逐步说明，最后核对；数据在 var/demo。

    Starts the gateway and simulated partners, explains every step and checks the end; data in var/demo.

    --once 时仅当每项承诺都核实才以 0 退出。 / With --once, exits 0 only if every promise was checked and kept.
    """
    if bus not in {"auto", "embedded", "rabbitmq"}:
        raise typer.BadParameter("auto, embedded, rabbitmq", param_hint="--bus")
    from demo import play  # noqa: PLC0415  in the source tree, not in the installed package

    raise typer.Exit(play.run(once=once, bus=bus))


def version(as_json: JsonOption = False) -> None:
    """显示版本。 / Show the version."""
    import platform  # noqa: PLC0415

    from gateway import __version__  # noqa: PLC0415
    from gateway.contract import CONTRACT_VERSION  # noqa: PLC0415

    facts = {"gateway": __version__, "contract": CONTRACT_VERSION, "python": platform.python_version()}
    if as_json:
        print_json(facts)
    else:
        say(f"通衢 gateway {__version__}（适配器接口 contract {CONTRACT_VERSION}，Python {facts['python']}）")
