"""What a partner's settings say about its operations, whatever carries them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from gateway.canonical import BODIES
from gateway.contract import Operation, Settings, Title

#: A file of the configuration folder, or a mapping that comes with the gateway: `shipped:hospital/person_query`.
Shipped = Annotated[str, StringConstraints(pattern=r"^shipped:[a-z0-9_./-]+$")]
MappingRef = Annotated[Shipped | Path, Field(examples=["mappings/registration.yaml"])]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,60}$")]
#: A way into an answer by names, from the top: `head/code`.
Place = Annotated[str, StringConstraints(pattern=r"^[^/\s]+(/[^/\s]+)*$")]
Codes = Annotated[tuple[str, ...], Field(examples=[["0"]])]

#: In the place of a mapping: files of this operation travel as they are.
FILE: Final = "file"
FILE_TYPE: Final = "file.exchange.submitted.v1"

_UNSENT = frozenset({401, 403, 404, 405, 406, 407, 415, 429})


class TitleSettings(Settings):
    """操作名称。 / What people call the operation."""

    zh: str = Field(min_length=1, description="中文名称 / in Chinese", examples=["企业登记变动通知"])
    en: str = Field(min_length=1, description="英文名称 / in English", examples=["Registration notice"])


class AnswerSettings(Settings):
    """对方应答如何判断。此处没有列明的应答一律视为结果不明。

    What an answer of the partner proves. Whatever is not listed here leaves the outcome unknown.
    """

    statuses: tuple[int, ...] = Field(
        default=(200,),
        min_length=1,
        description="正常应答的 HTTP 状态 / HTTP statuses of a regular answer",
        examples=[[200]],
    )
    rejected_statuses: tuple[int, ...] = Field(
        default=(),
        description="表示拒绝且未生效的 HTTP 状态 / statuses by which the partner refuses, without effect",
        examples=[[400, 422]],
    )
    retry_statuses: tuple[int, ...] = Field(
        default=tuple(sorted(_UNSENT)),
        description="表示请求未进入对方系统、可稍后再送的 HTTP 状态 / statuses that say nothing was taken in: sent again later",
        examples=[[401, 403, 429]],
    )
    format: Literal["xml", "json"] = Field(
        default="xml", description="应答的格式 / format of the answer", examples=["json"]
    )
    at: Place | None = Field(
        default=None,
        description="结果代码的位置；不填则只看 HTTP 状态 / where the result code stands; without it the status decides",
        examples=["head/code"],
    )
    reason_at: Place | None = Field(
        default=None, description="说明文字的位置 / where its words stand", examples=["head/message"]
    )
    reference_at: Place | None = Field(
        default=None,
        description="对方受理编号的位置 / where the partner's own number for it stands",
        examples=["body/serial"],
    )
    accepted: Codes = Field(default=(), description="表示成功的代码 / codes that mean it was done")
    rejected: Codes = Field(
        default=(), description="表示拒绝且未生效的代码 / codes that mean no, without effect"
    )
    retry: Codes = Field(
        default=(),
        description="表示未受理、可稍后再送的代码 / codes that mean nothing was taken in: again later",
    )
    absent: Codes = Field(
        default=(), description="仅用于查询：表示从未收到 / for queries only: codes that mean it never came"
    )

    @model_validator(mode="after")
    def _once(self) -> AnswerSettings:
        listed = [*self.accepted, *self.rejected, *self.retry, *self.absent]
        statuses = [*self.statuses, *self.rejected_statuses, *self.retry_statuses]
        if len(set(listed)) != len(listed) or len(set(statuses)) != len(statuses):
            raise ValueError("每个代码和状态只能有一种含义 / each code and status may mean one thing")
        if (self.at is None) != (not self.accepted):
            raise ValueError("at 与 accepted 须同时填写 / at and accepted go together")
        return self


class InquirySettings(Settings):
    """结果不明时问对方或撤回的报文，由原报文经另一个映射写成；{reference} 为原报文的编号。

    The question, or the reversal, where an outcome is unknown: the original message, written by another mapping.
    """

    mapping: MappingRef = Field(
        description="写出此报文的映射，canonical 与原报文相同 / the mapping that writes it; its canonical type is the original's"
    )
    envelope: dict[str, str] = Field(
        default={},
        description="映射中 envelope 各行的值 / values of the mapping's envelope lines",
        examples=[{"msgid": "{reference}"}],
    )
    answer: AnswerSettings = Field(description="应答如何判断 / what the answer proves")


class OperationSettings(Settings):
    """一项操作。 / One operation."""

    name: Name = Field(description="名称，启用后不要改 / name; keep it", examples=["AnnounceRegistration"])
    title: TitleSettings = Field(description="显示名称 / shown to people")
    direction: Literal["inbound", "outbound"] = Field(
        description="inbound 对方送来；outbound 我方送去 / who asks: the partner, or we", examples=["inbound"]
    )
    style: Literal["one-way", "request-reply"] = Field(
        default="one-way", description="单向或请求应答 / one way, or with an answer", examples=["one-way"]
    )
    type: str = Field(
        description="规范报文类型，见 docs/canonical / canonical message type",
        examples=["organisation.registration.changed.v1"],
    )
    reply_type: str | None = Field(
        default=None,
        description="应答的规范报文类型 / canonical type of the answer",
        examples=["identity.person.answered.v1"],
    )
    request: Literal["file"] | MappingRef = Field(
        description="请求的映射；file 为原样转送的文件，不读内容 / mapping of the request; file for files that travel as they are",
        examples=["mappings/registration.yaml"],
    )
    reply: MappingRef | None = Field(
        default=None,
        description="应答的映射；单向送来的报文可用它写回执 / mapping of the answer; of the receipt for one-way inbound",
    )
    refusal: MappingRef | None = Field(
        default=None,
        description="送来的报文被拒绝时的应答映射，不填用 SOAP Fault 或标准内容 / mapping of a refusal; SOAP fault or standard body without it",
    )
    id: str | None = Field(
        default=None,
        description="对方报文编号所在字段（规范字段或 envelope 行）：重复的编号只生效一次；request: file 时为 content（默认，同内容即同一份）或 file_name / the field with the partner's own id: a repeated one has one effect; of files content (the default: equal contents are one message) or file_name",
        examples=["notice_no"],
    )
    order_by: str | None = Field(
        default=None,
        description="按此字段保持先后次序 / messages alike in this field keep their order",
        examples=["uscc"],
    )
    subject: str | None = Field(
        default=None,
        description="供查找的业务编号所在字段，不得是个人信息 / business key people search by; never personal",
        examples=["notice_no"],
    )
    reference: str = Field(
        default="{message_id}",
        min_length=1,
        description="我方送出的编号：{message_id} {date} {serial:8} {region}，request: file 时另有 {file_name} / our number for what is sent; of files also {file_name}",
        examples=["GW{date}{serial:8}"],
    )
    envelope: dict[str, str] = Field(
        default={},
        description="映射中 envelope 各行的值，可用 {reference} {message_id} {region} {date} {time} / values of envelope lines",
        examples=[{"msgid": "{reference}", "sender": "GW01"}],
    )
    moves_money: bool = Field(default=False, description="是否涉及资金 / whether it moves money")
    idempotent: bool = Field(
        default=False,
        description="对方书面确认：同一编号重复送达只生效一次 / the partner has confirmed in writing: the same number takes effect once",
    )
    on_unknown: Literal["resend", "query", "reverse", "manual"] = Field(
        default="manual",
        description="结果不明时：resend 重送，query 查询，reverse 冲正，manual 由人处理 / where the outcome is unknown",
        examples=["manual"],
    )
    answer: AnswerSettings = Field(
        default=AnswerSettings(), description="应答如何判断 / what the answer proves"
    )
    query: InquirySettings | None = Field(default=None, description="查询 / the query")
    reversal: InquirySettings | None = Field(default=None, description="冲正 / the reversal")

    @model_validator(mode="after")
    def _sound(self) -> OperationSettings:
        for kind in filter(None, (self.type, self.reply_type)):
            if kind not in BODIES:
                raise ValueError(f"没有报文类型 {kind} / no message type {kind}")
        if (self.style == "request-reply") != (self.reply_type is not None):
            raise ValueError(
                "request-reply 须填 reply_type，one-way 不填 / reply_type belongs to request-reply"
            )
        if self.style == "request-reply" and self.reply is None:
            raise ValueError("request-reply 须填 reply / request-reply needs the mapping of its reply")
        if self.opaque:
            self._carried()
        if self.direction == "inbound":
            if self.id is None and not self.opaque:
                raise ValueError("inbound 须填 id / an inbound operation needs id")
            return self
        return self._settled()

    @property
    def opaque(self) -> bool:
        """Its files travel as they are."""
        return self.request == FILE

    def _carried(self) -> None:
        """Of a file nobody reads, nothing can be written in another form."""
        if self.type != FILE_TYPE:
            raise ValueError(f"request: file 的 type 为 {FILE_TYPE} / the type of files is {FILE_TYPE}")
        if any((self.reply_type, self.reply, self.refusal, self.query, self.envelope)):
            raise ValueError(
                "request: file 不能有应答、拒绝、查询的映射 / files have no mappings of replies, refusals or queries"
            )
        if self.id not in (None, "content", "file_name"):
            raise ValueError(
                "request: file 的 id 为 content 或 file_name / the id of files is content or file_name"
            )

    def _settled(self) -> OperationSettings:
        if self.refusal is not None or self.id is not None:
            raise ValueError("refusal 与 id 仅用于 inbound / refusal and id belong to inbound")
        if self.on_unknown == "resend" and (self.moves_money or not self.idempotent):
            raise ValueError(
                "resend 须 idempotent: true 且不涉及资金 / resend needs idempotent: true, and no money"
            )
        asks = self.query is not None or self.on_unknown == "reverse"
        if (
            self.on_unknown in ("query", "reverse")
            and asks
            and not (self.query and self.query.answer.accepted)
        ):
            raise ValueError(
                "query 与 reverse 须填 query 及其代码 / query and reverse need the query and its codes"
            )
        if (self.on_unknown == "reverse") != (self.reversal is not None):
            raise ValueError("reverse 与 reversal 须同时填写 / reverse and reversal go together")
        return self

    def described(self) -> Operation:
        """As the engine knows it."""
        out = self.direction == "outbound"
        return Operation(
            name=self.name,
            title=Title(zh=self.title.zh, en=self.title.en),
            direction="out" if out else "in",
            request=self.type,
            reply=self.reply_type,
            style=self.style,
            on_unknown=self.on_unknown if out else None,
            moves_money=self.moves_money,
        )
