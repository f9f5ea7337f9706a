"""What differs from hospital to hospital and from province to province: a common part, and a block per face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from adapters.hospital.hl7.settings import Hl7Face
from adapters.hospital.national.settings import NationalFace
from adapters.hospital.operations import NAMES
from adapters.hospital.parts import InstitutionCode, Network, RateLimit, Region
from adapters.hospital.soap.settings import SoapFace
from gateway.contract import Duration, Settings


def _operation(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"没有这个操作，可用：/ no such operation; there are: {', '.join(NAMES)}")
    return name


class HospitalSettings(Settings):
    """One hospital, or one supplier's system through which several institutions call."""

    soap: SoapFace | None = Field(
        default=None, description="SOAP 接口（本网关的 WSDL） / SOAP by our own WSDL"
    )
    national: NationalFace | None = Field(
        default=None, description="国家接口（JSON） / the national interface, JSON"
    )
    hl7: Hl7Face | None = Field(default=None, description="HL7 v2 接口（MLLP） / HL7 v2 over MLLP")
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
    operations: tuple[Annotated[str, AfterValidator(_operation)], ...] | None = Field(
        default=None,
        min_length=1,
        description="允许调用的操作，空为所开接口的全部 / operations it may call; all that its faces have where absent",
        examples=[["SettleOutpatient", "QueryPerson"]],
    )
    clients: tuple[Network, ...] = Field(
        default=(),
        description="允许的客户端地址段，空为不限 / client networks let in; all where empty",
        examples=[["10.1.0.0/16", "192.0.2.7/32"]],
    )
    rate_limit: RateLimit | None = Field(
        default=None, description="请求频率上限，空为不限 / how often it may ask; without limit where absent"
    )
    reply_timeout: Duration = Field(
        default=30.0,
        gt=0,
        description="等待中心答复的时限，超过则答“结果未明” / how long to wait for the answer before saying that it is pending",
        examples=["30s"],
    )
    mappings: tuple[Path, ...] = Field(
        default=(),
        description="替换内置映射的文件：各省金额勾稽、扩展字段不同时使用，按映射名对应 / "
        "mapping files that replace the shipped ones of the same name, for provinces with other sums or fields",
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

    @model_validator(mode="after")
    def _has_a_face(self) -> Self:
        if self.soap is None and self.national is None and self.hl7 is None:
            zh, en = (
                "至少要有一个接口：soap、national 或 hl7",
                "at least one face is needed: soap, national or hl7",
            )
            raise ValueError(f"{zh} / {en}")
        return self
