"""What differs from hospital to hospital and from province to province."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from gateway.contract import Duration, Endpoint, HttpUrl, Secret, Settings, Size

Operation = Literal[
    "SettleOutpatient", "UploadOutpatientSettlement", "QueryPerson", "CancelSettlement", "ReverseSettlement"
]

ALL_OPERATIONS: tuple[Operation, ...] = (
    "SettleOutpatient",
    "UploadOutpatientSettlement",
    "QueryPerson",
    "CancelSettlement",
    "ReverseSettlement",
)


def _network(text: str) -> str:
    ip_network(text)  # ValueError names what is wrong with it
    return text


Network = Annotated[str, AfterValidator(_network)]
InstitutionCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,30}$")]
Region = Annotated[str, StringConstraints(pattern=r"^\d{6}$")]


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


class Tls(Settings):
    """PEM files of an HTTPS listener."""

    certificate: Path = Field(
        description="服务器证书链文件 / server certificate chain", examples=["/etc/tongqu/server.pem"]
    )
    key: Path = Field(description="私钥文件 / file of the private key", examples=["/etc/tongqu/server.key"])
    client_ca: Path | None = Field(
        default=None,
        description="签发客户端证书的机构；填写后要求客户端证书 / authority of client certificates; where set, one is demanded",
        examples=["/etc/tongqu/clients-ca.pem"],
    )


class HospitalSettings(Settings):
    """One hospital, or one supplier's system through which several institutions call."""

    listen: Endpoint = Field(
        description="监听地址，可与其他伙伴共用 / where to listen; may be shared with other partners",
        examples=["0.0.0.0:8081"],
    )
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]$")] = Field(
        default="/hospital",
        description="服务路径；WSDL 在 路径?wsdl / path of the service; its WSDL is at path?wsdl",
        examples=["/hospital/h001"],
    )
    public_url: HttpUrl | None = Field(
        default=None,
        description="写入 WSDL 的地址（经反向代理时填写） / address written into the WSDL, where a proxy stands before us",
        examples=["https://gateway.example/hospital/h001"],
    )
    tls: Tls | None = Field(
        default=None, description="HTTPS 证书；不填则为 HTTP / HTTPS files; HTTP without them"
    )
    institutions: tuple[InstitutionCode, ...] = Field(
        min_length=1,
        description="允许代表的定点医药机构编号 / institution codes it may speak for",
        examples=[["H99010100001"]],
    )
    region: Region | None = Field(
        default=None,
        description="消息所属区划，默认取伙伴的区划 / region of its messages; the partner's unless given",
        examples=["990101"],
    )
    operations: tuple[Operation, ...] = Field(
        default=ALL_OPERATIONS,
        min_length=1,
        description="允许调用的操作 / operations it may call",
        examples=[["SettleOutpatient", "QueryPerson"]],
    )
    clients: tuple[Network, ...] = Field(
        default=(),
        description="允许的客户端地址段，空为不限 / client networks let in; all where empty",
        examples=[["10.1.0.0/16", "192.0.2.7/32"]],
    )
    authentication: Annotated[XTif | Unauthenticated, Field(discriminator="kind")] = Field(
        description="身份验证方式 / how callers prove who they are"
    )
    reply_timeout: Duration = Field(
        default=30.0,
        gt=0,
        description="等待中心答复的时限，超过则答“结果未明” / how long to wait for the answer before saying that it is pending",
        examples=["30s"],
    )
    body_limit: Size = Field(
        default=1 << 20,
        gt=0,
        description="请求体大小上限 / largest request body",
        examples=["1MiB"],
    )
    mappings: tuple[Path, ...] = Field(
        default=(),
        description="替换内置映射的文件：各省金额勾稽、扩展字段不同时使用，按根元素对应 / "
        "mapping files that replace the shipped ones of the same root element, for provinces with other sums or fields",
        examples=[["/etc/tongqu/mappings/outpatient_settlement.yaml"]],
    )
    line_tolerance: Annotated[int, Field(ge=0)] | None = Field(
        default=1,
        description="明细金额与 数量×单价 允许相差多少分，空为不检查 / "
        "by how many fen the amount of a fee line may differ from quantity times price; null does not check",
        examples=[1],
    )
    unknown_original: Literal["fault", "nothing-to-reverse"] = Field(
        default="fault",
        description="冲正找不到原报文时：报错，或答“无可冲正” / "
        "a reversal of an original never received: a fault, or the answer that there is nothing to reverse",
        examples=["fault"],
    )
