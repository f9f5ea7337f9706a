"""The network that carries levies: sessions, its working day, its word on messages, questions about their state."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from gateway.canonical.levy import Organisation, Serial
from gateway.canonical.payment import Reference, Text

Password = Annotated[str, Meta(min_length=1, max_length=60)]


class NodeLogInAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.log_in.asked.v1`: a node begins its working day. Made and sent by the adapter alone: it holds secrets."""

    password: Password
    new_password: Password | None = None


class NodeLogInAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.log_in.answered.v1`: without a success, the network takes no business."""

    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None
    system_state: Reference | None = None  #: as the network writes it


class WorkingDayChanged(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.working_day.changed.v1`: from now on this is the day that messages carry, whatever the clock says."""

    working_day: dt.date
    system_state: Reference


class DebitStateAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.state.asked.v1`: how does a debit or a batch stand? `batch_no` or `serial` says which."""

    sender_code: Organisation
    kind: Reference  #: what is looked for, as the partner codes it
    original_message: Reference
    entrusted_on: dt.date
    batch_no: Serial | None = None
    serial: Serial | None = None


class DebitStateAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.state.answered.v1`: the question once more, and the state."""

    sender_code: Organisation
    kind: Reference
    original_message: Reference
    entrusted_on: dt.date
    batch_no: Serial | None = None
    serial: Serial | None = None
    checked_on: dt.date | None = None
    state: Reference  #: 处理状态, as the partner writes it


class ReceiptGiven(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.message.answered.v1`: the network's word on a message as such: taken, or refused before any business."""

    original_message: Reference
    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None
    detail: Text | None = None
