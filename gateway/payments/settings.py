"""`payments.yaml` and `people.yaml`: one declaration each, from which checking and documentation come."""

from __future__ import annotations

import string
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator

from gateway.books.people import Right, public_key
from gateway.canonical.money import MAX_FEN, yuan_to_fen
from gateway.contract import Settings

#: Items of one batch at most: a batch travels to its bank as one message.
LARGEST_BATCH = 20_000

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Kind = Literal["credit-transfer", "direct-debit"]


def _yuan(value: Any) -> Any:
    try:
        return yuan_to_fen(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("以元为单位的金额，如 50000.00 / an amount in yuan such as 50000.00") from None


#: Fen; written in yuan.
Yuan = Annotated[int, BeforeValidator(_yuan), Field(gt=0, le=MAX_FEN, examples=["50000.00"])]


class AccountSettings(Settings):
    """An account of ours at a bank, and what may be paid from it."""

    name: Name = Field(description="账户简称，用于命令与记录 / short name, in commands and records")
    title: str = Field(description="显示名称 / shown to people")
    bank: Name = Field(description="开户银行，伙伴名称 / the partner that keeps it")
    account_no: Annotated[str, StringConstraints(min_length=1, max_length=35)] = Field(
        description="本方账号 / our account number"
    )
    account_name: Annotated[str, StringConstraints(min_length=1, max_length=140)] = Field(
        description="本方户名 / our name at the bank"
    )
    bank_line_no: Annotated[str, StringConstraints(pattern=r"^\d{12}$")] | None = Field(
        default=None, description="联行号 / CNAPS number of the branch"
    )
    party_id: Annotated[str, StringConstraints(min_length=1, max_length=35)] | None = Field(
        default=None, description="银行给本方的单位编号 / the number by which the bank knows us"
    )
    kinds: tuple[Kind, ...] = Field(min_length=1, description="可办业务：代发、代扣 / what it is used for")
    proposers: tuple[Name, ...] = Field(
        default=(), description="可由哪些伙伴提出明细 / partners whose files propose items for it"
    )
    max_items: Annotated[int, Field(ge=1, le=LARGEST_BATCH)] = Field(
        default=5000, description="每批笔数上限 / items of one batch at most"
    )
    max_amount: Yuan = Field(description="每批金额上限（元） / amount of one batch at most, in yuan")
    missing_in_final: Literal["unknown", "failed"] = Field(
        default="unknown",
        description="最终回盘未列出的明细：未知或失败，以银行接口文件为准 / items that a final return leaves out: open, or refused",
    )
    require_verified: bool = Field(
        default=False, description="账户核验相符后才能审批 / approve only items whose account was verified"
    )
    reconcile_by: Literal["file", "statement"] = Field(
        default="file", description="日终对账依据：对账文件或对账单 / what a day is compared with"
    )
    batch_number: str = Field(
        default="{date}{serial:06}",
        description="批次号模板，日期为北京时间 / template of batch numbers; the date is China's",
        examples=["YB{date}{serial:04}"],
    )
    cut_off: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = Field(
        default=None, description="当日放行截止时间（北京时间） / no release after this time of day in China"
    )

    @field_validator("batch_number")
    @classmethod
    def _numbered(cls, template: str) -> str:
        try:
            names = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
            longest = template.format(date="20261231", serial=1)
        except (ValueError, KeyError, IndexError):
            names, longest = [], ""
        if sorted(names) != ["date", "serial"] or len(longest) > 35 or not longest.isascii():
            raise ValueError(
                "含 {date} 与 {serial} 各一次、结果不超过 35 个 ASCII 字符 / {date} and {serial} once each, at most 35 ASCII characters"
            )
        return template


class PaymentsSettings(Settings):
    """`payments.yaml`."""

    accounts: tuple[AccountSettings, ...] = Field(min_length=1, description="账户 / accounts")


class PersonSettings(Settings):
    """One entry of `people.yaml`."""

    name: Name = Field(description="人员代号，写入审计日志 / short name, written into the audit log")
    title: str = Field(description="姓名或岗位 / name or post, shown to people")
    key: str = Field(
        description="公钥，gateway person new 给出 / public key, as `gateway person new` prints it"
    )
    may: tuple[Right, ...] = Field(default=(), description="可做的事 / what this person may do")

    @field_validator("key")
    @classmethod
    def _a_key(cls, text: str) -> str:
        try:
            public_key(text)
        except ValueError:
            raise ValueError(
                "gateway person new 给出的公钥 ed25519:… / a public key ed25519:… as gateway person new prints it"
            ) from None
        return text


class PeopleSettings(Settings):
    """`people.yaml`."""

    people: tuple[PersonSettings, ...] = Field(min_length=1, description="人员 / people")
