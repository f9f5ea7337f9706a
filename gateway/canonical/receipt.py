"""The receipt of a one-way message, in canonical form: what a mapping turns into the sender's own receipt."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class MessageReceived(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`gateway.message.received.v1`: committed; the gateway owes the delivery from now on."""

    message_id: str  #: the gateway's
    partner_message_id: str  #: the sender's own
    state: Annotated[str, Meta(pattern=r"^(accepted|already-accepted)$")]
