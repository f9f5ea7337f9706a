"""Packages of a day, as the network counts them (3200, 3201), against those that came and those that we sent.

received by the network   ours: the ledger of requests has each, with the same count and sum
sent by the network       its: each came whole; one that did not is asked for again, once for each announcement
"""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from adapters.treasury.line.business import CHECK_RESEND, business_of
from adapters.treasury.line.channel import Channel, Task
from adapters.treasury.line.ledger import Package
from gateway.canonical import Body
from gateway.canonical.levy import DebitBatchReturned, DebitsChecked
from gateway.canonical.levy_day import (
    CorrectionsChecked,
    EntriesReported,
    PackageCount,
    PackagesAnnounced,
    RefundsChecked,
)
from gateway.canonical.levy_network import ResendAsked
from gateway.contract import PartnerDown, Reject


def package_of(number: str, body: Body) -> Package | None:
    """What the ledger keeps of a package, or of a part of one, that came; None for what is no package."""
    if isinstance(body, DebitBatchReturned):
        return _package(number, body.entrusted_on, body.batch_no, 1, [r.amount for r in body.results])
    if isinstance(body, DebitsChecked):
        return _package(number, body.checked_on, body.batch_no, body.part_no, [d.amount for d in body.debits])
    if isinstance(body, RefundsChecked):
        return _package(
            number, body.checked_on, body.batch_no, body.part_no, [r.amount for r in body.refunds]
        )
    if isinstance(body, CorrectionsChecked):
        of = body.corrections
        return Package(
            number=number, day=body.checked_on, pack_no=body.batch_no, part=body.part_no, count=len(of),
            total=body.part_total,
        )  # fmt: skip
    if isinstance(body, EntriesReported):
        return _package(number, body.booked_on, body.batch_no, body.part_no, [e.amount for e in body.entries])
    return None


def _package(number: str, day: dt.date, pack_no: str, part: int, amounts: list[int]) -> Package:
    return Package(number=number, day=day, pack_no=pack_no, part=part, count=len(amounts), total=sum(amounts))


class Packages:
    """The comparison of one node."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._log = channel.context.log

    async def compare(self, announced: PackagesAnnounced) -> None:
        """Says in the log what differs, and asks for what is missing."""
        for package in announced.packages:
            if announced.direction == "sent":
                await self._came(package)
            else:
                await self._was_sent(package)

    async def _was_sent(self, package: PackageCount) -> None:
        request = await self._channel.ledger.on_wire(
            package.original_message, package.sender_code, package.entrusted_on, package.batch_no
        )
        if request is None:
            self._say("treasury.package_not_ours", package)
        elif (request.count, request.total) != (package.count, package.total):
            self._say("treasury.package_counted_otherwise", package)

    async def _came(self, package: PackageCount) -> None:
        count, total = await self._channel.ledger.came(
            package.original_message, package.entrusted_on, package.batch_no
        ) or (0, 0)
        if (count, total) == (package.count, package.total):
            return
        if count >= package.count:
            self._say("treasury.package_counted_otherwise", package)
            return
        self._say("treasury.package_missing", package)
        await self._ask_again(package)

    async def _ask_again(self, package: PackageCount) -> None:
        wanted = self._channel.settings.resend
        if wanted is None:
            return
        body = ResendAsked(
            sender_code=wanted.sender_code,
            entrusted_on=package.entrusted_on,
            wanted_message=package.original_message,
            wanted_batch_no=package.batch_no,
        )
        business = business_of(body)
        if business.number == CHECK_RESEND:
            body = replace(body, checked_on=package.entrusted_on)
        else:
            body = replace(
                body,
                wanted_sender_code=package.sender_code,
                wanted_entrusted_on=package.entrusted_on,
                organisation_kind=wanted.organisation_kind,
            )
        task = Task(body=body, business=business, message="", at=self._channel.context.clock.now())
        try:
            # Nobody waits: the package itself is the answer.
            await self._channel.ask(task, 0.0)
        except (PartnerDown, Reject) as error:
            self._log.error("treasury.resend_not_asked", pack_no=package.batch_no, reason=error.en)
            return
        self._say("treasury.resend_asked", package)

    def _say(self, event: str, package: PackageCount) -> None:
        self._log.warning(
            event,
            number=package.original_message,
            day=package.entrusted_on.isoformat(),
            pack_no=package.batch_no,
        )
