"""Settings of the HL7 face."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from adapters.hospital.hl7.events import EVENTS
from adapters.hospital.parts import InstitutionCode
from gateway.contract import ConfigError, Duration, Endpoint, Settings, Size
from gateway.transports.http.settings import ServerTlsSettings

#: The `facilities` entry for every MSH-4 that has none of its own.
ANY = "*"


def _event(name: str) -> str:
    if name not in EVENTS:
        raise ValueError(f"没有这个事件，可用：/ no such event; there are: {', '.join(EVENTS)}")
    return name


class Facility(Settings):
    """The institution that a sending facility stands for."""

    institution: InstitutionCode = Field(
        description="定点医药机构编号，须列在 institutions 中 / institution code, one of institutions",
        examples=["H99010100001"],
    )
    name: str = Field(
        min_length=1, max_length=200, description="机构名称 / its name", examples=["示例市第一人民医院"]
    )


class Hl7Face(Settings):
    """HL7 v2.4 over MLLP."""

    listen: Endpoint = Field(
        description="监听地址，独占端口 / where to listen; the port is its own", examples=["0.0.0.0:2575"]
    )
    tls: ServerTlsSettings | None = Field(
        default=None, description="TLS 证书；不填则为明文 / TLS files; plain without them"
    )
    charset: Literal["gbk", "gb18030", "utf-8"] = Field(
        default="gbk",
        description="报文字符集；MSH-18 写明 GBK、GB18030、UTF-8 等的，以报文为准 / "
        "character set, where MSH-18 of a message names none that is known",
    )
    connection: Literal["persistent", "one-message"] = Field(
        default="persistent",
        description="persistent 一条连接收多条报文；one-message 答复后由我方断开 / "
        "many messages on a connection, or closed by us after each answer",
    )
    facilities: dict[str, Facility] = Field(
        min_length=1,
        description=f"发送机构 MSH-4 对应的定点机构；{ANY} 代表其余 / the institution that MSH-4 stands for; {ANY} for all others",
        examples=[{"DEMO": {"institution": "H99010100001", "name": "示例市第一人民医院"}}],
    )
    applications: tuple[str, ...] = Field(
        default=(),
        description="允许的发送应用 MSH-3，空为不限 / sending applications let in; all where empty",
        examples=[["NHIS"]],
    )
    receivers: tuple[str, ...] = Field(
        default=(),
        description="报文须写明的接收应用 MSH-5，空为不限 / receiving applications that messages may name; all where empty",
        examples=[["EAI"]],
    )
    receiving_facilities: tuple[str, ...] = Field(
        default=(),
        description="报文须写明的接收机构 MSH-6，空为不限 / receiving facilities that messages may name; all where empty",
        examples=[["990101"]],
    )
    processing: tuple[Literal["P", "T", "D"], ...] = Field(
        default=("P",),
        min_length=1,
        description="接受的处理标识 MSH-11：P 生产，T 培训，D 调试 / processing ids taken",
    )
    events: tuple[Annotated[str, AfterValidator(_event)], ...] = Field(
        default=tuple(EVENTS),
        min_length=1,
        description="受理的事件，其余答 AR / events taken; others are answered AR",
        examples=[["ADT^A01", "ADT^A03"]],
    )
    application: str = Field(
        default="TONGQU",
        min_length=1,
        max_length=50,
        description="应答中我方的应用名，报文 MSH-5 为空时使用 / our name in answers to messages whose MSH-5 is empty",
        examples=["EAI"],
    )
    operator_code: str = Field(
        default="hl7", min_length=1, max_length=20, description="记为经办人编号 / put down as the operator"
    )
    operator_name: str = Field(
        default="HL7 接口", min_length=1, max_length=50, description="记为经办人姓名 / the operator's name"
    )
    accepted_text: str = Field(
        default="成功",
        min_length=1,
        max_length=200,
        description="AA 应答的文字 MSA-3 / words of a positive answer",
    )
    text_limit: int = Field(
        default=200,
        ge=40,
        le=500,
        description="应答文字 MSA-3 最多几个字符 / longest MSA-3, in characters",
    )
    unavailable: Literal["silent", "AE", "AR"] = Field(
        default="silent",
        description="暂时无法受理时：不答并断开（医院必会重发），或答 AE、AR（确认医院会重发时才用） / "
        "what is said where nothing can be committed: nothing, so that the hospital sends again, or AE or AR",
    )
    message_limit: Size = Field(default=1 << 20, gt=0, description="报文大小上限 / largest message")
    connections: int = Field(default=100, gt=0, description="同时连接数上限 / connections at once")
    idle: Duration = Field(
        default=600.0, gt=0, description="连接空闲多久后断开 / how long a connection may be silent"
    )
    arrival: Duration = Field(
        default=10.0,
        gt=0,
        description="一条报文从首字节到末字节的时限 / from a message's first byte to its last",
    )


def wrong(face: Hl7Face, institutions: Collection[str], clients: Collection[str]) -> Iterator[ConfigError]:
    """What is wrong with a face beyond its declaration; each path is that inside the adapter's settings."""
    for facility, known in face.facilities.items():
        if known.institution not in institutions:
            zh, en = "该机构不在 institutions 中", "the institution is none of institutions"
            yield ConfigError(zh, en, path=f"hl7.facilities.{facility}.institution")
    here = face.listen.startswith(("127.", "localhost:", "[::1]:"))
    if not (here or clients or (face.tls and face.tls.client_ca)):
        zh = "HL7 报文没有身份验证：请填写 clients 或 tls.client_ca，或只监听本机"
        en = "HL7 proves nobody's identity: say clients or tls.client_ca, or listen on a loopback address"
        yield ConfigError(zh, en, path="hl7.listen")
