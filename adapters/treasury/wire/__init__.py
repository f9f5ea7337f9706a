"""What goes over the wire: documents, their heads, their seals and their mappings. No network, no clock."""

from adapters.treasury.wire.envelope import LARGEST, document_of
from adapters.treasury.wire.errors import BadSeal, Unreadable
from adapters.treasury.wire.formats import Formats
from adapters.treasury.wire.head import Head, read_head
from adapters.treasury.wire.seal import Seal, make_seal
from adapters.treasury.wire.settings import KeyedSm3Seal, NoSeal, Pkcs7Seal, SealSettings, Sm2Seal

__all__ = [
    "LARGEST",
    "BadSeal",
    "Formats",
    "Head",
    "KeyedSm3Seal",
    "NoSeal",
    "Pkcs7Seal",
    "Seal",
    "SealSettings",
    "Sm2Seal",
    "Unreadable",
    "document_of",
    "make_seal",
    "read_head",
]
