"""Settings of the bus."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class BusTls(BaseModel):
    """How `amqps://` connections are secured. The broker's name is always checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca_file: Path | None = Field(None, description="PEM file of the broker's CA; default: the system's CAs")
    cert_file: Path | None = Field(None, description="PEM file of our client certificate")
    key_file: Path | None = Field(None, description="PEM file of its key; default: in cert_file")


class BusSettings(BaseModel):
    """Which bus to use, and its limits. Every default suits a single small machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["embedded", "rabbitmq", "auto"] = Field(
        "auto",
        description="auto: RabbitMQ where one answers at the url when the gateway starts, else embedded",
    )
    url: SecretStr = Field(
        SecretStr("amqp://guest:guest@127.0.0.1:5672/"),
        description="amqp:// or amqps:// address with account",
    )
    tls: BusTls = Field(default_factory=BusTls)  # type: ignore[arg-type]
    exchange: str = Field("gateway.messages", min_length=1, max_length=200, description="the topic exchange")
    queue_prefix: str = Field(
        "gateway.partner.", max_length=100, description="what partners' queues begin with"
    )
    feed_prefix: str = Field("gateway.feed.", max_length=100, description="what feeds' queues begin with")
    max_unconfirmed: int = Field(10_000, ge=1, description="publishes that may wait for confirmation")
    heartbeat: int = Field(20, ge=1, le=600, description="seconds; a silent broker is given up shortly after")
    connect_timeout: float = Field(10.0, gt=0, description="seconds for connecting, topology included")
    confirm_timeout: float = Field(
        30.0, gt=0, description="seconds after which, at the latest twice, an unconfirmed publish fails"
    )
    drain_timeout: float = Field(5.0, ge=0, description="seconds that stopping waits for confirmations")
    reconnect_max: float = Field(15.0, gt=0, description="longest pause between attempts to connect, seconds")
    embedded_queue_messages: int = Field(20_000, ge=1, description="messages an embedded queue may hold")
    embedded_queue_bytes: int = Field(64 << 20, ge=1, description="bytes an embedded queue may hold")

    def queue_of(self, partner: str) -> str:
        """Name the queue of a partner."""
        return self.queue_prefix + partner

    def feed_queue_of(self, feed: str) -> str:
        """Name the queue that a feed's consumer reads."""
        return self.feed_prefix + feed
