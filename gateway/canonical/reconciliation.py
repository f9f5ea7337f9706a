"""Reconciliation of an institution with its centre: the statement, its details, what differs.

1. The institution states its sums per insurance, clearing kind and agency (3201); the centre compares.
2. Where they differ, the institution uploads its settlements as a file and has them compared (3202).
3. The centre's result file says of each settlement which side has it, and with which amounts.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.money import Fen
from gateway.canonical.request import Answer, Request
from gateway.canonical.session import FileName, FileNumber
from gateway.canonical.settlement import Identifier


class StatementSubmitted(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`reconciliation.statement.submitted.v1`: one statement total (national transaction 3201)."""

    insurance_kind: str  #: code table insutype
    clearing_kind: str  #: code table clr_type
    agency: str  #: 结算经办机构
    since: dt.date
    until: dt.date
    total: Fen
    fund_total: Fen
    account_paid: Fen
    count: int  #: settlements
    refunds: bool | None = None  #: refunds are counted, too; where absent they are
    extra: str | None = None  #: 扩展字段 exp_content, JSON text


class StatementAnswered(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`reconciliation.statement.answered.v1`: does the centre find the same total."""

    agency: str | None = None
    result: str  #: `balanced`, `different`, or the platform's own code
    description: str | None = None


class SettlementDetail(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One settlement in the institution's books."""

    settlement_id: Identifier
    visit_id: Identifier
    person_no: Identifier
    total: Fen
    fund_total: Fen
    account_paid: Fen
    refund: bool


class Difference(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the comparison says of one settlement; the amounts are the centre's."""

    person_no: Identifier | None = None
    visit_id: Identifier | None = None
    settlement_id: Identifier | None = None
    message_id: Annotated[str, Meta(max_length=30)] | None = None  #: msgid of the settling request
    kind: str  #: `balanced`, `centre-only`, `institution-only`, `different`
    refund: bool | None = None
    memo: str | None = None
    total: Fen | None = None
    fund_total: Fen | None = None
    account_paid: Fen | None = None


class DetailsSubmitted(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`reconciliation.details.submitted.v1`: compare an uploaded file (national transaction 3202)."""

    clearing_kind: str
    agency: str
    file_no: FileNumber  #: of the uploaded file
    since: dt.date
    until: dt.date
    total: Fen
    fund_total: Fen
    cash_paid: Fen
    count: int
    refunds: bool | None = None
    #: What is in the file. Where it is given, whoever passes the request on uploads it anew, and `file_no` is only the
    #: sender's own.
    details: tuple[SettlementDetail, ...] = ()


class DetailsCompared(Answer, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`reconciliation.details.compared.v1`: where the result file is."""

    file_no: FileNumber
    file_name: FileName
    available_until: dt.datetime
    #: What is in the result file, where whoever passes the answer on has fetched it.
    differences: tuple[Difference, ...] | None = None


class DetailFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`reconciliation.file.submitted.v1`: the institution's settlements of the period, one a row."""

    details: tuple[SettlementDetail, ...] = ()


class DifferencesReturned(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`reconciliation.differences.returned.v1`: the centre's result file.

    Whether settlements that agree are listed is the province's choice: a settlement without a row agrees only
    where the totals do.
    """

    differences: tuple[Difference, ...] = ()
