"""The services a police partner may offer: one block of settings for each dialect.

What is not known for certain of these interfaces is a setting here, with the value seen most as its default.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gateway.contract import Duration, Endpoint, HttpUrl, Secret, Settings

Words = Annotated[tuple[str, ...], Field(examples=[["次数", "额度"]])]
Number = Annotated[str, Field(min_length=1, max_length=30)]
_WSDL = "对方提供的 WSDL 文件，不填用随附的；从不联网读取 / the partner's WSDL; the shipped copy where absent; never fetched"


class NciicSettings(Settings):
    """公民身份核验 NCIIC（SOAP，参数与结果是装在字符串里的 XML）。 / NCIIC: SOAP with XML inside of strings."""

    kind: Literal["nciic"] = Field(description="NCIIC 公民身份核验 / NCIIC")
    url: HttpUrl = Field(
        description="服务地址 / address of the service",
        examples=["https://ws.nciic.org.cn/nciic_ws/services/NciicServices"],
    )
    wsdl: Path | None = Field(default=None, description=_WSDL, examples=["/etc/tongqu/nciic.wsdl"])
    operation: str = Field(
        default="nciicCheck",
        description="调用的操作，参数为 inLicense、inConditions / operation with inLicense and inConditions",
        examples=["nciicCheckChina"],
    )
    licence: Secret = Field(
        description="授权文件的内容 / content of the licence file",
        examples=["${file:secrets/nciic.licence}"],
    )
    unit: str = Field(
        min_length=1,
        max_length=60,
        description="单位识别码 SBM / the unit's code, SBM",
        examples=["虚构医保局01"],
    )
    rows_per_call: int = Field(
        default=50,
        ge=1,
        le=500,
        description="每次调用的最多人数；应答带相片时不宜过大 / most persons of one call; few where answers carry photos",
        examples=[50],
    )
    not_found_words: Words = Field(
        default=("库中无此号",),
        description="errormesage 中表示“查无此号”的文字 / texts that mean: the number is not in the register",
    )
    licence_codes: tuple[str, ...] = Field(
        default=("-80",),
        description="表示授权文件有误的错误代码 / error codes about the licence",
        examples=[["-80"]],
    )
    quota_words: Words = Field(
        default=("次数", "额度", "超限", "流量"),
        description="错误文字中表示额度用尽的 / texts of errors that mean: the quota is used up",
    )


class RbspSettings(Settings):
    """请求服务平台 RBSP 的 query 服务（SOAP，结果是表格）。 / The query façade of RBSP: SOAP, answers are tables."""

    kind: Literal["rbsp"] = Field(description="请求服务平台 RBSP / RBSP")
    url: HttpUrl = Field(description="服务地址 / address of the service", examples=["http://10.0.0.6/rbsp"])
    wsdl: Path | None = Field(default=None, description=_WSDL, examples=["/etc/tongqu/rbsp.wsdl"])
    operation: str = Field(default="query", description="调用的操作 / operation", examples=["query"])
    sender_id: Number = Field(description="请求方标识 / id of the requester", examples=["C99-00000001"])
    service_id: Number = Field(description="服务标识 / id of the service", examples=["S10-00000298"])
    data_object: Number = Field(description="数据对象代码 / code of the data object", examples=["A001"])
    end_user: str = Field(
        default="{document_no},{name},{department}",
        max_length=100,
        description="最终用户的写法，可用 {document_no} {name} {department} {code} {purpose} / how the end user is written",
        examples=["{name}"],
    )
    success_codes: tuple[str, ...] = Field(
        default=("000",),
        min_length=1,
        description="表示成功的结果代码 / result codes that mean success",
        examples=[["000"]],
    )


class PushSettings(Settings):
    """对方推送批量比对结果。 / The register delivers the answers of batches to us."""

    kind: Literal["push"] = Field(description="对方推送 / they call us")
    listen: Endpoint = Field(description="监听地址 / address to listen on", examples=["192.0.2.10:8086"])
    path: str = Field(
        default="/police/matching",
        pattern=r"^/\S*$",
        description="路径 / path",
        examples=["/police/matching"],
    )
    clients: tuple[IPv4Network | IPv6Network, ...] = Field(
        min_length=1,
        description="允许的来源地址段 / networks it may come from",
        examples=[["10.0.0.0/24"]],
    )
    authorization: Secret | None = Field(
        default=None,
        description="要求的 Authorization 请求头；不填不核对 / the Authorization header it must carry",
        examples=["${file:secrets/police.push}"],
    )


class PollSettings(Settings):
    """我方定时取批量比对结果。 / We fetch the answers of batches."""

    kind: Literal["poll"] = Field(description="我方定时取 / we ask")
    url: HttpUrl = Field(
        description="取结果的地址：GET，204 表示没有 / where to GET a part; 204 means none",
        examples=["http://10.0.0.6/matching/next"],
    )
    every: Duration = Field(default=60.0, ge=0.05, description="间隔 / how often", examples=["60s"])


class SurvivalSettings(Settings):
    """生存状态批量比对（DataMatching，异步）。 / Survival checks by DataMatching, answered later."""

    service_id: Number = Field(description="比对服务标识 / id of the service", examples=["S10-00000300"])
    receive_service_id: Number = Field(
        description="接收结果的服务标识 ReceiveServiceID / service the answers are delivered to",
        examples=["S10-00000299"],
    )
    rows_per_call: int = Field(
        default=2000, ge=1, le=10_000, description="每批最多人数 / most persons of one batch", examples=[2000]
    )
    delivery: Annotated[PushSettings | PollSettings, Field(discriminator="kind")] = Field(
        description="结果如何到达 / how the answers reach us"
    )


class JsonSettings(Settings):
    """请求服务平台的 JSON 形式。 / RBSP as JSON."""

    kind: Literal["json"] = Field(description="请求服务平台 JSON 形式 / RBSP as JSON")
    url: HttpUrl = Field(description="服务地址 / address of the service", examples=["http://10.0.0.6/api"])
    sender_id: Number = Field(description="请求方标识 / id of the requester", examples=["C99-00000001"])
    service_id: Number = Field(
        description="查询服务标识 / id of the query service", examples=["S10-00000298"]
    )
    authorize: Secret = Field(
        description="授权信息 authorizeInfo / authorisation", examples=["${file:secrets/police.token}"]
    )
    success_codes: tuple[str, ...] = Field(
        default=("000",),
        min_length=1,
        description="表示成功的结果代码 / result codes that mean success",
        examples=[["000"]],
    )
    survival: SurvivalSettings | None = Field(
        default=None, description="生存状态批量比对；不填不提供 / survival checks; not offered where absent"
    )


Service = Annotated[NciicSettings | RbspSettings | JsonSettings, Field(discriminator="kind")]
