"""Invented contributors with their accounts and agreements, and what is asked about them."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.canonical.levy import (
    AgreementAsked,
    BatchDebit,
    DebitAsked,
    DebitBatchSubmitted,
    DebitReversalAsked,
)
from mappings.values import with_check_digit

COLLECTOR = "299010100000"
NODE = "299010100001"
BANK = "999100000011"
DAY = dt.date(2026, 11, 20)


class Person(Struct, frozen=True):
    """Number `n` of those who pay."""

    n: int
    balance: int = 1_000_00  #: fen
    verified: bool = True

    @property
    def no(self) -> str:
        return with_check_digit(f"990101{1950 + self.n // 10000:04d}0101{self.n % 1000:03d}0")

    @property
    def name(self) -> str:
        return f"示例{self.n}"

    @property
    def account(self) -> str:
        return f"622999{self.n:013d}"

    @property
    def agreement(self) -> str:
        return f"XY990101{self.n:08d}"

    def voucher(self, month: int = 11) -> str:
        return f"399010{month:02d}{self.n:010d}"

    def row(self) -> dict[str, str]:
        """As `Accounts.agree` takes it."""
        return {
            "agreement": self.agreement, "collector": COLLECTOR, "contributor": self.no, "name": self.name,
            "account": self.account, "holder": self.name, "balance": str(self.balance),
            "verified": str(int(self.verified)),
        }  # fmt: skip


def write_accounts(file: Path, people: list[Person]) -> None:
    """The file that `--accounts` names."""
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.DictWriter(out, list(people[0].row()))
        rows.writeheader()
        rows.writerows(person.row() for person in people)


def payee() -> dict[str, Any]:
    return {
        "route": "2", "payee_bank_line_no": "999331001011", "payee_code": "9901010000",
        "payee_account_no": "990101000000271", "payee_name": "国家金库虚构市支库",
    }  # fmt: skip


def payer(person: Person) -> dict[str, Any]:
    return {
        "payer_branch_line_no": "999100000020", "payer_account_no": person.account,
        "payer_name": person.name, "contributor_no": person.no, "contributor_name": person.name,
        "agreement_no": person.agreement,
    }  # fmt: skip


def fee(person: Person, amount: int, month: int = 11) -> dict[str, Any]:
    return {
        **payer(person), "amount": amount, "voucher_no": person.voucher(month), "billed_on": DAY,
        "budget_kind": "1", "adjustment_period": False, "print_voucher": False, "remark": "2027年度居民医保",
    }  # fmt: skip


def debit(person: Person, serial: str, amount: int = 400_00, day: dt.date = DAY) -> DebitAsked:
    return DebitAsked(
        collector_code=COLLECTOR, entrusted_on=day, serial=serial, payer_bank_line_no=BANK, **payee(),
        **fee(person, amount),
    )  # fmt: skip


def batch(people: list[Person], number: str, amount: int = 400_00) -> DebitBatchSubmitted:
    return DebitBatchSubmitted(
        collector_code=COLLECTOR, entrusted_on=DAY, batch_no=number, payer_bank_line_no=BANK, **payee(),
        debits=tuple(BatchDebit(serial=f"{p.n:08d}", **fee(p, amount)) for p in people),
    )  # fmt: skip


def collection(people: list[Person], number: str, amount: int = 400_00) -> DebitBatchSubmitted:
    """A file of the collection office: each debit names its bank."""
    rows = tuple(
        BatchDebit(serial=f"{p.n}", payer_bank_line_no=BANK, **fee(p, amount, month=12)) for p in people
    )
    return DebitBatchSubmitted(
        collector_code=COLLECTOR, entrusted_on=DAY, batch_no=number, **payee(), debits=rows
    )


def agreement(person: Person, number: str, *, revoke: bool = False) -> AgreementAsked:
    return AgreementAsked(
        sender_code=COLLECTOR, entrusted_on=DAY, request_no=number, revoke=revoke, collector_code=COLLECTOR,
        payer_bank_line_no=BANK, **payer(person),
    )  # fmt: skip


def reversal(asked: DebitAsked, number: str) -> DebitReversalAsked:
    return DebitReversalAsked(
        collector_code=COLLECTOR, entrusted_on=DAY, reversal_no=number, original_entrusted_on=asked.entrusted_on,
        original_serial=asked.serial, reason="超时未收到回执",
    )  # fmt: skip
