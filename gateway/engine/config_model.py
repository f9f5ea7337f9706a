"""The settings of a gateway: one declaration each, from which checking, defaults and documentation come.

Relative paths start from the configuration folder, whatever the working directory is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, StringConstraints, field_validator

from gateway.bus.settings import BusSettings
from gateway.contract import Duration, Endpoint, Settings
from gateway.engine.lifecycle import Backoff
from gateway.store.settings import StoreSettings

#: Part of file names, queue names and metric labels.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Region = Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
Glob = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.*?\[\]!_-]+$")]
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
    engine: EngineSettings = EngineSettings()
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


class RouteSettings(Settings):
    """One entry of `routes.yaml`; the first that fits a message decides."""

    name: Name
    when: When
    to: tuple[str, ...] = Field(min_length=1, description="目标伙伴 / receiving partners")

    @field_validator("to")
    @classmethod
    def _once(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(to)) != len(to):
            raise ValueError("expected each partner once")
        return to
