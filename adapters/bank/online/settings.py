"""Settings of a bank's online interface. Descriptions are for the person who fills them in.

What no public document says about a bank's interface is a setting here: compare each with the description that the
bank gives to its customers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from adapters.bank.online.words import Kind
from gateway.contract import Duration, Endpoint, HttpUrl, Network, Secret, Settings, Size
from gateway.transports.http.settings import ClientTlsSettings, ServerTlsSettings

FormatName = Literal[
    "cmb.credit_transfer", "cmb.credit_transfer_answer", "cmb.direct_debit", "cmb.direct_debit_answer",
    "cmb.batch_query", "cmb.batch", "cmb.details_query", "cmb.details",
    "cdc.credit_transfer", "cdc.credit_transfer_answer", "cdc.direct_debit", "cdc.direct_debit_answer",
    "cdc.batch_query", "cdc.batch", "cdc.debit_query", "cdc.debit_batch",
    "cdc.details_query", "cdc.details", "cdc.debit_details_query", "cdc.debit_details",
    "cdc.refunds_query", "cdc.refunds", "cdc.batch_notice", "cdc.payment_notice",
]  # fmt: skip
FunctionName = Literal[
    "credit", "debit", "credit-status", "debit-status", "credit-details", "debit-details", "refunds",
]  # fmt: skip
_BUSINESS: Final[dict[Kind, str]] = {"credit-transfer": "N03020", "direct-debit": "N03030"}
_SM4_KEY: Final = re.compile(r"[\x21-\x7e]{16}|[0-9a-fA-F]{32}")


class PollSettings(Settings):
    """定期查询未了结的批次。 / Asking about batches that are not finished."""

    every: Duration = Field(
        default=300.0, gt=0, description="多久查询一次 / how often to ask", examples=["5min"]
    )
    inline: int = Field(
        default=1000,
        ge=1,
        le=10000,
        description="结果不超过多少笔时放在报文内，超过则作为附件 / most results within a message; more go into an attachment",
        examples=[1000],
    )
    give_up_after: Duration = Field(
        default=30 * 86400.0,
        gt=0,
        description="提交后多久仍无终态则不再查询并告警 / how long after submission to stop asking, with a warning",
        examples=["30d"],
    )


class RefundSettings(Settings):
    """退票：批次完成后继续查询。 / Payments that came back: asking on after a batch is finished."""

    every: Duration = Field(
        default=6 * 3600.0, gt=0, description="多久查询一次 / how often to ask", examples=["6h"]
    )
    during: Duration = Field(
        default=30 * 86400.0,
        description="批次完成后查询多久 / for how long after a batch is finished",
        examples=["30d"],
    )


class NoticeSettings(Settings):
    """银行主动通知。 / Notices that the bank sends by itself."""

    listen: Endpoint = Field(description="监听地址 / address to listen on", examples=["0.0.0.0:8443"])
    path: str = Field(pattern=r"^/\S*$", description="路径 / path", examples=["/bank/notices"])
    tls: ServerTlsSettings | None = Field(default=None, description="HTTPS 证书 / certificates for HTTPS")
    clients: tuple[Network, ...] = Field(
        min_length=1,
        description="允许的来源地址 / addresses the bank calls from",
        examples=[["203.0.113.0/24"]],
    )
    answer: str = Field(
        default="OK",
        max_length=200,
        description="收妥后的应答正文 / what is answered when it is taken",
        examples=["OK"],
    )


class _Common(Settings):
    """What both dialects need."""

    url: HttpUrl = Field(description="接口地址 / address", examples=["https://cdc.example/cdcserver/api/v2"])
    tls: ClientTlsSettings = Field(
        default=ClientTlsSettings(), description="HTTPS 证书 / certificates for HTTPS"
    )
    timeout: Duration = Field(
        default=60.0, gt=0, description="等待应答的时间 / how long to wait for an answer", examples=["60s"]
    )
    connections: int = Field(
        default=4, ge=1, le=64, description="同时打开的连接数 / connections open at once", examples=[4]
    )
    answer_limit: Size = Field(
        default=8 << 20, ge=1024, description="应答的最大长度 / largest answer", examples=["8MiB"]
    )
    business_mode: str = Field(
        max_length=5,
        description="业务模式编号 BUSMOD，由银行开通 / mode of business, given by the bank",
        examples=["00001"],
    )
    business_codes: dict[Kind, Annotated[str, Field(max_length=6)]] = Field(
        default={},
        description="与通常不同的业务类型 BUSCOD；不填为 N03020 代发、N03030 代扣，N03010 为代发工资 / codes of the business"
        " that differ from the usual ones",
        examples=[{"credit-transfer": "N03010", "direct-debit": "N03030"}],
    )
    account: str = Field(
        default="",
        max_length=35,
        description="我方账号；批次未写明时用 / our account, where a batch names none",
        examples=["990100000000271"],
    )
    transaction_kinds: dict[Kind, Annotated[str, Field(max_length=4)]] = Field(
        default={},
        description="交易类型 TRSTYP；批次未写明时用 / kinds of transaction, where a batch names none",
        examples=[{"credit-transfer": "BYBK", "direct-debit": "BYSF"}],
    )
    purposes: dict[Kind, Annotated[str, Field(max_length=42)]] = Field(
        default={},
        description="用途 NUSAGE；批次未写明时用 / purposes, where a batch names none",
        examples=[{"credit-transfer": "医保报销", "direct-debit": "居民医保费"}],
    )
    branch: str = Field(default="", max_length=2, description="分行号 BBKNBR / branch", examples=["75"])
    slice_size: int = Field(
        default=1000,
        ge=1,
        le=1000,
        description="每次上传的最多笔数 / most items of one call",
        examples=[1000],
    )
    success_codes: tuple[str, ...] = Field(
        min_length=1, description="表示成功的返回码 / result codes that mean success", examples=[["SUC0000"]]
    )
    refused_codes: tuple[str, ...] = Field(
        default=(),
        description="经办被拒且确知银行未受理的返回码，不再查询核实；其余被拒均先按业务参考号核实 / result codes of a submission"
        " that surely mean that nothing was taken; after any other the bank is asked",
        examples=[["SIG0001"]],
    )
    absent_codes: tuple[str, ...] = Field(
        default=(),
        description="按业务参考号查询时，表示银行没有该批次的返回码（CDC 为 resultcode 或 bizcode）；未经银行书面确认不要填写 / result codes of a query that prove"
        " that the bank has no such batch; only what the bank has confirmed in writing",
        examples=[["CSAC049"]],
    )
    absent_when_empty: bool = Field(
        default=False,
        description="查询成功但没有记录，是否证明银行没有该批次；须经银行确认 / whether a successful query without a row proves"
        " that the bank has no such batch",
        examples=[True],
    )
    absent_after: Duration = Field(
        default=300.0,
        description="提交后多久起才相信“没有该批次” / how long after a submission “no such batch” is believed",
        examples=["5min"],
    )
    poll: PollSettings = Field(default=PollSettings(), description="定期查询批次 / polling of batches")
    mappings: dict[FormatName, Path] = Field(
        default={},
        description="用该行约定的映射文件代替随附的 / mapping files of this bank in place of the shipped ones",
        examples=[{"cmb.details": "mappings/cmb.details.yaml"}],
    )

    def business_code(self, kind: Kind) -> str:
        """BUSCOD of a batch."""
        return self.business_codes.get(kind, _BUSINESS[kind])


class CdcSettings(_Common):
    """招商银行国密直连 CDC：JSON，SM2 签名，SM4 加密。 / CMB CDC: JSON, signed with SM2, encrypted with SM4."""

    kind: Literal["cmb-cdc"] = Field(description="国密直连 / CDC", examples=["cmb-cdc"])
    user: str = Field(
        pattern=r"^[\x21-\x7e]{1,16}$",
        description="用户编号 UID / user number",
        examples=["U990101001"],
    )
    key_file: Path = Field(
        description="我方 SM2 私钥文件，权限 0600 / file of our SM2 key, mode 0600",
        examples=["secrets/bank-sm2.pem"],
    )
    bank_keys: tuple[Path, ...] = Field(
        min_length=1,
        description="银行的 SM2 公钥文件，更换期间新旧并列 / the bank's SM2 public keys, several during a change",
        examples=[["keys/bank-sm2.pub"]],
    )
    sm4_key: Secret = Field(
        description="SM4 密钥：16 个字符，或 32 位十六进制 / SM4 key: 16 characters or 32 hexadecimal digits",
        examples=["${file:secrets/bank-sm4.key}"],
    )
    signature_id: str = Field(
        default="",
        max_length=64,
        description="SM2 用户标识；不填为 UID 后补 0 到 16 位 / SM2 id; where empty, UID filled with zeros to 16 characters",
        examples=["U990101001000000"],
    )
    blanks: Literal["refuse", "remove"] = Field(
        default="refuse",
        description="签名前须去除空格，文字（如外文姓名）中的空格也会消失：refuse 拒绝这样的批次，remove 按约定去除 / blanks are"
        " removed before signing, also those within names: refuse such a batch, or remove them as agreed",
        examples=["refuse"],
    )
    answer_signed: Literal["stripped", "sorted", "received"] = Field(
        default="stripped",
        description="应答的签名范围：stripped 键排序并去空格（同请求），sorted 只排序，received 原文 / what of an answer is signed:"
        " sorted and without blanks as requests are, sorted alone, or as received",
        examples=["sorted"],
    )
    error_words: tuple[str, ...] = Field(
        default=("ErrMsg", "CDCServer"),
        min_length=1,
        description="应答含有这些文字即为明文错误 / words by which an answer is an error in plain text",
        examples=[["ErrMsg", "CDCServer"]],
    )
    form: dict[str, str] = Field(
        default={},
        description="表单中另加的字段，例如 INSPLAT / further fields of the form",
        examples=[{"INSPLAT": "DEMO"}],
    )
    functions: dict[FunctionName, str] = Field(
        default={},
        description="与通常不同的交易码 / functions whose code differs from the usual one",
        examples=[{"debit-status": "BB6BPDQY"}],
    )
    success_codes: tuple[str, ...] = Field(
        default=("SUC0000",),
        min_length=1,
        description="表示成功的 resultcode，须与接口文档核对 / resultcodes that mean success; compare",
        examples=[["SUC0000"]],
    )
    refunds: RefundSettings | None = Field(
        default=None, description="查询退票；不填不查 / asking for refunds"
    )
    notices: NoticeSettings | None = Field(default=None, description="接收通知；不填不收 / receiving notices")

    @model_validator(mode="after")
    def _key(self) -> CdcSettings:
        if _SM4_KEY.fullmatch(self.sm4_key.get_secret_value().strip()) is None:
            raise ValueError(
                "sm4_key 须为 16 个字符或 32 位十六进制 / needs 16 characters or 32 hexadecimal digits"
            )
        return self


class XmlSettings(_Common):
    """招商银行前置机：XML（GBK），由前置机签名。 / CMB's front end on our premises: XML in GBK; it signs by itself."""

    kind: Literal["cmb-xml"] = Field(description="前置机 XML / the front end", examples=["cmb-xml"])
    login: str = Field(
        min_length=1, max_length=30, description="登录用户名 LGNNAM / login name", examples=["银企直连样例"]
    )
    content_type: str = Field(
        default="text/xml; charset=GBK",
        description="请求的 Content-Type / of requests",
        examples=["text/xml"],
    )
    success_codes: tuple[str, ...] = Field(
        default=("0",),
        min_length=1,
        description="表示成功的 RETCOD，须与接口文档核对 / RETCODs that mean success; compare",
        examples=[["0"]],
    )


OnlineSettings = Annotated[CdcSettings | XmlSettings, Field(discriminator="kind")]
