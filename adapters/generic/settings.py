"""Settings of a partner that joins without code: its operations, and how each way is travelled."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field, model_validator

from adapters.generic.formats import Formats
from adapters.generic.operations import OperationSettings
from adapters.generic.transports import INBOUND, OUTBOUND
from adapters.generic.transports.files import AccountInbound, AccountOutbound
from gateway.contract import ConfigError, Duration, Settings


class GenericSettings(Settings):
    """一个伙伴：操作，以及往来的通道。 / One partner: what it does, and by which ways."""

    operations: tuple[OperationSettings, ...] = Field(
        description="它送来的和我方送去的报文 / what it sends us and what we send it"
    )
    inbound: INBOUND | None = Field(
        default=None,
        description="对方送来的通道：soap、http、folder、sftp、sftp-account / the way by which it reaches us",
    )
    outbound: OUTBOUND | None = Field(
        default=None,
        description="我方送去的通道：soap、http、folder、sftp、sftp-account / the way by which we reach it",
    )
    reply_timeout: Duration = Field(
        default=30.0,
        gt=0,
        description="等待答复的时限，超过则答“结果未明” / how long to wait for an answer before saying that it is pending",
        examples=["30s"],
    )

    @model_validator(mode="after")
    def _ways(self) -> GenericSettings:
        if not self.operations:
            raise ValueError("至少一项操作 / at least one operation")
        names = [operation.name for operation in self.operations]
        if len(set(names)) != len(names):
            raise ValueError("操作名称不得重复 / each operation name once")
        sent = [o.type for o in self.operations if o.direction == "outbound"]
        if len(set(sent)) != len(sent):
            raise ValueError("每种报文类型只能有一个送去的操作 / one outbound operation for each type")
        for direction, way in (("inbound", self.inbound), ("outbound", self.outbound)):
            used = any(operation.direction == direction for operation in self.operations)
            # Whoever only fetches logs in, too: an account may have nothing that comes in.
            if used != (way is not None) and not isinstance(way, AccountInbound):
                raise ValueError(f"{direction} 的操作与通道须同时填写 / operations and a way go together")
        return self

    @property
    def timeout(self) -> float | None:
        """How long the partner may take to answer; `gateway check` compares senders' patience with it."""
        found = getattr(self.outbound, "timeout", None)
        return found if isinstance(found, float) else None

    @property
    def formats(self) -> Formats:
        """The operations with their mappings."""
        return Formats.of(self.operations)


def problems(settings: GenericSettings) -> Iterator[ConfigError]:
    """Everything wrong with mapping files, and with ways that cannot carry the operations."""
    formats = settings.formats
    found = [problem for form in formats.formats for problem in form.problems()]
    yield from found
    if found:
        return  # what the mappings are not, a way cannot be held against
    if isinstance(settings.outbound, AccountOutbound) and (
        not isinstance(settings.inbound, AccountInbound) or settings.inbound.path != settings.outbound.path
    ):
        zh = "须有 inbound.kind: sftp-account，且 path 相同：对方由此登录取走"
        en = "needs inbound.kind: sftp-account with the same path: by it the partner logs in and fetches"
        yield ConfigError(zh, en, path="outbound.path")
    if settings.outbound is not None and not settings.outbound.looks:
        yield from (p for form in formats.going("outbound") for p in form.unasked())
    for name, way in (("inbound", settings.inbound), ("outbound", settings.outbound)):
        carried = [form for form in formats.going(name) if form.opaque]
        if way is not None and carried and not way.carries:
            zh, en = (
                "此通道不能原样转送文件，请用 folder、sftp 或 sftp-account",
                "this way cannot carry files: use folder, sftp or sftp-account",
            )
            yield ConfigError(zh, en, path=f"operations[{carried[0].index}].request")
            continue
        for problem in way.problems(formats) if way is not None else ():
            yield ConfigError(problem.zh, problem.en, path=f"{name}.{problem.path}".rstrip("."))
