"""Settings of a partner's queue manager. Descriptions are for the person who fills them in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from gateway.contract.settings import Duration, Endpoint, Secret, Settings, Size
from gateway.transports.http.settings import ClientTlsSettings

_User = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class MqLimits(Settings):
    """What every kind of queue manager has in common."""

    largest_body: Size = Field(
        default=4 << 20,
        ge=1024,
        le=100 << 20,
        description="报文的最大长度；更大的不放入，收到的留在队列上 / largest message: a larger one is not put, and one that"
        " arrives stays on its queue",
        examples=["4MiB"],
    )
    prefetch: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="每个队列预取的最多报文数 / most messages of a queue handed to us ahead of the work",
        examples=[10],
    )
    heartbeat: int = Field(
        default=20,
        ge=1,
        le=600,
        description="心跳间隔（秒）；对方静默约两倍时间后视为断线 / heartbeat in seconds; a peer silent for about twice that is"
        " given up",
        examples=[20],
    )
    connect_timeout: Duration = Field(
        default=10.0, gt=0, description="连接并登录的时间 / for connecting and logging in", examples=["10s"]
    )
    confirm_timeout: Duration = Field(
        default=30.0,
        gt=0,
        description="等待入队确认的时间，超过则结果不明 / how long a put waits for its confirmation; after that its outcome is"
        " unknown",
        examples=["30s"],
    )
    reconnect_max: Duration = Field(
        default=15.0,
        gt=0,
        description="两次连接之间的最长间隔 / longest pause between attempts to connect",
        examples=["15s"],
    )


class _Brokered(MqLimits):
    """What AMQP and STOMP have in common."""

    address: Endpoint = Field(description="地址与端口 / host and port", examples=["mq.example:5672"])
    user: _User = Field(description="用户名 / account", examples=["tongqu"])
    password: Secret = Field(description="口令 / password", examples=["${file:secrets/mq.password}"])
    tls: ClientTlsSettings | None = Field(
        default=None, description="TLS 证书；不填则不加密 / certificates for TLS; without them, no TLS"
    )

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)


class AmqpSettings(_Brokered):
    """AMQP 0-9-1：对方自己的 RabbitMQ 等。 / AMQP 0-9-1: the partner's own RabbitMQ, for example."""

    kind: Literal["amqp"] = Field(description="协议 AMQP 0-9-1 / protocol: AMQP 0-9-1", examples=["amqp"])
    vhost: str = Field(
        default="/", min_length=1, max_length=255, description="虚拟主机 / virtual host", examples=["tips"]
    )


class StompSettings(_Brokered):
    """STOMP 1.2：RabbitMQ、ActiveMQ 等。 / STOMP 1.2: RabbitMQ, ActiveMQ and others."""

    kind: Literal["stomp"] = Field(description="协议 STOMP 1.2 / protocol: STOMP 1.2", examples=["stomp"])
    vhost: str = Field(
        default="/", min_length=1, max_length=255, description="虚拟主机 / virtual host", examples=["tips"]
    )
    destination: str = Field(
        default="/amq/queue/{queue}",
        pattern=r"^[^\s{}]*\{queue\}[^\s{}]*$",
        description="队列的写法：RabbitMQ 为 /amq/queue/{queue}（只用已有的队列），ActiveMQ 为 /queue/{queue} / how a queue is"
        " addressed: on RabbitMQ /amq/queue/{queue}, which never makes one; on ActiveMQ /queue/{queue}",
        examples=["/amq/queue/{queue}"],
    )
    prefetch_header: str = Field(
        default="prefetch-count",
        pattern=r"^[A-Za-z0-9._-]+$",
        max_length=64,
        description="预取数的头：RabbitMQ 为 prefetch-count，ActiveMQ 为 activemq.prefetchSize / header that carries"
        " `prefetch`: prefetch-count on RabbitMQ, activemq.prefetchSize on ActiveMQ",
        examples=["prefetch-count"],
    )

    @model_validator(mode="after")
    def _named(self) -> StompSettings:
        if self.tls is not None and self.tls.server_name is not None:
            raise ValueError(
                "STOMP 不支持 server_name，address 须与证书一致 / no server_name over STOMP: address must be the certificate's"
            )
        return self


class IbmMqSettings(MqLimits):
    """IBM MQ 客户端连接；须另装 ibmmq 与 IBM 的客户端库。 / IBM MQ as a client; needs ibmmq and IBM's client libraries."""

    kind: Literal["ibmmq"] = Field(description="协议 IBM MQ / protocol: IBM MQ", examples=["ibmmq"])
    queue_manager: str = Field(
        pattern=r"^[A-Za-z0-9._/%]{1,48}$", description="队列管理器 / queue manager", examples=["QMTIPS01"]
    )
    channel: str = Field(
        pattern=r"^[A-Za-z0-9._/%]{1,20}$",
        description="服务器连接通道 / server-connection channel",
        examples=["NODE.SVRCONN"],
    )
    connection: str = Field(
        pattern=r"^[A-Za-z0-9._:-]+\(\d{1,5}\)(,[A-Za-z0-9._:-]+\(\d{1,5}\))*$",
        description="连接名，主机(端口)，多个用逗号分隔 / connection name, host(port), several separated by commas",
        examples=["mq.example(1414)"],
    )
    user: _User | None = Field(
        default=None,
        description="用户名；不填则不认证 / account, where one is asked for",
        examples=["tongqu"],
    )
    password: Secret | None = Field(
        default=None, description="口令 / password", examples=["${file:secrets/mq.password}"]
    )
    cipher: str | None = Field(
        default=None,
        pattern=r"^[A-Z0-9_]{1,32}$",
        description="TLS CipherSpec；不填则不加密 / CipherSpec; without one, no TLS",
        examples=["ANY_TLS12_OR_HIGHER"],
    )
    key_repository: Path | None = Field(
        default=None,
        description="密钥库（IBM 格式，不带扩展名），用 TLS 时必填 / key repository of IBM's, without its extension; needed for"
        " TLS",
        examples=["/etc/tongqu/mq/key"],
    )
    certificate_label: str | None = Field(
        default=None,
        max_length=64,
        description="密钥库中我方证书的标签 / label of our certificate in it",
        examples=["tongqu"],
    )
    ccsid: int = Field(
        default=819,
        ge=1,
        le=65535,
        description="报文标明的字符集 CCSID；正文字节不转换 / CCSID that messages are marked with; bodies are never converted",
        examples=[819],
    )

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """Hosts and ports, in the order in which they are tried."""
        parts = (part.rstrip(")").partition("(") for part in self.connection.split(","))
        return tuple((host, int(port)) for host, _, port in parts)

    @model_validator(mode="after")
    def _together(self) -> IbmMqSettings:
        if (self.user is None) != (self.password is None):
            raise ValueError("user 与 password 须同时填写 / user and password belong together")
        if (self.cipher is None) != (self.key_repository is None):
            raise ValueError(
                "cipher 与 key_repository 须同时填写 / cipher and key_repository belong together"
            )
        return self


MqSettings = Annotated[AmqpSettings | StompSettings | IbmMqSettings, Field(discriminator="kind")]
"""Which queue manager the partner has, and how it is reached."""
