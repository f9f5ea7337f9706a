"""What every node of the levy network has to know alike: who there is, which codes there are, how the network runs.

A change says of one row that it is added, altered or ended (`operation`, in the network's own codes), from which
day on, and for which area.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.levy import Name, Organisation, Serial
from gateway.canonical.payment import BankLineNo, Reference

Note = Annotated[str, Meta(min_length=1, max_length=200)]


class Change(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the rows of all kinds have."""

    operation: Reference  #: 操作标志, as the network writes it
    effective_on: dt.date
    area: Reference | None = None  #: 更新区域


class Contact(Change, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where an organisation is, and whom to call there."""

    address: Note | None = None
    postal_code: Reference | None = None
    contact_name: Note | None = None
    contact_phone: Reference | None = None
    contact_mobile: Reference | None = None
    contact_email: Note | None = None


class CollectorChange(Contact, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A collector (征收机关)."""

    code: Organisation
    name: Name
    kind: Reference  #: 征收机关性质
    level: Reference | None = None
    treasury_code: Organisation | None = None  #: 上级国库
    node_code: Organisation | None = None
    province_code: Organisation | None = None
    city_code: Organisation | None = None
    county_code: Organisation | None = None


class BankChange(Contact, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A bank's clearing point."""

    line_no: BankLineNo
    name: Name
    reckoning: Reference | None = None  #: 清算类型
    node_code: Organisation | None = None


class NodeChange(Change, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A node, and the name in the certificate it signs with."""

    code: Organisation
    name: Name
    kind: Reference
    certificate_subject: Note | None = None


class TreasuryChange(Contact, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A treasury (国库)."""

    code: Organisation
    name: Name
    level: Reference | None = None
    bank_line_no: BankLineNo | None = None
    reckoning_code: Organisation | None = None  #: 清算国库
    parent_code: Organisation | None = None
    province_code: Organisation | None = None
    city_code: Organisation | None = None
    county_code: Organisation | None = None
    node_code: Organisation | None = None


class BudgetSubjectChange(Change, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A budget subject (预算科目)."""

    code: Reference
    name: Name
    kind: Reference | None = None
    income_or_expense: Reference | None = None  #: 收支标志
    attribute: Reference | None = None


class ReasonChange(Change, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A reason of refunds or corrections."""

    code: Reference
    description: Note


class LevyCodeChange(Change, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind of levy (税种) or one of its subjects (税目)."""

    code: Reference
    collector_kind: Reference | None = None
    name: Name
    description: Note | None = None


class ReferenceDataChanged(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.reference_data.changed.v1`: one update of the network's public data."""

    update_no: Serial
    collectors: tuple[CollectorChange, ...] = ()
    banks: tuple[BankChange, ...] = ()
    nodes: tuple[NodeChange, ...] = ()
    treasuries: tuple[TreasuryChange, ...] = ()
    budget_subjects: tuple[BudgetSubjectChange, ...] = ()
    refund_reasons: tuple[ReasonChange, ...] = ()
    correction_reasons: tuple[ReasonChange, ...] = ()
    levy_kinds: tuple[LevyCodeChange, ...] = ()
    levy_subjects: tuple[LevyCodeChange, ...] = ()


class Parameter(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value of a parameter."""

    line_no: int
    description: Note | None = None
    value: Note


class ParameterKind(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A parameter and its values."""

    code: Reference
    description: Note | None = None
    values: tuple[Parameter, ...] = ()


class ParametersChanged(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.parameters.changed.v1`: how the network runs from now on."""

    parameters: tuple[ParameterKind, ...] = ()
