"""The one schema every partner's language is translated into. Imports nothing else of the gateway."""

from gateway.canonical.envelope import Attachment, Message, body_type, type_of
from gateway.canonical.ids import IdSource, uuid7
from gateway.canonical.money import Fen, fen_to_yuan, yuan_to_fen
from gateway.canonical.registry import BODIES, Body

__all__ = [
    "BODIES",
    "Attachment",
    "Body",
    "Fen",
    "IdSource",
    "Message",
    "body_type",
    "fen_to_yuan",
    "type_of",
    "uuid7",
    "yuan_to_fen",
]
