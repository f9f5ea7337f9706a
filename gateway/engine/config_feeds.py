"""Feeds in `gateway.yaml`: what goes to systems of the house, and how it is closed for them."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StringConstraints, model_validator

from gateway.bus.settings import BusSettings
from gateway.canonical import BODIES
from gateway.canonical.splitting import record_type
from gateway.contract import ConfigError, Operation, Settings
from gateway.engine.config_problem import Place
from gateway.engine.config_yaml import Document
from gateway.engine.feed import FeedOf
from gateway.engine.feed_seal import FeedKey
from gateway.engine.feed_windows import MESSAGES
from gateway.engine.house import feed_target

#: A window, and as much again for everything else that goes out meanwhile.
_LEAST_UNCONFIRMED: Final = 2 * MESSAGES

_Glob = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.*?\[\]!_-]+$")]


class FeedSettings(Settings):
    """One consumer of the house: a durable queue `gateway.feed.<name>` on the bus."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
    types: tuple[_Glob, ...] = Field(
        min_length=1,
        description="报文类型，可用 *；成批文件的明细类型表示逐笔发布 / message types, with globs; the type of a file's"
        " records means one message per record",
        examples=[["payment.item.*"]],
    )
    source: _Glob = Field(
        default="*", alias="from", description="来源伙伴，可用 * / sending partner, with globs"
    )
    key_file: Path | None = Field(
        default=None, description="加密密钥文件，与消费方共有 / the key that the consumer shares"
    )
    clear: bool = Field(
        default=False,
        description="明文发布：能读队列者即能读个人信息 / unencrypted: whoever reads the queue reads it",
    )
    max_waiting: Annotated[int, Field(ge=1)] = Field(
        default=1_000_000,
        description="队列中最多等待的报文数，超过则暂停发布 / messages that may wait in the queue; beyond that publishing pauses",
    )
    in_flight: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=16, description="同时发布的报文数；文件逐个发布 / messages under way; files go one at a time"
    )

    @model_validator(mode="after")
    def _closed_or_said_to_be_open(self) -> FeedSettings:
        if (self.key_file is None) != self.clear:
            raise ValueError("key_file 与 clear: true 二选一 / either key_file or clear: true")
        return self

    @property
    def target(self) -> str:
        """Its name among the receivers of messages."""
        return feed_target(self.name)

    def of(self, bus: BusSettings) -> FeedOf:
        """As the engine takes it."""
        return FeedOf(
            name=self.name,
            queue=bus.feed_queue_of(self.name),
            types=self.types,
            max_waiting=self.max_waiting,
        )


def operations(feeds: tuple[FeedSettings, ...], bus: BusSettings) -> dict[str, tuple[Operation, ...]]:
    """What each feed takes, by its name as a target."""
    return {feed.target: feed.of(bus).operations() for feed in feeds}


def examine(document: Document, feeds: tuple[FeedSettings, ...], bus: BusSettings) -> None:
    """Adds what is wrong with feeds beyond their declaration."""
    if feeds and bus.max_unconfirmed < _LEAST_UNCONFIRMED:
        document.add(
            ("bus", "max_unconfirmed"),
            f">= {_LEAST_UNCONFIRMED}",
            f"有馈送时不得小于 {_LEAST_UNCONFIRMED}，否则馈送发布不出去",
            f"feeds need {_LEAST_UNCONFIRMED} at least: nothing of them could be published with fewer",
        )
    seen: set[str] = set()
    for index, feed in enumerate(feeds):
        place: Place = ("feeds", index)
        if feed.name in seen:
            zh, en = f"馈送 {feed.name} 重名", f"two feeds are called {feed.name!r}"
            document.add((*place, "name"), "唯一的名称 / a name of its own", zh, en)
        seen.add(feed.name)
        for number, glob in enumerate(feed.types):
            if not any(fnmatchcase(kind, glob) for kind in BODIES):
                zh, en = f"没有符合 {glob} 的报文类型", f"no message type fits {glob!r}"
                document.add((*place, "types", number), "报文类型 / a message type", zh, en)
        if feed.key_file is not None:
            try:
                FeedKey.load(feed.key_file)
            except ConfigError as error:
                document.add((*place, "key_file"), "可用的密钥文件 / a working key file", error.zh, error.en)


def notes(feeds: tuple[FeedSettings, ...], bus: BusSettings) -> Iterator[tuple[Place, str, str, str]]:
    """(place, expected, Chinese, English) of what is allowed but probably not meant."""
    for index, feed in enumerate(feeds):
        place: Place = ("feeds", index)
        if feed.clear:
            yield (
                (*place, "clear"),
                "key_file",
                f"馈送 {feed.name} 以明文发布：能读取队列者即能读到个人信息",
                f"feed {feed.name!r} is published in the clear: whoever can read its queue reads personal data",
            )
        if bus.kind == "embedded":
            yield (
                place,
                "bus.kind: rabbitmq",
                f"馈送 {feed.name} 的队列在内置总线上，其他系统无法读取",
                f"the queue of feed {feed.name!r} is on the embedded bus, where no other system can read it",
            )


def fed(feeds: tuple[FeedSettings, ...], partner: str, message_type: str) -> bool:
    """Whether some feed takes messages of a type from a partner, or their records."""
    return any(
        fnmatchcase(partner, feed.source)
        and any(
            fnmatchcase(kind, glob)
            for kind in (message_type, record_type(message_type))
            if kind is not None
            for glob in feed.types
        )
        for feed in feeds
    )
