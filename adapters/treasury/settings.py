"""Settings of one access point to the treasury network. Descriptions are for the person who fills them in.

What no public document says about the network is a setting here, and its default claims nothing: ask the centre.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import Field, StringConstraints, model_validator

from adapters.treasury.wire.settings import SealSettings
from gateway.contract import Duration, Operation, Secret, Settings
from gateway.transports.mq import MqSettings

MessageNo = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]
Code12 = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
QueueName = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9._/%-]|\{node\}){1,200}$")]

#: Operations of the manifest that are handed on only where the settings say so: each needs a route.
HandedOn = Literal[
    "package-answer", "refund-check", "correction-check", "packages", "treasury-entries", "treasury-report",
    "working-day", "reference-data", "parameters", "text-received",
]  # fmt: skip
#: What is seen to go, or by its kind must go, through the queues of batches.
_BATCH: Final = (
    "1024", "1025", "1102", "1103", "1104", "1105", "1106", "9111", "9113", "9116", "9117",
)  # fmt: skip


class QueueSettings(Settings):
    """队列名；{node} 处填入节点代码。 / Names of the queues; {node} stands for our node's code."""

    online_out: QueueName = Field(
        default="PBC.EXT.ONLINE.IN", description="我方放入实时报文 / where we put what is asked in real time"
    )
    batch_out: QueueName = Field(
        default="PBC.EXT.BATCH.IN", description="我方放入批量报文 / where we put packages"
    )
    online_in: QueueName = Field(
        default="PBC.{node}.ONLINE.OUT", description="我方收取实时报文 / where we take answers in real time"
    )
    batch_in: QueueName = Field(
        default="PBC.{node}.BATCH.OUT", description="我方收取批量报文 / where we take packages"
    )
    batch_messages: tuple[MessageNo, ...] = Field(
        default=_BATCH,
        description="放入批量队列的报文编号，其余放入实时队列 / message numbers that go through the queue of packages; all others"
        " go in real time",
        examples=[["1102", "1104", "9111"]],
    )


class SessionSettings(Settings):
    """登录与系统状态。 / Logging in, and the state of the network."""

    log_in: bool = Field(
        default=True,
        description="启动时登录（9006），登录前不办业务 / log in at start; no business before that",
    )
    password: Secret | None = Field(
        default=None,
        description="登录口令；log_in 时必填 / password; needed where we log in",
        examples=["${file:secrets/treasury.password}"],
    )
    new_password: Secret | None = Field(
        default=None,
        description="更换口令：填在此处，下次登录时交给中心；中心接受后移到 password，删去此项 / to change the password: put the new one"
        " here, it is handed over at the next log-in; when it was accepted, move it to `password`",
        examples=["${file:secrets/treasury-next.password}"],
    )
    retry: Duration = Field(
        default=10.0, gt=0, description="登录不成后的首次间隔 / pause after a failed log-in", examples=["10s"]
    )
    retry_longest: Duration = Field(
        default=300.0, gt=0, description="间隔逐次加倍，至多 / pauses double up to this", examples=["5min"]
    )
    test_every: Duration | None = Field(
        default=300.0,
        gt=0,
        description="多久发一次连接测试（9005）；null 不发 / how often to test the connection; null for never",
        examples=["5min"],
    )
    open_states: tuple[str, ...] = Field(
        default=(),
        description="可以办理业务的系统状态（SysStat）；不填则任何状态都办 / states of the network (SysStat) in which business is"
        " sent; empty: in any",
        examples=[["1"]],
    )
    not_logged_in_codes: tuple[str, ...] = Field(
        default=(),
        description="9120 中表示“未登录、报文未受理”的结果码；须经中心确认 / result codes of a 9120 that mean: not logged in, nothing was"
        " taken; only what the centre has confirmed",
        examples=[["90009"]],
    )
    not_logged_in_words: tuple[str, ...] = Field(
        default=(),
        description="9120 附言中表示同样意思的文字；须经中心确认 / words in the text of a 9120 that mean the same; only what the"
        " centre has confirmed",
        examples=[["未登录"]],
    )

    @model_validator(mode="after")
    def _password(self) -> SessionSettings:
        if self.log_in and self.password is None:
            raise ValueError("须填写 password，或写明 log_in: false / password is needed, or log_in: false")
        return self


class PackageSettings(Settings):
    """批量扣款包。 / Packages of debits."""

    size: int = Field(
        default=1000, ge=1, le=1000, description="每包最多笔数 / most debits of one package", examples=[1000]
    )
    answer_timeout: Duration = Field(
        default=60.0,
        gt=0,
        description="放入后等待 9120 的时间 / how long to wait for a 9120 on a package",
        examples=["60s"],
    )
    silence_means_taken: bool = Field(
        default=True,
        description="无 9120 即视为已受理，结果以 2102 为准；填 false 则视为结果不明，先查询 / without a 9120 the package counts as"
        " taken, and 2102 tells its results; false: its outcome is unknown until it was asked about",
    )


class StateQuerySettings(Settings):
    """业务状态查询（9003、9004）；代码须向中心索取。 / Queries of states; ask the centre for the codes."""

    debit: str = Field(
        pattern=r"^\S{1,4}$", description="查询单笔的 SearchType / SearchType of a debit", examples=["1"]
    )
    package: str = Field(
        pattern=r"^\S{1,4}$", description="查询批量包的 SearchType / SearchType of a package", examples=["2"]
    )
    states: dict[str, Literal["success", "rejected", "in-doubt"]] = Field(
        default={},
        description="应答中 OpStat 的含义：success 已扣款（或包已受理），rejected 未生效且不会生效；未列出的都不作为依据 / meanings of OpStat:"
        " success took effect (or a package was taken), rejected never will; others prove nothing",
        examples=[{"20": "success"}],
    )


class ResendSettings(Settings):
    """核对通知（3200、3201）中有而我方未收到的包，请求重发。 / Asking again for packages that were announced and never came."""

    organisation_kind: str = Field(
        pattern=r"^\S{1,2}$",
        description="我方的机构类别 OrgType：0 财政、1 社保 / our kind of organisation: 0 finance, 1 social insurance",
        examples=["1"],
    )
    sender_code: Code12 = Field(
        description="请求机构代码 SendOrgCode / code of the organisation that asks", examples=["299010100000"]
    )


class TreasurySettings(Settings):
    """一个接入节点。 / One node of the network."""

    node: Code12 = Field(description="我方节点代码（SRC） / our node's code", examples=["299010100001"])
    centre: Code12 = Field(
        default="100000000000",
        description="中心节点代码（DES） / the centre's node",
        examples=["100000000000"],
    )
    application: str = Field(
        default="TIPS",
        pattern=r"^[0-9A-Za-z]{1,8}$",
        description="报文头中的应用名（APP） / application in the head",
        examples=["TIPS"],
    )
    collectors: tuple[Code12, ...] = Field(
        min_length=1,
        description="我方可代为发送的征收机关代码，其余一律拒绝 / collectors (TaxOrgCode) we may send for; others are refused",
        examples=[["299010100000"]],
    )
    message_ids: Literal["nine", "date"] = Field(
        default="nine",
        description="报文标识的写法：nine 为 9 + 日期 + 11 位序号，date 为日期 + 12 位序号 / form of MsgID: 9, day and 11 digits, or day and"
        " 12 digits",
        examples=["nine"],
    )
    mq: MqSettings = Field(description="消息队列 / the queue manager")
    queues: QueueSettings = Field(default=QueueSettings(), description="队列名 / names of the queues")
    seal: SealSettings = Field(description="报文签名 / how messages are sealed")
    session: SessionSettings = Field(description="登录 / logging in")
    timeout: Duration = Field(
        default=60.0,
        gt=0,
        description="等待实时应答的时间，超时即查询、冲正 / how long to wait for an answer in real time, before asking and reversing",
        examples=["60s"],
    )
    packages: PackageSettings = Field(
        default=PackageSettings(), description="批量扣款包 / packages of debits"
    )
    state_query: StateQuerySettings | None = Field(
        default=None,
        description="业务状态查询；不填则不查询，结果不明时直接冲正 / queries of states; without it, what is in doubt is reversed at"
        " once",
    )
    resend: ResendSettings | None = Field(
        default=None,
        description="请求重发；不填则只记录缺少的包 / asking again; without it, missing packages are only noted",
    )
    hand_on: tuple[HandedOn, ...] = Field(
        default=(),
        description="除应答、回执与 3122 外，另外哪些收到的报文按路由转交（须有路由）；其余只留痕 / what of the rest is handed on"
        " by routes, beside answers, results and 3122; everything else is only put on record",
        examples=[["packages", "text-received"]],
    )
    answer_errors: bool = Field(
        default=True,
        description="签名不符、不能识别的报文是否以 9120 告知对方 / whether a 9120 tells the sender of what cannot be read",
    )
    mappings: dict[MessageNo, Path] = Field(
        default={},
        description="用本节点约定的映射文件代替随附的，按报文编号 / mapping files of this access point in place of the shipped"
        " ones, by message number",
        examples=[{"1001": "mappings/1001.yaml"}],
    )
    remember_for: Duration = Field(
        default=400 * 86400.0,
        gt=0,
        description="往来台账保留多久（不含个人信息） / how long the ledger of exchanges is kept; it has no personal data",
        examples=["400d"],
    )

    def offers(self, operation: Operation) -> bool:
        """Whether an operation of the manifest is one of this node."""
        return operation.name not in get_args(HandedOn) or operation.name in self.hand_on

    def queue_for(self, number: str) -> str:
        """The queue into which a message of this number is put."""
        batch = number in self.queues.batch_messages
        return self._named(self.queues.batch_out if batch else self.queues.online_out)

    @property
    def queues_in(self) -> tuple[str, str]:
        """The queues that are read: in real time, and packages."""
        return self._named(self.queues.online_in), self._named(self.queues.batch_in)

    @property
    def queues_out(self) -> tuple[str, str]:
        """The queues that are written: in real time, and packages."""
        return self._named(self.queues.online_out), self._named(self.queues.batch_out)

    def _named(self, name: str) -> str:
        return name.replace("{node}", self.node)

    @model_validator(mode="after")
    def _apart(self) -> TreasurySettings:
        if set(self.queues_in) & set(self.queues_out):
            raise ValueError("收取与放入不能是同一个队列 / what is read must not be a queue that is written")
        return self
