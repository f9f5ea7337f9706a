"""Settings that several faces share."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from gateway.contract import Duration, Endpoint, Secret, Settings, Size
from gateway.transports.http.settings import ServerTlsSettings


def _network(text: str) -> str:
    ip_network(text)  # ValueError names what is wrong with it
    return text


Network = Annotated[str, AfterValidator(_network)]
InstitutionCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,30}$")]
Region = Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
HttpPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]$")]


class XTif(Settings):
    """A token shared with the hospital; each request is signed with it, and no signature works twice."""

    kind: Literal["x-tif"] = Field(description="按 x-tif 请求头验签 / requests are signed by x-tif headers")
    paasid: str = Field(
        min_length=1,
        max_length=64,
        description="分配给医院的应用编号 / application id given to the hospital",
        examples=["demo-hospital"],
    )
    token: Secret = Field(
        description="与医院共享的令牌 / token shared with the hospital", examples=["${env:HOSPITAL_TOKEN}"]
    )
    clock_window: Duration = Field(
        default=300.0,
        description="允许的时钟偏差，也是防重放的时间范围 / how far clocks may differ; replays are seen for as long",
        examples=["300s"],
    )


class Unauthenticated(Settings):
    """Whoever reaches the listener is taken for the hospital: only for networks that already know who is who."""

    kind: Literal["none"] = Field(
        description="不验证身份（仅限专网） / no authentication (closed networks only)"
    )


class RateLimit(Settings):
    """How often a hospital may ask: `burst` at once, and `per_second` in the long run."""

    per_second: float = Field(
        gt=0, description="平均每秒请求数 / requests a second in the long run", examples=[20]
    )
    burst: int = Field(gt=0, description="可一次连续请求的数目 / requests at once", examples=[100])


class HttpFace(Settings):
    """What every face over HTTP has."""

    listen: Endpoint = Field(
        description="监听地址，可与其他伙伴共用 / where to listen; may be shared with other partners",
        examples=["0.0.0.0:8081"],
    )
    path: HttpPath = Field(description="服务路径 / path of the service", examples=["/hospital/h001"])
    tls: ServerTlsSettings | None = Field(
        default=None, description="HTTPS 证书；不填则为 HTTP / HTTPS files; HTTP without them"
    )
    authentication: Annotated[XTif | Unauthenticated, Field(discriminator="kind")] = Field(
        description="身份验证方式 / how callers prove who they are"
    )
    body_limit: Size = Field(
        default=1 << 20,
        gt=0,
        description="请求体大小上限 / largest request body",
        examples=["1MiB"],
    )
