"""Settings of the national face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from adapters.hospital.parts import HttpFace, HttpPath
from gateway.contract import Duration, Secret, Settings, Size

OperatorKind = Annotated[str, StringConstraints(pattern=r"^\d{1,3}$")]


class SignIn(Settings):
    """Sessions: 9001 and 9002."""

    required: bool = Field(
        default=True,
        description="业务交易必须带有效的签到编号 sign_no / business needs the number of a sign-in that holds",
    )
    lifetime: Duration = Field(
        default=86_400.0,
        gt=0,
        description="一次签到的有效时间 / how long a sign-in holds",
        examples=["24h"],
    )


class Files(Settings):
    """Uploads and downloads: 9101 and 9102. What is stored is sealed."""

    key: Secret = Field(
        description="加密文件用的口令，至少 16 个字符；更换后旧文件不能再读 / what the files are sealed with, at least 16"
        " characters; files sealed with another cannot be read any more",
        examples=["${file:secrets/hospital-files.key}"],
        min_length=16,
    )
    folder: Path | None = Field(
        default=None,
        description="存放目录，默认在网关的数据目录 / where they are kept; in the gateway's data folder where absent",
        examples=["/var/lib/tongqu/hospital-a"],
    )
    max_size: Size = Field(
        default=8 << 20, gt=0, description="单个文件大小上限 / largest file", examples=["8MiB"]
    )
    max_total: Size = Field(
        default=1 << 30, gt=0, description="全部文件大小上限 / all files together", examples=["1GiB"]
    )
    keep: Duration = Field(
        default=7 * 86_400.0,
        gt=0,
        description="保留时间，过期删除 / how long a file is kept; deleted after that",
        examples=["7d"],
    )


class NationalRules(Settings):
    """What is agreed about requests and answers, whatever carries them."""

    msgid: Literal["national", "free"] = Field(
        default="national",
        description="报文ID：national 机构编号+14位时间+4位顺序号；free 不超过30位 / message ids: institution, time and"
        " serial as the interface says, or anything up to 30 characters",
        examples=["national"],
    )
    recer_sys_codes: tuple[str, ...] = Field(
        default=(),
        description="接受的接收方系统代码，空为不限 / receiver codes taken; any where empty",
        examples=[["01"]],
    )
    infvers: tuple[str, ...] = Field(
        default=(),
        description="接受的接口版本号，空为不限 / versions taken; any where empty",
        examples=[["V1.0"]],
    )
    signtypes: tuple[str, ...] = Field(
        default=(),
        description="接受的签名类型，空为不限 / kinds of signature taken; any where empty",
        examples=[["SM3"]],
    )
    opter_types: tuple[OperatorKind, ...] = Field(
        default=("1", "2", "3"),
        description="接受的经办人类别，空为不限 / kinds of operator taken; any where empty",
        examples=[["1", "2", "3"]],
    )
    output: Literal["object", "string"] = Field(
        default="object",
        description="output 为对象，或为含 JSON 的字符串 / output as an object, or as a text that holds JSON",
        examples=["object"],
    )
    infcode_refused: int = Field(
        default=-1, description="拒绝时的 infcode / infcode of a refusal", examples=[-1], lt=0
    )
    infcode_unsettled: int = Field(
        default=-1,
        description="结果未明或暂时无法受理时的 infcode / infcode where the outcome is open, or nothing was taken",
        examples=[-1],
        lt=0,
    )
    err_msg_length: int = Field(
        default=200,
        ge=80,
        description="通衢自己的 err_msg 的最大长度；平台的原文不截断 / longest err_msg of our own, in characters; the"
        " platform's is passed on whole",
        examples=[200],
    )
    echo_msgid: bool = Field(
        default=True,
        description="结算应答的 medins_setl_id 写医院自己的报文ID，否则写送往中心的 / the answer to a settlement names"
        " the hospital's own msgid, else the one it was sent on under",
    )


class NationalFace(HttpFace, NationalRules):
    """The national interface: JSON over HTTP(S)."""

    path: HttpPath = Field(
        default="/fsi/api",
        description="服务路径 / path of the service",
        examples=["/fsi/api/rsfComIfsService/callService"],
    )
    url_style: Literal["one-url", "per-infno"] = Field(
        default="one-url",
        description="one-url 一个地址；per-infno 每交易一个：路径/交易编号 / one URL for all; path/infno for each",
        examples=["one-url"],
    )
    sign_in: SignIn = Field(default=SignIn(), description="签到 / signing in")
    files: Files | None = Field(
        default=None,
        description="文件上传下载 9101、9102；不填则不开通 / uploads and downloads; not open where absent",
    )
    catalogues: Path | None = Field(
        default=None,
        description="目录文件所在目录，每类一个子目录(1301…)；不填则不开通 / folder of catalogue files, one folder each"
        " (1301…); not open where absent",
        examples=["/srv/tongqu/catalogues"],
    )
