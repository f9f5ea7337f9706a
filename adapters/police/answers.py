"""Answers that are used again: those of an unfinished list, and, where a purpose allows it, of an earlier question."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.police.findings import Finding, finding_of
from adapters.police.memory import Memory, Parts
from adapters.police.persons import comparable
from adapters.police.settings import PoliceSettings
from gateway.canonical.verification import PersonToCheck
from gateway.contract import Context
from mappings.lenses_times import CHINA

Persons = Mapping[int, PersonToCheck]  #: by their places in a list, from 0


class Answers:
    """What is kept for one partner. Nothing is kept for a purpose that the settings do not name."""

    def __init__(self, settings: PoliceSettings, context: Context, memory: Memory) -> None:
        self._licence = settings.licence
        self._lifetimes = {purpose: life for purpose, life in settings.cache.items() if life > 0}
        self._keep = settings.keep
        self._context = context
        self._memory = memory

    async def earlier(self, persons: Persons, photo_wanted: bool) -> dict[int, Finding]:
        """What was found out about these persons for the same purpose not long ago."""
        wanted = {
            place: self._question(person, photo_wanted)
            for place, person in persons.items()
            if person.purpose in self._lifetimes
        }
        return await self._found(wanted)

    async def of_list(self, identity: str, persons: Persons) -> dict[int, Finding]:
        """The rows of this very list that were answered before a retry or a restart."""
        return await self._found({place: _row(identity, place, p) for place, p in persons.items()})

    async def keep(self, persons: Persons, findings: Mapping[int, Finding], photo_wanted: bool) -> None:
        """Keeps what may be used for later questions."""
        now = self._now()
        for purpose, life in self._lifetimes.items():
            given = [
                (self._question(persons[place], photo_wanted), finding.kept(self._stamp()))
                for place, finding in findings.items()
                if finding.settled and finding.asked_at is None and persons[place].purpose == purpose
            ]
            if given:
                await self._memory.keep(given, now + life, now)

    async def keep_of_list(self, identity: str, persons: Persons, findings: Mapping[int, Finding]) -> None:
        """Keeps answered rows until the list is done; as they are, for to their asker they are new."""
        given = [
            (_row(identity, place, persons[place]), finding.kept(finding.asked_at))
            for place, finding in findings.items()
            if finding.settled
        ]
        if given:
            await self._memory.keep(given, self._now() + self._keep, self._now())

    async def _found(self, wanted: Mapping[int, Parts]) -> dict[int, Finding]:
        if not wanted:
            return {}
        kept = await self._memory.kept(wanted, self._now())
        return {place: finding_of(content) for place, content in kept.items()}

    def _question(self, person: PersonToCheck, photo_wanted: bool) -> Parts:
        name = comparable(person.name)
        return ("answer", self._licence, person.document_no, name, person.purpose, str(photo_wanted))

    def _now(self) -> float:
        return self._context.clock.now().timestamp()

    def _stamp(self) -> str:
        return self._context.clock.now().astimezone(CHINA).isoformat(timespec="seconds")


def _row(identity: str, place: int, person: PersonToCheck) -> Parts:
    return ("row", identity, str(place), person.document_no, person.name)
