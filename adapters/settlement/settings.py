"""Settings of a settlement platform: everything that differs from province to province.

Descriptions are for the person who fills them in: Chinese first, then English.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from adapters.settlement.transactions import FORMATS, Variant
from gateway.contract import Duration, HttpUrl, Secret, Settings
from gateway.transports.http.settings import ClientTlsSettings

#: Envelope keys the codec writes itself; `extra_envelope` may not hold them.
RESERVED_KEYS = frozenset({
    "infno", "msgid", "mdtrtarea_admvs", "insuplc_admdvs", "recer_sys_code", "dev_no", "dev_safe_info",
    "cainfo", "signtype", "infver", "opter_type", "opter", "opter_name", "inf_time", "fixmedins_code",
    "fixmedins_name", "sign_no", "input",
})  # fmt: skip


class TifSettings(Settings):
    """签名请求头 x-tif-*。 / The signed `x-tif-*` request headers."""

    paasid: str = Field(
        min_length=1,
        description="平台分配的应用账号 / application id assigned by the platform",
        examples=["demo_app"],
    )
    token: Secret = Field(
        description="平台分配的应用密钥 / application token assigned by the platform",
        examples=["${env:PLATFORM_TOKEN}"],
    )
    service_id: str = Field(
        default="",
        description="x-tif-serviceId 的值；留空不发送；可用 {infno} / value of x-tif-serviceId; empty leaves it"
        " out; may hold {infno}",
        examples=["fsi_{infno}"],
    )


class SignInSettings(Settings):
    """9001 签到。 / Signing in with 9001."""

    ip: str = Field(description="签到 IP 地址 / IP address to sign in with", examples=["192.0.2.10"])
    mac: str = Field(default="", description="签到 MAC 地址 / MAC address", examples=["00-00-5E-00-53-01"])
    sign_out: bool = Field(
        default=False,
        description="停机时签退(9002) / sign out with 9002 when the gateway stops",
        examples=[True],
    )
    expired_words: tuple[str, ...] = Field(
        default=("未签到", "签到已失效"),
        description="err_msg 含有其中任一文字即表示签到失效，重新签到 / texts in err_msg that mean: sign in again",
        examples=[["未签到"]],
    )


class CheckSettings(Settings):
    """连接测试。 / The connection test."""

    probe: Literal["sign-in", "get", "none"] = Field(
        default="get",
        description="最后一步：sign-in 签到(9001)；get 对地址发 GET；none 到网络连接为止 / last step: 9001, a plain"
        " GET, or stop after connecting",
        examples=["get"],
    )
    institution_code: str = Field(
        default="",
        description="签到测试所用机构编号 / institution to sign in as in the test",
        examples=["H99010100001"],
    )
    institution_name: str = Field(default="", description="该机构名称 / its name", examples=["示例医院"])
    operator: str = Field(
        default="gateway", description="签到测试所用操作员 / operator in the test", examples=["op01"]
    )


def _known(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(f"没有此映射 / no such mapping: {name}")
    return name


#: `2207.input` and so on: a mapping that the transactions need.
FormatName = Annotated[str, AfterValidator(_known)]
Words = Annotated[tuple[str, ...], Field(examples=[["未找到"]])]


class SettlementSettings(Settings):
    """医保结算平台。 / A settlement platform."""

    base_url: HttpUrl = Field(
        description="平台地址；per-infno 时须含 {infno} / address of the platform; holds {infno} with per-infno",
        examples=["https://10.0.0.5/mbs/fmi/fsi/api/callFsiService/callService"],
    )
    url_style: Literal["one-url", "per-infno", "per-service"] = Field(
        default="one-url",
        description="one-url 一个地址；per-infno 每交易一个；per-service 按 services，其余用 base_url / one URL;"
        " one per transaction; as listed in `services`, else base_url",
        examples=["one-url"],
    )
    services: dict[str, str] = Field(
        default={},
        description="交易编号 → 路径或完整地址 / transaction → path or complete URL",
        examples=[{"9001": "/fsi/api/signInSignOutService/signIn"}],
    )
    content_type: str = Field(
        default="application/json; charset=utf-8",
        description="请求的 Content-Type / Content-Type of requests",
        examples=["text/plain; charset=utf-8"],
    )
    headers: dict[str, Secret] = Field(
        default={},
        description="另加的请求头，例如 apikey / further request headers, such as an apikey",
        examples=[{"apikey": "${env:PLATFORM_APIKEY}"}],
    )
    tif: TifSettings | None = Field(
        default=None, description="签名请求头；不填不签名 / signed headers; absent: no signature"
    )
    sign_in: SignInSettings | None = Field(
        default=None,
        description="按操作员签到(9001)并携带 sign_no；不填不签到 / sign in per operator; absent: no sign-in",
    )
    tls: ClientTlsSettings = Field(
        default=ClientTlsSettings(), description="HTTPS 证书 / certificates for HTTPS"
    )
    check: CheckSettings = Field(default=CheckSettings(), description="连接测试 / the connection test")

    recer_sys_code: str = Field(
        max_length=10,
        description="接收方系统代码，各省不同 / receiver system code, differs by province",
        examples=["01"],
    )
    infver: str = Field(
        default="V1.0", max_length=6, description="接口版本号 / interface version", examples=["V1.0"]
    )
    signtype: str = Field(
        default="", max_length=10, description="签名类型 / signature type", examples=["SM3"]
    )
    opter_type: str = Field(
        default="1",
        max_length=3,
        description="经办人类别 1 经办人 2 自助终端 3 移动终端 / kind of operator",
        examples=["1"],
    )
    extra_envelope: dict[str, str] = Field(
        default={},
        description="省级附加报文头字段 / further envelope keys of the province",
        examples=[{"recer_admdvs": "990101"}],
    )
    success_codes: tuple[str, ...] = Field(
        default=("0",),
        min_length=1,
        description="表示成功的 infcode / infcodes that mean success",
        examples=[["0"]],
    )

    fee_details: Literal["separate", "inline", "none"] = Field(
        default="separate",
        description="费用明细：separate 先传 2204；inline 放在 2207 的 feedetail；none 不传 / fee lines: by 2204"
        " first, inside 2207, or not at all",
        examples=["separate"],
    )
    fee_rows_per_call: int = Field(
        default=100,
        ge=1,
        le=10000,
        description="每次 2204 的最多行数 / most rows in one 2204",
        examples=[100],
    )

    old_details: Literal["if-different", "always", "never"] = Field(
        default="if-different",
        description="结算前先传明细时，平台已有的同号明细：if-different 与所传不同时先撤销(2205)再传；always 每次先撤销"
        "本批次；never 不撤销，结算被拒绝 / where fee lines go ahead of a settlement and the platform has lines of"
        " these numbers: withdraw them (2205) if they differ, withdraw the batch every time, or never",
        examples=["if-different"],
    )
    file_encoding: Literal["base64", "bytes"] = Field(
        default="base64",
        description="9101 中文件内容的写法：base64 文本或字节数组 / how 9101 carries a file: as base64 or as an array of"
        " bytes",
        examples=["base64"],
    )
    variants: tuple[Variant, ...] = Field(
        default=(),
        description="改用新编号的交易 / transactions that are sent under their newer number",
        examples=[["2203A", "2207A"]],
    )

    mappings: dict[FormatName, Path] = Field(
        default={},
        description="用本省的映射文件代替随附的 / mapping files of the province in place of the shipped ones",
        examples=[{"2207.input": "mappings/2207.input.yaml"}],
    )

    timeout: Duration = Field(
        default=60.0, gt=0, description="等待应答的时间 / how long to wait for an answer", examples=["60s"]
    )
    connections: int = Field(
        default=32, ge=1, le=1024, description="同时打开的连接数 / connections open at once", examples=[32]
    )

    query_before_reverse: bool = Field(
        default=True,
        description="结果不明时先查询(5203) / ask with 5203 where the outcome is unknown",
        examples=[True],
    )
    verify_refusals: bool = Field(
        default=True,
        description="资金交易被拒绝时用 5203 核实确未生效（防止“报错但已记账”） / after a refusal of a money"
        " operation, make sure with 5203 that nothing took effect",
        examples=[True],
    )
    doubtful_codes: tuple[str, ...] = Field(
        default=(),
        description="这些 infcode 视为结果不明而不是拒绝 / infcodes that leave the outcome unknown instead of refusing",
        examples=[["-2"]],
    )
    cancellation_echoes_msgid: bool = Field(
        default=True,
        description="2208 应答的 medins_setl_id 是否为本次报文ID / whether 2208 answers with our own msgid in medins_setl_id",
        examples=[True],
    )
    reversal_not_found_is_success: bool = Field(
        default=False,
        description="冲正答“未找到”是否视为成功。仅当平台书面确认冲正后到达的原交易会被拒绝时才可打开 / whether"
        " “not found” counts as reversed; only where the platform refuses an original that arrives later",
        examples=[False],
    )
    not_found_words: Words = Field(
        default=("未找到", "不存在", "未查询到"),
        description="err_msg 中表示“未找到”的文字 / texts in err_msg that mean: not found",
    )
    reversed_words: Words = Field(
        default=("已冲正",),
        description="err_msg 中表示“已冲正”的文字 / texts in err_msg that mean: already reversed",
    )
    duplicate_words: Words = Field(
        default=("报文ID重复", "报文重复"),
        description="err_msg 中表示报文ID重复的文字 / texts in err_msg that mean: this msgid was used before",
    )

    duplicate_rows_words: Words = Field(
        default=("明细流水号重复", "明细已上传", "明细已存在"),
        description="err_msg 中表示费用明细流水号已存在的文字；随后用 5204 比对 / texts in err_msg that mean: the platform"
        " has lines of these numbers; they are then compared by 5204",
    )

    @model_validator(mode="after")
    def _consistent(self) -> SettlementSettings:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> list[str]:
        reserved = sorted(RESERVED_KEYS & self.extra_envelope.keys())
        checks = {
            "per-infno 的 base_url 须含 {infno} / base_url needs {infno} with per-infno": (
                self.url_style == "per-infno" and "{infno}" not in self.base_url
            ),
            "services 只用于 per-service / services is for per-service only": (
                bool(self.services) and self.url_style != "per-service"
            ),
            f"extra_envelope 不可含 / extra_envelope may not hold: {', '.join(reserved)}": bool(reserved),
            "签到测试需要 sign_in 与 check.institution_code / probing with sign-in needs both": (
                self.check.probe == "sign-in" and not (self.sign_in and self.check.institution_code)
            ),
        }
        return [text for text, wrong in checks.items() if wrong]

    def url_of(self, infno: str) -> str:
        """Where a transaction is posted to."""
        if self.url_style == "per-infno":
            return self.base_url.replace("{infno}", infno)
        target = self.services.get(infno, "") if self.url_style == "per-service" else ""
        if target.startswith("/"):
            parts = urlsplit(self.base_url)
            return f"{parts.scheme}://{parts.netloc}{target}"
        return target or self.base_url
