"""`feed`: what goes to systems of the house, and what waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, fail, print_json, say, table

if TYPE_CHECKING:
    from gateway.engine.config import Configuration
    from gateway.engine.config_feeds import FeedSettings

app = typer.Typer(
    help="馈送：向内部系统发布的报文。 / Feeds: what is published to systems of the house.",
    no_args_is_help=True,
)


@app.command("list")
def list_feeds(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """已配置的馈送。 / The configured feeds."""
    from gateway.engine.config import load  # noqa: PLC0415

    gateway = load(config).gateway
    rows = [
        (f.name, gateway.bus.feed_queue_of(f.name), "、".join(f.types), f.source, _closed(f))
        for f in gateway.feeds
    ]
    if as_json:
        names = ("name", "queue", "types", "from", "closed")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    table(("名称 name", "队列 queue name", "类型 types", "来源 from", "加密 closed"), rows)


@app.command()
def peek(
    name: Annotated[str, typer.Argument(help="馈送名称 / name of the feed")],
    count: Annotated[int, typer.Option(min=1, max=100, help="最多条数 / at most")] = 5,
    timeout: Annotated[float, typer.Option(min=0.1, max=60, help="秒 / seconds to wait")] = 3.0,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """看队列中最前面的报文，不取走。 / Look at the first messages that wait, without taking them.

    内容脱敏。用于核对密钥与格式；消费方正在读取时看到的是其余部分。

    Content is masked. To check key and format; while a consumer reads, one sees what it has not got.
    """
    from gateway.cli.feed_peek import waiting  # noqa: PLC0415
    from gateway.engine.config import load  # noqa: PLC0415

    configuration = load(config)
    found = waiting(configuration, _the_feed(configuration, name), count, timeout)
    if as_json:
        print_json(found)
        return
    for item in found:
        print_json(item)
    say(f"{len(found)} 条", f"{len(found)} seen; all of them are still there")


def _the_feed(configuration: Configuration, name: str) -> FeedSettings:
    for feed in configuration.gateway.feeds:
        if feed.name == name:
            return feed
    known = "、".join(feed.name for feed in configuration.gateway.feeds) or "无 / none"
    raise fail(Exit.PROBLEM, f"没有馈送 {name}；已配置：{known}", f"no feed {name}; configured: {known}")


def _closed(feed: Any) -> str:
    return "明文 in the clear" if feed.clear else "AES-256-GCM"
