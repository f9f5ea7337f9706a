"""The settings of a gateway: one declaration each, from which checking, defaults and documentation come.

Relative paths start from the configuration folder, whatever the working directory is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, StringConstraints, field_validator

from gateway.bus.settings import BusSettings
from gateway.contract import Duration, Endpoint, Settings
from gateway.engine.config_feeds import FeedSettings
from gateway.engine.lifecycle import Backoff
from gateway.store.settings import StoreSettings
from gateway.transports.http.settings import ServerTlsSettings

#: Part of file names, queue names and metric labels.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Region = Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
Glob = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.*?\[\]!_-]+$")]
#: Without a port.
HostName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", to_lower=True)
]
Share = Annotated[float, Field(ge=0, le=1)]


class BackoffSettings(Settings):
    """How long to wait between tries: `first · factor^n`, at most `max`, shortened by up to `jitter`."""

    first: Duration = Field(default=1.0, description="第一次等待 / before the second try")
    factor: Annotated[float, Field(ge=1, le=10)] = 2.0
    max: Duration = Field(default=300.0, description="最长等待 / longest pause")
    jitter: Share = Field(default=0.2, description="随机缩短比例 / share by which chance shortens a pause")
    attempts: PositiveInt = Field(
        default=12, description="次数上限，之后由人处理 / tries before a person is asked"
    )

    def backoff(self) -> Backoff:
        """As the engine takes it."""
        return Backoff(
            first=self.first,
            factor=self.factor,
            longest=self.max,
            jitter=self.jitter,
            limit=self.attempts,
        )


class InDoubtSettings(BackoffSettings):
    """The same for unknown outcomes: soon at first, since somebody may still be waiting."""

    first: Duration = 0.2
    max: Duration = 60.0
    attempts: PositiveInt = 20


class EngineSettings(Settings):
    """How patient the engine is, unless a partner says otherwise."""

    retry: BackoffSettings = BackoffSettings()
    in_doubt: InDoubtSettings = InDoubtSettings()
    sweep_interval: Duration = Field(
        default=2.0, gt=0, description="查找到期投递的间隔 / how often due work is looked for"
    )
    in_flight: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=64, description="每个伙伴同时进行的投递数 / deliveries under way per partner"
    )


class AuditSettings(Settings):
    """The audit log: a transparency log of everything that crosses the boundary."""

    origin: Annotated[str, StringConstraints(pattern=r"^[^\s+]+$")] = Field(
        description="日志名称，写入每个检查点 / the log's name, written into every checkpoint",
        examples=["gateway.example.gov.cn/audit"],
    )
    folder: Path | None = Field(default=None, description="默认 data_dir/audit / default: data_dir/audit")
    key_file: Path | None = Field(
        default=None, description="签名密钥 / signing key; default: data_dir/keys/audit.pem"
    )
    checkpoint_interval: Duration = Field(
        default=1.0, gt=0, description="签署检查点的间隔 / between checkpoints"
    )


class AdminSettings(Settings):
    """Where health and metrics are served; keep it on a management network."""

    listen: Endpoint = "127.0.0.1:8090"


class ConsoleSettings(Settings):
    """The operators' console, served by `gateway console`."""

    listen: Endpoint = "127.0.0.1:8092"
    tls: ServerTlsSettings | None = Field(
        default=None, description="监听非本机地址时必填 / needed unless it listens on a loopback address"
    )
    public_host: tuple[HostName, ...] = Field(
        default=(),
        description="浏览器访问时所用的主机名 / names under which browsers come",
        examples=[["console.example.gov.cn"]],
    )


class LogSettings(Settings):
    """The technical log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    file: Path | None = Field(default=None, description="默认标准输出 / default: standard output")
    format: Literal["json", "console"] = "json"


class GatewaySettings(Settings):
    """`gateway.yaml`."""

    node: Name = Field(description="本节点名称 / name of this node")
    region: Region = Field(description="行政区划代码 GB/T 2260 / region code")
    title: str = Field(default="", description="显示名称 / shown to people")
    data_dir: Path = Field(description="数据目录 / where everything of this node is kept")
    keyring_file: Path | None = Field(
        default=None,
        description="载荷加密密钥环 / keys of payloads at rest; default: data_dir/keys/payload.keys",
    )
    store: StoreSettings = Field(
        default=StoreSettings.model_validate({}),
        description="默认 SQLite，data_dir/gateway.db / default: SQLite in data_dir/gateway.db",
    )
    bus: BusSettings = BusSettings.model_validate({})
    audit: AuditSettings
    admin: AdminSettings = AdminSettings()
    console: ConsoleSettings = ConsoleSettings()
    engine: EngineSettings = EngineSettings()
    mappings: tuple[Path, ...] = Field(
        default=(),
        description="自有映射与代码表的目录，覆盖或补充随附的 / folders of mappings and code tables of your own, which"
        " replace shipped ones of the same name and version, or add to them",
        examples=[["mappings"]],
    )
    feeds: tuple[FeedSettings, ...] = Field(
        default=(), description="向内部系统馈送 / what goes to systems of the house"
    )
    logs: LogSettings = LogSettings()


class DeliverySettings(Settings):
    """Where a partner departs from `engine` in `gateway.yaml`; absent means: as there."""

    concurrency: Annotated[int, Field(ge=1, le=10_000)] | None = None
    attempts: PositiveInt | None = None
    first: Duration | None = None
    factor: Annotated[PositiveFloat, Field(ge=1, le=10)] | None = None
    max: Duration | None = None
    in_doubt: InDoubtSettings | None = None


class PartnerSettings(Settings):
    """`partners/*.yaml`, apart from the adapter's own `settings`."""

    name: Name
    title: str = Field(description="显示名称 / shown to people")
    adapter: str = Field(description="适配器 / installed adapter")
    region: Region
    enabled: bool = True
    delivery: DeliverySettings = DeliverySettings()


class When(Settings):
    """Which messages a route takes."""

    type: Glob = Field(description="报文类型，可用 * / message type, with globs")
    source: Glob = Field(
        default="*", alias="from", description="来源伙伴，可用 * / sending partner, with globs"
    )
    region: Annotated[str, StringConstraints(pattern=r"^[0-9*?]+$")] = Field(
        default="*", description="行政区划前缀或通配 / region prefix or glob"
    )

    @property
    def region_glob(self) -> str:
        """A prefix as the glob it means."""
        return self.region if set(self.region) & set("*?") else f"{self.region}*"


class FirstSettings(Settings):
    """A question whose answer decides whether a message goes on (前置核验)."""

    ask: str = Field(
        description="询问的报文类型 / message type of the question",
        examples=["identity.verification.asked.v1"],
    )
    of: str = Field(description="向哪个伙伴询问 / the partner that answers", examples=["police"])
    take: dict[str, str] = Field(
        alias="with",
        description="询问的字段: 取自原报文的字段 / field of the question: field of the message",
        examples=[{"identity_no": "document_no", "name": "person_name"}],
    )
    fixed: dict[str, str] = Field(
        default={}, description="询问的字段: 固定值 / field of the question: fixed value"
    )
    purpose: str = Field(
        min_length=1,
        max_length=100,
        description="询问个人信息的用途，写入审计日志 / why personal data is asked for; audited",
        examples=["住院登记身份核验"],
    )
    decide_by: str = Field(
        description="答复中据以判断的字段 / field of the answer that decides", examples=["outcome"]
    )
    proceed: tuple[str, ...] = Field(
        min_length=1, description="放行的答复 / answers that let it go on", examples=[["match"]]
    )
    refuse: dict[str, str] = Field(
        default={},
        description="拒绝的答复: 告知发送方的原因 / answers that refuse it: what the sender is told",
        examples=[{"mismatch": "姓名与身份证号不一致 / name and number do not belong together"}],
    )
    otherwise: Literal["proceed", "refuse", "hold"] = Field(
        description="其余答复或得不到答复时：放行、拒绝、留待人工 / any other answer, or none: go on, refuse, wait for a person"
    )
    patience: Duration = Field(
        default=10.0, gt=0, description="等待答复的时限 / how long an answer is waited for", examples=["10s"]
    )


class RouteSettings(Settings):
    """One entry of `routes.yaml`; the first that fits a message decides."""

    name: Name
    when: When
    first: FirstSettings | None = Field(
        default=None, description="前置核验 / a question that must be answered before the message goes on"
    )
    to: tuple[str, ...] = Field(min_length=1, description="目标伙伴 / receiving partners")

    @field_validator("to")
    @classmethod
    def _once(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(to)) != len(to):
            raise ValueError("expected each partner once")
        return to
