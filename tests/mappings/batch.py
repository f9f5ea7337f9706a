"""Two bank files, delimited and of fixed width, for tests of records: everything a line can hold is in them."""

from __future__ import annotations

from pathlib import Path

from gateway.canonical.payment import PaymentBatch, PaymentItem
from mappings import Mapping, load

_COMMON = """\
mapping: test.records
version: 1
title: {zh: 代发文件, en: Payment file}
canonical: payment.batch.submitted.v1
"""
_REST = """\
elsewhere: [extension, initiating_party, initiating_party_id, own_name, own_account_no, own_bank_line_no, inter_bank]
assumed:
  - {to: currency, why: 只有人民币}
  - {to: created_at, why: 文件没有此项}
  - {to: category_purpose, why: 文件没有此项}
  - {to: purpose, why: 文件没有此项}
lossy:
  - {to: items.end_to_end_id, why: 文件没有此项}
  - {to: items.bank_name, why: 文件没有此项}
  - {to: items.bank_place, why: 文件没有此项}
  - {to: items.mandate_id, why: 文件没有此项}
"""
DELIMITED = f"""{_COMMON}\
codec:
  kind: delimited
  charset: gbk
  separator: '|'
  trailing: true
  line_end: crlf
  null: 'null'
  records:
    head: {{first: true, starts: 'H|'}}
    item: {{}}
    tail: {{last: true, starts: '########'}}
fields:
  - {{at: head/mark,  column: 1, as: const(H)}}
  - {{at: head/kind,  column: 2, as: text(20), to: kind}}
  - {{at: head/batch, column: 3, as: text(30), to: batch_id, name: 批次号}}
  - {{at: head/date,  column: 4, as: date(yyyyMMdd), to: requested_on, name: 日期}}
  - {{at: head/count, column: 5, as: int, to: number_of_transactions, count_of: items, name: 总笔数}}
  - {{at: head/total, column: 6, as: money(yuan), to: control_sum, sum_of: items.amount, name: 总金额}}
  - each: item
    to: items
    fields:
      - {{at: number,  column: 1, as: sequence(8), name: 行号}}
      - {{at: seq,     column: 2, as: sequence, to: sequence, name: 序号}}
      - {{at: account, column: 3, as: text(32), to: account_no, name: 账号}}
      - {{at: name,    column: 4, as: text(20 bytes), to: name, name: 户名}}
      - {{at: id,      column: 5, as: text(20), to: document_no, name: 证件号}}
      - {{at: amount,  column: 6, as: money(yuan), to: amount, name: 金额}}
      - {{at: other,   column: 7, as: flag(1/0), to: inter_bank, name: 他行}}
      - {{at: bank,    column: 8, as: text(12), to: bank_line_no, name: 行号}}
      - {{at: spare,   column: 9, as: blank}}
      - {{at: purpose, column: 10, as: text(60 bytes), to: remittance, name: 摘要}}
  - {{at: tail/mark,  column: 1, as: const('########')}}
  - {{at: tail/total, column: 2, as: money(fen), sum_of: items.amount, name: 合计}}
  - {{at: tail/other, column: 3, as: int, count_of: items, where: {{field: account_no, is: ['1', '2']}}, name: 笔数}}
{_REST}"""
FIXED = f"""{_COMMON}\
codec:
  kind: fixed
  charset: gb18030
  line_end: lf
  last_line_end: false
  length: 100
  records:
    head: {{first: true}}
    item: {{}}
fields:
  - {{at: head/kind,  bytes: 1-20,  as: text(20 bytes), to: kind}}
  - {{at: head/batch, bytes: 21-50, as: text(30 bytes), to: batch_id, name: 批次号}}
  - {{at: head/date,  bytes: 51-58, as: date(yyyyMMdd), to: requested_on, name: 日期}}
  - {{at: head/count, bytes: 59-66, as: int, to: number_of_transactions, count_of: items, name: 总笔数}}
  - {{at: head/total, bytes: 67-80, as: money(yuan), to: control_sum, sum_of: items.amount, name: 总金额}}
  - {{at: head/rest,  bytes: 81-100, as: blank}}
  - each: item
    to: items
    fields:
      - {{at: number,  bytes: 1-8,    as: sequence(8), name: 行号}}
      - {{at: seq,     bytes: 9-14,   as: sequence, to: sequence, name: 序号}}
      - {{at: account, bytes: 15-30,  as: text(16 bytes), to: account_no, name: 账号}}
      - {{at: name,    bytes: 31-50,  as: text(20 bytes), to: name, name: 户名}}
      - {{at: id,      bytes: 51-60,  as: text(10 bytes), to: document_no, pad: left, name: 证件号}}
      - {{at: amount,  bytes: 61-70,  as: money(fen), to: amount, name: 金额}}
      - {{at: other,   bytes: 71,     as: flag(1/0), to: inter_bank, name: 他行}}
      - {{at: spare,   bytes: 72-78,  as: blank}}
      - {{at: bank,    bytes: 79-90,  as: text(12 bytes), to: bank_line_no, name: 行号}}
      - {{at: purpose, bytes: 91-100, as: text(10 bytes), to: remittance, name: 摘要}}
{_REST}"""


#: A character whose second byte in GBK is that of `|`.
PIPE = b"\x95|".decode("gbk")


def make(folder: Path, text: str, *changes: tuple[str, str]) -> Mapping:
    return load(write(folder, text, *changes))


def write(folder: Path, text: str, *changes: tuple[str, str]) -> Path:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "test.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def batch(count: int = 3) -> PaymentBatch:
    """A batch of invented persons."""
    items = tuple(
        PaymentItem(
            sequence=i,
            account_no=f"62299900{i:08d}",
            name=f"测{PIPE}{i}",
            document_no=f"99010{i:05d}" if i % 2 else None,
            amount=i * 1001,
            inter_bank=i % 3 == 0,
            bank_line_no="999100000011" if i % 3 == 0 else None,
            remittance="养老",
        )
        for i in range(1, count + 1)
    )
    total = sum(i.amount for i in items)
    return PaymentBatch(
        batch_id="B1", kind="credit-transfer", number_of_transactions=count, control_sum=total, items=items
    )
