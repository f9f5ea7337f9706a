"""The network that carries levies: sessions, its working day, its word on messages, questions about their state.

Where a node or the network says why in its own words, `reason` holds them; nobody decides by them.
"""

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


class NodeLogOutAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.log_out.asked.v1`: a node ends its working day. Made and sent by the adapter alone: it holds a secret."""

    password: Password


class NodeLogOutAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.log_out.answered.v1`."""

    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None


class ConnectionTested(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.connection.tested.v1`: is anybody there? It says nothing else, and is answered by `ReceiptGiven`."""


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


class NodeFaultAnnounced(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.node_fault.announced.v1`: a node of the network is in trouble, or out of it (故障通知)."""

    node_code: Organisation
    node_state: Reference  #: as the network writes it
    reason: Text | None = None


class NodeLoggedOut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.log_out.forced.v1`: the network has ended our session (强制退出); business takes a new log-in."""

    reason: Text | None = None


class ServiceStopped(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.service.stopped.v1`: the network stops, or is back (停运通知). Its times are in its own words."""

    run_sign: Reference  #: 运行标志, as the network writes it
    stops_at: Reference | None = None
    returns_at: Reference | None = None
    reason: Text | None = None


class TextSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.text.sent.v1`: people write to each other (自由格式)."""

    from_node: Organisation
    to_node: Organisation
    sender_code: Organisation
    receiver_code: Organisation
    content: Annotated[str, Meta(min_length=1, max_length=4000)]


class RequestAnswered(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.request.answered.v1`: the network has taken a request (确认应答), or is done with it (处理结果通知)."""

    done: bool
    original_message: Reference
    sender_code: Organisation
    entrusted_on: dt.date
    request_no: Serial
    raw_code: Reference  #: code table tips_result
    raw_text: Text | None = None


class ResendAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`levy.resend.asked.v1`: send a package once more. What `wanted_message` is says which of the rest are there.

    a package of business  wanted_sender_code, wanted_entrusted_on, wanted_batch_no, organisation_kind
    a check of packages    checked_on, wanted_batch_no, organisation_kind
    a check of levies      checked_on, wanted_batch_no
    a check or a report as a file  checked_on, check_kind, report_month, file_month
    """

    sender_code: Organisation
    entrusted_on: dt.date
    wanted_message: Reference  #: number of the message that is missing
    wanted_sender_code: Organisation | None = None
    wanted_entrusted_on: dt.date | None = None
    wanted_batch_no: Serial | None = None
    organisation_kind: str | None = None  #: code table tips_org_type
    checked_on: dt.date | None = None
    check_kind: Reference | None = None  #: as the partner codes it
    report_month: Reference | None = None
    file_month: Reference | None = None
