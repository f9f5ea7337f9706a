"""`levies.yaml`: one declaration, from which checking and documentation come."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.contract import Settings

#: Details of one package at most, as the network says.
LARGEST_PACKAGE = 1_000

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class CollectorSettings(Settings):
    """A collector (征收机关) as which this gateway collects, and whose files it takes."""

    name: Name = Field(description="征收机关简称，用于命令与记录 / short name, in commands and records")
    title: str = Field(description="显示名称 / shown to people")
    collector_code: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{1,12}$")] = Field(
        description="征收机关代码 / the collector's code in the network"
    )
    partner: Name = Field(description="财税库银网络，伙伴名称 / the partner that is the network")
    proposers: tuple[Name, ...] = Field(
        default=(), description="可由哪些伙伴提交扣款文件 / partners whose files of debits are taken"
    )
    max_items: Annotated[int, Field(ge=1, le=LARGEST_PACKAGE)] = Field(
        default=LARGEST_PACKAGE, description="每包笔数上限 / details of one package at most"
    )
    receipt_prefix: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z-]{0,12}$")] = Field(
        default="",
        description="收据号前缀，其后为年度与八位顺序号 / receipt numbers: this, the year, eight digits",
    )
    booked_states: tuple[str, ...] = Field(
        default=(),
        description="日终核对中哪些处理状态表示已扣款；空为凡列出即已扣款，以人民银行资料为准 /"
        " states (OpStat) in a day's check that mean money moved; none: every row does",
    )
    package_days: Annotated[int, Field(ge=0, le=30)] = Field(
        default=1,
        description="包中没有回执的明细，其后再有几日核对齐全仍未列出才算未扣款 /"
        " later days that must be checked before a packaged debit without any answer counts as without effect",
    )
    require_agreement: bool = Field(
        default=False,
        description="只扣三方协议已验证的 / refuse debits whose agreement the bank has not verified",
    )
    check_by: TimeOfDay = Field(
        default="20:00",
        description="当日核对应收齐的时间（北京时间） / when a day's check is to be complete, China's time",
    )

    def booked(self, state: str) -> bool:
        """Whether this state of a row in a day's check means that money moved."""
        return not self.booked_states or state in self.booked_states


class LeviesSettings(Settings):
    """`levies.yaml`."""

    collectors: tuple[CollectorSettings, ...] = Field(min_length=1, description="征收机关 / collectors")
