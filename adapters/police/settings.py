"""Settings of a police partner: what all dialects share. Descriptions are for the person who fills them in."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from adapters.police.services import NciicSettings, Service
from gateway.contract import Duration, Secret, Settings, Size
from gateway.transports.http.settings import ClientTlsSettings

FormatName = Literal[
    "nciic_check", "nciic_result", "nciic_refusal", "rbsp_query", "rbsp_result", "json_query", "json_result",
    "matching", "matching_result",
]  # fmt: skip

_LEAST_KEY = 32


class QuotaSettings(Settings):
    """每日额度，按授权计，一人计一次，日界为北京时间零点。 / Persons a day and licence; days are China's."""

    daily: int | None = Field(
        default=None,
        ge=1,
        description="每日最多核验人次；不填只计数不限制 / most persons a day; counted only where absent",
        examples=[20000],
    )
    warn_at: float = Field(
        default=0.8, gt=0, le=1, description="用到多少时告警 / share at which to warn", examples=[0.8]
    )


class PoliceSettings(Settings):
    """公安人口信息核验。 / The population register of the police."""

    service: Service = Field(description="对方的服务：nciic、rbsp、json 之一 / which service they offer")
    headers: dict[str, Secret] = Field(
        default={},
        description="另加的请求头 / further request headers",
        examples=[{"apikey": "${env:POLICE_APIKEY}"}],
    )
    tls: ClientTlsSettings = Field(
        default=ClientTlsSettings(), description="HTTPS 证书 / certificates for HTTPS"
    )
    timeout: Duration = Field(
        default=30.0, gt=0, description="等待应答的时间 / how long to wait for an answer", examples=["30s"]
    )
    connections: int = Field(
        default=8, ge=1, le=256, description="同时打开的连接数 / connections open at once", examples=[8]
    )
    parallel: int = Field(
        default=4,
        ge=1,
        le=64,
        description="一份名单同时进行的调用数 / calls under way for one list",
        examples=[4],
    )
    answer_limit: Size = Field(
        default=8 << 20, ge=1024, description="应答的最大长度 / largest answer", examples=["8MiB"]
    )
    photos_per_list: int = Field(
        default=100,
        ge=0,
        description="要相片的名单最多人数 / most persons of a list that asks for photos",
        examples=[100],
    )
    purposes: tuple[str, ...] = Field(
        default=(),
        description="允许的使用目的；空为不限 / purposes that are allowed; any where empty",
        examples=[["医保参保登记"]],
    )
    quota: QuotaSettings = Field(default=QuotaSettings(), description="每日额度 / daily quota")
    cache: dict[str, Duration] = Field(
        default={},
        description="使用目的 → 应答可再用多久；未列的从不缓存 / purpose → how long an answer may be used again; others"
        " are never kept",
        examples=[{"医保参保登记": "1h"}],
    )
    keep: Duration = Field(
        default=7 * 86400.0,
        gt=0,
        description="名单中已答的行保留多久，供中断后续做 / how long answered rows of a list are kept for its continuation",
        examples=["7d"],
    )
    key: Secret | None = Field(
        default=None,
        description="保存应答的加密口令，至少 32 字符；不填则在状态目录中生成密钥文件（0600） / key of kept answers, at"
        " least 32 characters; a key file is made in the state folder where absent",
        examples=["${file:secrets/police-answers.key}"],
    )
    mappings: dict[FormatName, Path] = Field(
        default={},
        description="用对方约定的映射文件代替随附的 / mapping files of this partner in place of the shipped ones",
        examples=[{"rbsp_result": "mappings/rbsp_result.yaml"}],
    )

    @model_validator(mode="after")
    def _consistent(self) -> PoliceSettings:
        if self.key is not None and len(self.key.get_secret_value()) < _LEAST_KEY:
            raise ValueError("key 至少 32 个字符 / key needs at least 32 characters")
        foreign = sorted(self.cache.keys() - set(self.purposes)) if self.purposes else []
        if foreign:
            raise ValueError(f"cache 中有不允许的目的 / purposes that are not allowed: {'、'.join(foreign)}")
        return self

    @property
    def licence(self) -> str:
        """Whose quota is used: a name of the licence that may be shown and stored."""
        service = self.service
        if not isinstance(service, NciicSettings):
            return f"{service.kind}:{service.sender_id}"
        content = service.licence.get_secret_value().encode()
        return f"nciic:{hashlib.sha256(content).hexdigest()[:16]}"
