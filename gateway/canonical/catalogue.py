"""Catalogues: which item of an institution's own list is which item of the national one."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.identity import InstitutionCode
from gateway.canonical.request import Request

ItemCode = Annotated[str, Meta(min_length=1, max_length=30)]
CatalogueCode = Annotated[str, Meta(min_length=1, max_length=50)]


class CatalogueMatch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One item matched (目录对照)."""

    item_code: ItemCode  #: 定点医药机构目录编号
    item_name: Annotated[str, Meta(min_length=1, max_length=200)]
    list_kind: str  #: 目录类别, code table list_type
    catalogue_code: CatalogueCode  #: 医疗目录编码
    valid_from: dt.date
    valid_until: dt.date
    approval_no: str | None = None  #: 批准文号
    dosage_form: str | None = None
    excluded: str | None = None  #: 除外内容
    content: str | None = None  #: 项目内涵
    unit: str | None = None  #: 计价单位
    specification: str | None = None
    package: str | None = None  #: 包装规格
    memo: str | None = None


class CatalogueMatched(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`catalogue.match.submitted.v1`: 目录对照上传 (national transaction 3301)."""

    matches: tuple[CatalogueMatch, ...] = ()


class CatalogueMatchWithdrawn(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`catalogue.match.withdrawn.v1`: 目录对照撤销 (national transaction 3302)."""

    item_code: ItemCode
    provider_code: InstitutionCode | None = None  #: 定点医药机构编号 whose match it is
    list_kind: str | None = None
    catalogue_code: CatalogueCode | None = None
