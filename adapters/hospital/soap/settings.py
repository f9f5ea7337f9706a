"""Settings of the SOAP face."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from adapters.hospital.national.settings import NationalRules
from adapters.hospital.parts import HttpFace, HttpPath, InstitutionCode
from gateway.contract import HttpUrl, Secret, Settings

StyleName = Literal["own", "param-xml", "hip"]
Interaction = Literal["PRPA_IN201311UV02", "PRPA_IN201314UV02"]

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S+$")]
_INFNO: Final = re.compile(r"\d{4,5}[A-Z]?")


def _infno(text: str) -> str:
    if not _INFNO.fullmatch(text):
        raise ValueError("应为交易编号，如 2207 / must be a transaction number such as 2207")
    return text


class Esb(Settings):
    """The `ESBEntry` envelope around the transaction. What its parts are called was seen in few systems only."""

    user: str | None = Field(
        default=None,
        max_length=64,
        description="AccessControl 中的 UserName，不填则不核对 / user name to be found in it; not checked where absent",
        examples=["HIS"],
    )
    password: Secret | None = Field(
        default=None,
        description="AccessControl 中的 Password / password to be found in it",
        examples=["${env:ESB_PASSWORD}"],
    )
    fids: dict[str, Annotated[str, AfterValidator(_infno)]] = Field(
        default_factory=dict,
        description="服务编号 Fid → 交易编号，填写后两者须相符，表外 Fid 拒绝 / "
        "Fid → transaction number: both must agree then, and other Fids are refused",
        examples=[{"PS35017": "2207"}],
    )
    source: str = Field(
        default="S01",
        max_length=20,
        description="答复中的 SourceSysCode / SourceSysCode of answers",
        examples=["S01"],
    )
    code: Name = Field(
        default="RetCode", description="RetInfo 中结果代码的元素名 / element of the result's code in RetInfo"
    )
    text: Name = Field(
        default="RetCon", description="RetInfo 中结果说明的元素名 / element of the result's text in RetInfo"
    )
    done: str = Field(
        default="1", max_length=10, description="表示成功的结果代码 / code of success", examples=["1"]
    )
    refused: str = Field(
        default="0", max_length=10, description="表示失败的结果代码 / code of failure", examples=["0"]
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user 与 password 须同时填写 / user and password go together")
        return self


class ParamXml(NationalRules):
    """One operation whose one parameter is a text that holds the transaction; names differ by system."""

    operation: Name = Field(
        default="AppCheckList", description="操作（请求元素）名 / operation, the request's element"
    )
    namespace: Uri = Field(
        default="urn:tongqu:hospital:paramxml",
        description="命名空间 / namespace",
        examples=["http://tempuri.org/"],
    )
    parameter: Name = Field(default="paramXml", description="参数元素名 / element of the parameter")
    answer: Name | None = Field(
        default=None,
        description="应答元素名，默认 操作名+Response / element of the answer; operation + Response",
    )
    result: Name | None = Field(
        default=None, description="结果元素名，默认 操作名+Result / element of the result; operation + Result"
    )
    qualified: bool = Field(
        default=True,
        description="参数与结果元素是否带命名空间（读取时两者均可） / whether parameter and result are in the namespace; read either way",
    )
    content: Literal["xml", "json"] = Field(
        default="xml", description="参数内是 XML 还是 JSON / what the parameter holds", examples=["xml"]
    )
    root: Name = Field(
        default="response",
        description="结果 XML 的根元素名；请求的根元素名不限 / root element of the result's XML; requests may have any",
    )
    esb: Esb | None = Field(
        default=None,
        description="填写后交易装在 ESBEntry 的 MsgInfo/Msg 内 / where set, the transaction is in MsgInfo/Msg of an ESBEntry",
    )

    @property
    def answer_name(self) -> str:
        return self.answer or f"{self.operation}Response"

    @property
    def result_name(self) -> str:
        return self.result or f"{self.operation}Result"

    @model_validator(mode="after")
    def _fits_the_content(self) -> Self:
        if self.esb is not None and self.content == "json":
            raise ValueError("ESBEntry 是 XML：content 应为 xml / an ESBEntry is XML: content must be xml")
        if self.output == "string" and self.content == "xml":
            raise ValueError("content 为 xml 时 output 应为 object / with XML, output must be object")
        return self


class Hip(Settings):
    """`HIPMessageServer` of the health-information platforms (WS/T 互联互通)."""

    result: Name = Field(
        default="HIPMessageServerResult", description="应答中结果元素名 / element of the result in the answer"
    )
    actions: dict[str, Interaction] = Field(
        default={"PatientInfoRegister": "PRPA_IN201311UV02", "PatientInfoUpdate": "PRPA_IN201314UV02"},
        min_length=1,
        description="服务名 action → 消息类型；action 也可直接写消息类型 / action → interaction; an action may also be the interaction itself",
        examples=[{"PatientInfoRegister": "PRPA_IN201311UV02"}],
    )
    organisations: dict[str, InstitutionCode] = Field(
        default_factory=dict,
        description="组织机构代码 → 定点医药机构编号，表外代码按原样核对 / "
        "organisation code in the messages → institution code; others are taken as they are",
        examples=[{"123456789": "H99010100001"}],
    )
    device: str = Field(
        default="tongqu", max_length=64, description="应答中我方系统标识 / our system's id in answers"
    )


class SoapFace(HttpFace):
    """SOAP: our own WSDL (1.1 and 1.2), a text parameter (1.1), `HIPMessageServer` (1.2), all at one path."""

    path: HttpPath = Field(
        default="/hospital",
        description="服务路径；WSDL 在 路径?wsdl / path of the service; its WSDL is at path?wsdl",
        examples=["/hospital/h001"],
    )
    public_url: HttpUrl | None = Field(
        default=None,
        description="写入 WSDL 的地址（经反向代理时填写） / address written into the WSDL, where a proxy stands before us",
        examples=["https://gateway.example/hospital/h001"],
    )
    styles: tuple[StyleName, ...] = Field(
        default=("own",),
        min_length=1,
        description="接受的接口样式；?wsdl=样式 取其 WSDL，?wsdl 取第一个 / "
        "styles that are understood; each has its WSDL at ?wsdl=STYLE, and ?wsdl is that of the first",
        examples=[["own", "param-xml", "hip"]],
    )
    param_xml: ParamXml = Field(
        default_factory=ParamXml,
        description="param-xml 样式的名称与内容 / names and content of style param-xml",
    )
    hip: Hip = Field(default_factory=Hip, description="hip 样式 / style hip")
