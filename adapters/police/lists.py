"""Lists of up to 100,000 persons, asked about in calls of the size the service takes, several at a time.

Every answered row is kept, sealed, before the next call: after a retry or a restart only what is missing is asked.

    kept rows ─► rows known from before ─► calls ─► rows nobody spoke of, singly ─► answer
                                             └─ trouble ─► the others finish; later attempts go on from here
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, cast

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from adapters.police.channel import Channel
from adapters.police.dialects import Enquiry
from adapters.police.findings import Finding, unavailable
from adapters.police.link import Trouble
from gateway.canonical import Message
from gateway.canonical.verification import CheckedPerson, PersonChecksAnswered, PersonChecksAsked
from gateway.contract import Accepted, PartnerDown, Prepared, Reject

_ROW: Final = re.compile(r"persons\[(\d+)\](.*)")
_SILENT: Final = unavailable(None, "服务未应答此行 / the service gave no answer for this row")


@dataclass
class _Work:
    """One attempt at a list."""

    message: Message
    body: PersonChecksAsked
    reference: str
    found: dict[int, Finding]
    queue: deque[tuple[int, ...]] = field(default_factory=deque)  #: places, a call each
    stopped: Trouble | PartnerDown | None = None  #: why no further call is made

    def line_up(self, places: Iterable[int], size: int) -> None:
        rest = iter(places)
        while call := tuple(islice(rest, size)):
            self.queue.append(call)

    def missing(self) -> list[int]:
        return [place for place in range(len(self.body.persons)) if place not in self.found]


class Lists:
    """Works off lists."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._dialect = channel.dialect
        self._parallel = channel.settings.parallel
        self._photos = channel.settings.photos_per_list

    def demand(self, message: Message, body: PersonChecksAsked) -> None:
        """Writes every call once, for what only the dialect can refuse. Blocks where the list is long.

        Raises:
            Reject: it cannot be asked here.
        """
        if body.photo_wanted and len(body.persons) > self._photos:
            raise Reject(
                f"要相片的名单最多 {self._photos} 人",
                f"a list that asks for photos holds at most {self._photos} persons",
                code="invalid",
                field="photo_wanted",
                rule="count",
            )
        work = _Work(message, body, "", {})
        work.line_up(work.missing(), self._dialect.limit)
        for places in work.queue:
            try:
                self._dialect.write(_enquiry(work, places))
            except Reject as error:
                raise _in_list(error, places[0]) from None

    async def work_off(
        self, message: Message, body: PersonChecksAsked, prepared: Prepared
    ) -> Accepted | Trouble:
        """One attempt: the whole answer, or why it is not whole yet. Raises PartnerDown."""
        work = _Work(message, body, prepared.reference, await self._known(message, body))
        self._tell(work)
        work.line_up(work.missing(), self._dialect.limit)
        await self._all_calls(work)
        # A row that a call of many left out may be answered alone; once, or it would hold the list up for ever.
        work.line_up(work.missing() if work.stopped is None else (), 1)
        await self._all_calls(work)
        if isinstance(work.stopped, PartnerDown):
            raise work.stopped
        if work.stopped is not None:
            return _so_far(work, work.stopped)
        return Accepted(reply=PersonChecksAnswered(persons=tuple(_rows(work))))

    async def _known(self, message: Message, body: PersonChecksAsked) -> dict[int, Finding]:
        persons = dict(enumerate(body.persons))
        found = await self._channel.answers.of_list(message.id, persons)
        missing = {place: person for place, person in persons.items() if place not in found}
        earlier = await self._channel.answers.earlier(missing, body.photo_wanted)
        if earlier:
            await self._channel.answers.keep_of_list(message.id, persons, earlier)
            self._channel.context.log.info(
                "police.answered_from_cache", message=message.id, persons=len(earlier)
            )
        return found | earlier

    async def _all_calls(self, work: _Work) -> None:
        callers = min(self._parallel, len(work.queue))
        calls = [Deferred.fromCoroutine(self._calls(work)) for _ in range(callers)]
        # All have ended before the attempt does, also where one breaks: the next attempt must not run beside them.
        for ok, result in await DeferredList(calls, consumeErrors=True):
            if not ok:
                cast(Failure, result).raiseException()

    async def _calls(self, work: _Work) -> None:
        try:
            while work.queue and work.stopped is None:
                places = work.queue.popleft()
                granted = await self._channel.quota.take(len(places))
                if granted < len(places):
                    work.stopped = self._used_up()
                if granted:
                    await self._call(work, places[:granted])
        except BaseException:
            work.queue.clear()
            raise

    async def _call(self, work: _Work, places: Sequence[int]) -> None:
        enquiry = _enquiry(work, places)
        try:
            heard = await self._dialect.ask(self._dialect.write(enquiry), enquiry)
        except PartnerDown as down:
            await self._channel.quota.give_back(len(places))
            work.stopped = work.stopped or down
            return
        if isinstance(heard, Trouble):
            work.stopped = work.stopped or heard
            return
        findings = {places[place]: finding for place, finding in heard.findings.items()}
        persons = {place: work.body.persons[place] for place in findings}
        await self._channel.answers.keep_of_list(work.message.id, persons, findings)
        await self._channel.answers.keep(persons, findings, work.body.photo_wanted)
        work.found.update(findings)
        self._tell(work)

    def _used_up(self) -> Trouble:
        return Trouble(kind="quota", reason=self._channel.quota.exhausted(), code="quota")

    def _tell(self, work: _Work) -> None:
        self._channel.context.progress(work.reference, len(work.found), len(work.body.persons))


def _in_list(error: Reject, first: int) -> Reject:
    """The refusal of a call that begins at that place, with the place in the whole list."""
    match = _ROW.fullmatch(error.field)
    place, field = (int(match[1]), match[2]) if match else (0, f".{error.field}")
    return Reject(
        error.zh, error.en, code=error.code, field=f"persons[{first + place}]{field}", rule=error.rule
    )


def _enquiry(work: _Work, places: Sequence[int]) -> Enquiry:
    body = work.body
    return Enquiry(
        persons=tuple(body.persons[place] for place in places),
        operator_code=body.operator_code,
        operator_name=body.operator_name,
        operator_document_no=body.operator_document_no,
        operator_department=body.operator_department,
        photo_wanted=body.photo_wanted,
        at=work.message.time,
    )


def _rows(work: _Work) -> Iterable[CheckedPerson]:
    for place, person in enumerate(work.body.persons):
        yield work.found.get(place, _SILENT).row(place + 1, person)


def _so_far(work: _Work, trouble: Trouble) -> Trouble:
    """The trouble, with how far the list has come."""
    done, total = len(work.found), len(work.body.persons)
    told = f"已完成 {done}/{total}，只需再问其余 / {done} of {total} done, only the rest is asked again. "
    return Trouble(
        kind=trouble.kind,
        reason=told + trouble.reason,
        code=trouble.code,
        text=trouble.text,
        raw=trouble.raw,
        after=trouble.after,
    )
