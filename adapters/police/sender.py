"""The sender: one person, a list of them, or a roll whose answer comes later.

Asking changes nothing at the other end, so whatever remains open is asked again; but every try is counted. What
keeps the police from answering is never taken for an answer about the person.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from adapters.police.channel import Channel
from adapters.police.demands import Asked, demand_all
from adapters.police.dialects import Answered, Enquiry
from adapters.police.findings import Finding, person_of, unavailable
from adapters.police.link import Trouble
from adapters.police.lists import Lists
from adapters.police.survival import Rolls
from gateway.canonical import Message
from gateway.canonical.envelope import encode_body
from gateway.canonical.verification import PersonCheckAsked, PersonChecksAsked, SurvivalAsked
from gateway.contract import (
    Accepted,
    ConfigError,
    Outcome,
    PartnerDown,
    Prepared,
    Reject,
    RetryLater,
    Unknown,
)

#: Longer lists are checked in a thread.
_AT_ONCE: Final = 500


class PoliceSender:
    """Implements `gateway.contract.Sender`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._settings = channel.settings
        self._context = channel.context
        self._lists = Lists(channel)
        self._rolls = Rolls(channel)

    async def prepare(self, message: Message) -> Prepared:
        """Checks everything, and for one person writes the question.

        Raises:
            Reject: this message can never be sent to this partner.
        """
        body = asked(message)
        strange = await self._checked(message, body)
        if strange:
            self._context.log.warning("police.region_unknown", message=message.id, persons=strange)
        if isinstance(body, PersonCheckAsked):
            content = self._channel.dialect.write(enquiry_of(body, message))
            return Prepared(operation="identity-check", reference=message.id, content=content)
        operation = "identity-checks" if isinstance(body, PersonChecksAsked) else "survival-check"
        # Which rows go out at an attempt depends on which were answered before, so what is stored is the question.
        return Prepared(operation=operation, reference=message.id, content=encode_body(body))

    async def _checked(self, message: Message, body: Asked) -> int:
        """How many numbers have no region of today. Raises Reject."""

        def work() -> int:
            strange = demand_all(message, body, self._settings.purposes)
            if isinstance(body, PersonChecksAsked):
                self._lists.demand(message, body)
            elif isinstance(body, SurvivalAsked):
                self._rolls.demand(message, body)
            return strange

        if isinstance(body, PersonCheckAsked) or len(body.persons) <= _AT_ONCE:
            return work()
        reactor = self._context.reactor
        done: Deferred[int] = deferToThreadPool(reactor, reactor.getThreadPool(), work)
        return await done

    async def send(self, message: Message, prepared: Prepared) -> Outcome:
        """One attempt. Raises PartnerDown where nothing was sent."""
        try:
            await self._channel.dialect.ready()
        except ConfigError as error:
            raise PartnerDown(error.zh, error.en) from error
        body = asked(message)
        if isinstance(body, PersonCheckAsked):
            return await self._one(message, body, prepared)
        if isinstance(body, PersonChecksAsked):
            found = await self._lists.work_off(message, body, prepared)
        else:
            found = await self._rolls.submit(message, body, prepared)
        return self._stopped(found) if isinstance(found, Trouble) else found

    # One person

    async def _one(self, message: Message, body: PersonCheckAsked, prepared: Prepared) -> Outcome:
        persons = {0: person_of(body)}
        known = (await self._channel.answers.earlier(persons, body.photo_wanted)).get(0)
        if known is not None:
            self._context.log.info("police.answered_from_cache", message=message.id, outcome=known.outcome)
            return Accepted(reply=known.answer())
        heard = await self._ask(prepared.content, enquiry_of(body, message))
        if isinstance(heard, Trouble):
            return self._not_answered(message, heard)
        finding = heard.findings.get(0)
        if finding is None:
            return Unknown(reason="应答没有所问的人 / the answer is not about this person", raw=heard.raw)
        await self._channel.answers.keep(persons, {0: finding}, body.photo_wanted)
        return _accepted(finding, heard)

    async def _ask(self, document: bytes, enquiry: Enquiry) -> Answered | Trouble:
        quota = self._channel.quota
        if not await quota.take(1):
            return Trouble(
                kind="quota",
                reason=quota.exhausted(),
                code="quota",
                text="本日核验额度已用完 / quota used up",
            )
        try:
            return await self._channel.dialect.ask(document, enquiry)
        except PartnerDown:
            await quota.give_back(1)
            raise

    def _not_answered(self, message: Message, trouble: Trouble) -> Outcome:
        """What only a person or the next day can mend is told at once to somebody who waits."""
        lasting = trouble.kind in ("licence", "quota")
        if not lasting or message.deadline is None:
            return self._stopped(trouble)
        self._tell(trouble)
        reply = unavailable(trouble.code, trouble.text or trouble.reason).answer()
        return Accepted(reply=reply, raw=trouble.raw)

    # Troubles

    def _stopped(self, trouble: Trouble) -> Outcome:
        self._tell(trouble)
        if trouble.kind == "doubt":
            return Unknown(reason=trouble.reason, raw=trouble.raw)
        after = self._channel.quota.renewed_in() if trouble.kind == "quota" else trouble.after
        return RetryLater(reason=trouble.reason, after=after)

    def _tell(self, trouble: Trouble) -> None:
        log = self._context.log
        tell = log.error if trouble.kind in ("licence", "quota") else log.warning
        tell("police.unavailable", kind=trouble.kind, code=trouble.code, reason=trouble.reason)


def asked(message: Message) -> Asked:
    """The body as one of those that can be sent here.

    Raises:
        Reject: it is another.
    """
    body = message.data
    if isinstance(body, PersonCheckAsked | PersonChecksAsked | SurvivalAsked):
        return body
    raise Reject("公安核验不接收此类消息", "the police take no such message", code="unknown-operation")


def enquiry_of(body: PersonCheckAsked, message: Message) -> Enquiry:
    """A question about one person."""
    return Enquiry(
        persons=(person_of(body),),
        operator_code=body.operator_code,
        operator_name=body.operator_name,
        operator_document_no=body.operator_document_no,
        operator_department=body.operator_department,
        operator_address=body.operator_address,
        photo_wanted=body.photo_wanted,
        at=message.time,
    )


def _accepted(finding: Finding, heard: Answered) -> Accepted:
    return Accepted(reply=finding.answer(), raw=heard.raw, mapping=heard.mapping)
