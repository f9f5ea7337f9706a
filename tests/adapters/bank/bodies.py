"""Batches of invented people. The last digit of an account says what the simulated bank does with it (`rules.py`)."""

from __future__ import annotations

import datetime as dt

from gateway.canonical.account import AccountToVerify, VerificationAsked
from gateway.canonical.payment import PaymentBatch, PaymentItem
from mappings.values import with_check_digit

PARTY = "990101"
DAY = dt.date(2026, 11, 20)
NAMES = ("张测试", "李样例", "王试", "赵例")


def account(number: int, digit: int) -> str:
    """An account whose last digit is this one."""
    return f"622999{number:012d}{digit}"


def item(number: int, digit: int = 1, amount: int = 12345) -> PaymentItem:
    return PaymentItem(
        sequence=number,
        end_to_end_id=f"R26112{number:06d}",
        name=NAMES[number % len(NAMES)],
        account_no=account(number, digit),
        bank_line_no="102990100108",
        bank_name="虚构市工商银行样例支行",
        document_no=with_check_digit(f"99010119900101{number % 1000:03d}"),
        amount=amount,
        mandate_id=f"XY990101{number:04d}",
        remittance="医保报销",
    )


def batch(
    digits: str = "14",
    number: str = "0001",
    kind: str = "credit-transfer",
    *,
    inter_bank: bool | None = None,
    party: str | None = PARTY,
) -> PaymentBatch:
    """One item for each digit."""
    items = tuple(item(n, int(digit)) for n, digit in enumerate(digits, 1))
    return PaymentBatch(
        batch_id=number,
        kind=kind,
        created_at=dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC),
        requested_on=DAY,
        number_of_transactions=len(items),
        control_sum=sum(i.amount for i in items),
        initiating_party="虚构市医疗保障局",
        initiating_party_id=party,
        own_name="虚构市医疗保障局",
        own_account_no="990100000000271",
        own_bank_line_no="102990100108",
        inter_bank=inter_bank,
        items=items,
    )


def verification(digits: str = "14") -> VerificationAsked:
    accounts = tuple(
        AccountToVerify(
            sequence=n,
            name=NAMES[n % len(NAMES)],
            account_no=account(n, int(digit)),
            document_kind="01",
            document_no=with_check_digit(f"99010119900101{n:03d}"),
        )
        for n, digit in enumerate(digits, 1)
    )
    return VerificationAsked(
        request_id="HY20261120001",
        asked_on=DAY,
        initiating_party_id=PARTY,
        number_of_accounts=len(accounts),
        accounts=accounts,
    )
