"""The dialects: one business, asked in three ways.

Dialect.write ─► document (stored, the same at every attempt) ─► Dialect.ask ─► Answered | Trouble
"""

from adapters.police.dialects.dialect import Answered, Dialect, Enquiry
from adapters.police.dialects.json import JsonDialect
from adapters.police.dialects.nciic import NciicDialect
from adapters.police.dialects.rbsp import RbspDialect

__all__ = ["Answered", "Dialect", "Enquiry", "JsonDialect", "NciicDialect", "RbspDialect"]
