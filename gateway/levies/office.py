"""What people decide about levies, and what it is decided with. The functions block: they are for a person's program
beside the running gateway."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.books.intake import CHINA, Journal
from gateway.books.people import Signed
from gateway.books.signing import BookBeside, Signer, audited
from gateway.canonical import Message, type_of
from gateway.canonical.levy_network import ResendAsked
from gateway.contract import Clock, Reject
from gateway.levies.seals import Seals
from gateway.levies.settings import CollectorSettings, LeviesSettings
from gateway.store import levies_changes as changes
from gateway.store import levies_reads as reads
from gateway.store.api import Accept

#: 税(费)票明细核对, as the network numbers it.
_DAY_CHECK: Final = "3122"


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What decisions are made with."""

    book: BookBeside
    settings: LeviesSettings
    seals: Seals
    journal: Journal
    due: Callable[[Message, str], Accept]  #: a message, owed to one partner from now on
    ids: Callable[[], str]
    clock: Clock
    node: str
    region: str
    actor: str  #: the operating system's account

    @property
    def now(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock.now().timestamp() * 1000)

    def collector(self, name: str) -> CollectorSettings:
        """
        Raises:
            Reject: there is none of that name.
        """
        found = next((one for one in self.settings.collectors if one.name == name), None)
        if found is None:
            known = "、".join(one.name for one in self.settings.collectors)
            zh, en = (
                f"没有征收机关 {name}；已有：{known}",
                f"no collector {name!r}; there are: {known}",
            )
            raise Reject(zh, en, code="collector")
        return found


def close_difference(office: Office, signer: Signer, number: int, reason: str) -> Signed:
    """A person has looked into it.

    Raises:
        Reject: there is no such difference, it is closed, or this person may not.
        Moved: somebody else closes it at the same time.
    """
    row = office.book.ask(reads.difference, number)
    if row is None or row.closed_at is not None:
        raise Reject(f"没有未关闭的差异 {number}", f"there is no open difference {number}", code="difference")
    about = {"debit": row.debit_id, "package": row.batch_no, "day": row.day, "reference": row.reference}
    signed = signer.states(
        office,
        "levy.close-difference",
        difference=number,
        kind=row.kind,
        collector=row.collector,
        message=row.message_id,
        reason=reason,
        **{name: value for name, value in about.items() if value is not None},
    )
    entry = audited(office, "levies.difference_closed", signed)
    by = signer.person.name
    office.book.work(changes.close_difference, number, by, reason, office.now, (entry,))
    return signed


def resend(office: Office, collector: CollectorSettings, day: dt.date, batch_no: str | None = None) -> str:
    """Asks the network to send the check of a day once more; returns the id of the message that asks.

    Args:
        batch_no: of the check; where None, that of the latest part that has come.

    Raises:
        Reject: no part has come that would tell the number, or the network takes no such questions.
    """
    there = office.book.ask(reads.parts, collector.name, day.isoformat())
    wanted = batch_no or (there[-1].batch_no if there else None)
    if wanted is None:
        raise Reject(
            f"{day} 的核对一包未到，请用 --package 写明其包流水号（见网络的包核对，或向网络询问）",
            f"no part of the check of {day} has come: give its number by --package (the network announces it)",
            code="package",
        )
    body = ResendAsked(
        sender_code=collector.collector_code,
        entrusted_on=office.clock.now().astimezone(CHINA).date(),
        wanted_message=_DAY_CHECK,
        wanted_batch_no=wanted,
        checked_on=day,
    )
    id_ = office.ids()
    message = Message(
        id=id_,
        source="/levies",
        type=type_of(body),
        time=office.clock.now(),
        subject=day.isoformat(),
        partner="levies",
        partner_message_id=f"resend/{id_}",
        correlation_id=id_,
        region=office.region,
        data=body,
    )
    detail: dict[str, str | int] = {"collector": collector.name, "day": day.isoformat()}
    entry = office.journal.entry("levies.resend_asked", message=id_, actor=office.actor, detail=detail)
    office.book.work(changes.send, office.due(message, collector.partner), (entry,))
    return id_
