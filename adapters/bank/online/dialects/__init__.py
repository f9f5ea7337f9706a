"""The dialects: one business, asked in two ways."""

from adapters.bank.online.dialects.cdc import CdcDialect
from adapters.bank.online.dialects.dialect import Dialect
from adapters.bank.online.dialects.xml import XmlDialect

__all__ = ["CdcDialect", "Dialect", "XmlDialect"]
