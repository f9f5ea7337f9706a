"""Payments and accounts: what a status says about the money, and whose data the fields hold."""

from __future__ import annotations

import msgspec
import pytest

from gateway.canonical.account import AccountToVerify, EntryTransaction, VerifiedAccount
from gateway.canonical.payment import OUTCOMES, PaymentItem, PaymentResult, outcome
from gateway.contract.privacy import is_personal
from mappings import codes

#: The tables by which shipped mappings read a status.
TABLES = ("iso_payment_status", "postal_bank_result", "cmb_detail_status", "cmb_rtnflg", "ums_result")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("settled", "settled"),
        ("rejected.no-account", "rejected"),
        ("returned", "returned"),
        ("99", "unknown"),
        ("S", "unknown"),
        ("", "unknown"),
    ],
)
def test_only_a_known_status_says_whether_money_moved(status: str, expected: str) -> None:
    assert outcome(status) == expected


@pytest.mark.parametrize("name", TABLES)
def test_every_code_of_a_bank_has_a_status(name: str) -> None:
    assert {outcome(code.canonical) for code in codes.table(name).codes} <= OUTCOMES


@pytest.mark.parametrize("name", TABLES)
def test_money_has_moved_exactly_where_the_table_says_success(name: str) -> None:
    for code in codes.table(name).codes:
        assert (outcome(code.canonical) == "settled") == (code.outcome == "success"), code.code


@pytest.mark.parametrize(
    "struct", [PaymentItem, PaymentResult, EntryTransaction, AccountToVerify, VerifiedAccount]
)
def test_names_and_account_numbers_of_persons_are_personal(struct: type[msgspec.Struct]) -> None:
    names = [f for f in struct.__struct_fields__ if f.endswith(("name", "account_no", "document_no"))]
    assert [n for n in names if not is_personal(n) and n != "bank_name"] == []


def test_a_body_refuses_an_amount_in_yuan() -> None:
    body = b'{"name":"A","account_no":"1","amount":1.50}'
    with pytest.raises(msgspec.ValidationError, match="int"):
        msgspec.json.decode(body, type=PaymentItem)
