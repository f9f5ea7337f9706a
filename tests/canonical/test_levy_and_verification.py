"""Levies and verifications: rows within rows come back, and what is not known is never taken for good news."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import jsonschema
import msgspec
import pytest

from gateway.canonical import Attachment, Body, Message, type_of, uuid7
from gateway.canonical.envelope import decode, encode
from gateway.canonical.levy import BatchDebit, DebitBatchSubmitted, DebitResult, LevyItem, LevyLine
from gateway.canonical.rows import rows_beside, with_rows
from gateway.canonical.schema import schemas
from gateway.canonical.verification import (
    CheckedPerson,
    PersonCheckAnswered,
    PersonChecksAsked,
    PersonToCheck,
    SurvivingPerson,
)
from gateway.desk.masking import masked

DAY = dt.date(2026, 11, 20)

LINE = LevyLine(
    line_no=1,
    subject_code="102020100",
    subject_name="居民个人缴费",
    quantity=Decimal("1.0000"),
    base=40000,
    rate=Decimal("0.000000"),
    due=40000,
    deducted=0,
    payable=40000,
)
ITEM = LevyItem(
    item_no=1,
    name="城乡居民基本医疗保险费",
    budget_subject="1020300",
    budget_level="4",
    due_on=DAY,
    since=DAY,
    until=DAY,
    kind="1",
    amount=40000,
    lines=(LINE,),
)
DEBIT = BatchDebit(
    serial="00000101",
    payer_branch_line_no="999100000020",
    payer_account_no="6229990000000000019",
    payer_name="古丽·示例",
    amount=40000,
    voucher_no="399010261120000101",
    billed_on=DAY,
    contributor_no="990101198808080013",
    contributor_name="古丽·示例",
    agreement_no="XY99010100000017",
    budget_kind="1",
    adjustment_period=False,
    print_voucher=False,
    items=(ITEM,),
)
BATCH = DebitBatchSubmitted(
    collector_code="299010100000",
    entrusted_on=DAY,
    batch_no="00000003",
    route="1",
    payee_bank_line_no="999331001011",
    payee_code="9901010000",
    payee_account_no="990101000000271",
    payee_name="国家金库虚构市支库",
    payer_bank_line_no="999100000011",
    debits=(DEBIT,),
)
CHECKS = PersonChecksAsked(
    operator_code="op01",
    operator_name="经办员甲",
    operator_department="990101000000",
    persons=(
        PersonToCheck(
            document_no="990101199001010019", name="张测试", region="990101", purpose="医保参保登记"
        ),
    ),
)


@pytest.mark.parametrize("body", [BATCH, CHECKS], ids=["levy", "verification"])
def test_a_message_comes_back_as_it_was_and_fits_its_schema(body: Body) -> None:
    message = Message(
        id=uuid7(1, b"0123456789"),
        source="/partners/core",
        type=type_of(body),
        time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        partner="core",
        correlation_id="c",
        region="990101",
        data=body,
    )
    wire = encode(message)
    assert decode(wire).data == body
    jsonschema.validate(json.loads(wire), schemas()[f"{message.type}.json"])


def test_debits_too_many_for_a_body_are_records_beside_it() -> None:
    bare = msgspec.structs.replace(BATCH, debits=())
    kept = Attachment(claim="c", size=1, sha256="0" * 64, records=2)
    message = Message(
        id=uuid7(1, b"0123456789"),
        source="/partners/agency",
        type=type_of(bare),
        time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        partner="agency",
        correlation_id="c",
        region="990101",
        attachment=kept,
        data=bare,
    )
    other = msgspec.structs.replace(DEBIT, serial="00000102")
    assert rows_beside(message) == 2
    records = [msgspec.json.Encoder(decimal_format="string").encode(debit) for debit in (DEBIT, other)]
    assert with_rows(message, records) == msgspec.structs.replace(BATCH, debits=(DEBIT, other))


def test_people_see_no_payer_and_no_contributor() -> None:
    shown = str(masked("data", msgspec.to_builtins(BATCH)))
    for personal in (DEBIT.payer_name, DEBIT.payer_account_no, DEBIT.contributor_no, DEBIT.contributor_name):
        assert personal not in shown


def test_an_answer_nobody_has_looked_at_says_nothing_about_the_person() -> None:
    assert PersonCheckAnswered().outcome == "unavailable"
    assert CheckedPerson(document_no="990101199001010019").outcome == "unavailable"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (PersonCheckAnswered, b'{"outcome":"equal"}'),
        (SurvivingPerson, b'{"document_no":"990101199001010019"}'),
        (DebitResult, b'{"serial":"1","amount":1,"voucher_no":"1"}'),
    ],
    ids=["unknown outcome", "no state", "no result"],
)
def test_an_answer_says_one_of_the_agreed_things(kind: type[msgspec.Struct], text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=kind)
