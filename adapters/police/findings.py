"""What was found out about one person, whichever service said so, and the conclusions from it. Pure.

一致 + 一致         match            库中无此号   not_found, which is no mismatch
any 不一致          mismatch         all else     unavailable: nothing is known about the person
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from adapters.police.persons import same_name
from gateway.canonical.verification import (
    CheckedPerson,
    PersonCheckAnswered,
    PersonCheckAsked,
    PersonToCheck,
    RegisterRecord,
)

#: The longest text the canonical messages take.
_TEXT: Final = 500


class Finding(Struct, frozen=True, omit_defaults=True):
    """The answer about one person."""

    outcome: str
    document_result: str | None = None
    name_result: str | None = None
    photo: str | None = None
    records: tuple[RegisterRecord, ...] = ()
    raw_code: str | None = None
    raw_text: str | None = None
    raw_field: str | None = None
    asked_at: str | None = None  #: when the register said so, where this was kept

    @property
    def settled(self) -> bool:
        """Whether asking again would only bring the same."""
        return self.outcome != "unavailable" or self.raw_field is not None

    def answer(self) -> PersonCheckAnswered:
        """As the answer to a question about one."""
        return PersonCheckAnswered(
            outcome=self.outcome,
            document_result=self.document_result,
            name_result=self.name_result,
            photo=self.photo,
            records=self.records,
            raw_code=self.raw_code,
            raw_text=self._told(),
        )

    def row(self, number: int, person: PersonToCheck) -> CheckedPerson:
        """As row `number` of the answer to a list."""
        return CheckedPerson(
            row_no=number,
            document_no=person.document_no,
            name=person.name,
            outcome=self.outcome,
            document_result=self.document_result,
            name_result=self.name_result,
            photo=self.photo,
            raw_text=self._told(),
            raw_field=self.raw_field,
        )

    def _told(self) -> str | None:
        if self.asked_at is None:
            return self.raw_text
        return f"缓存的应答，核验于 {self.asked_at} / a kept answer. {self.raw_text or ''}".strip()[:_TEXT]

    def kept(self, at: str | None) -> bytes:
        """To be kept; with a time it will say that it was."""
        return _encode(msgspec.structs.replace(self, asked_at=at))


_encode: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(Finding)


def finding_of(content: bytes) -> Finding:
    """What `Finding.kept` made."""
    return _decoder.decode(content)


def unavailable(code: str | None, text: str) -> Finding:
    """Nothing is known about the person, and why."""
    return Finding(outcome="unavailable", raw_code=code, raw_text=text[:_TEXT])


def compared(row: CheckedPerson, not_found_words: Iterable[str], photo_wanted: bool) -> Finding:
    """From what a service that compares has said about one person."""
    results = [r for r in (row.document_result, row.name_result) if r is not None]
    text = row.raw_text or ""
    if any(word in text for word in not_found_words):
        outcome = "not_found"
    elif any(result.startswith("mismatch") for result in results):
        outcome = "mismatch"
    elif results == ["match", "match"]:
        outcome = "match"
    else:
        outcome = "unavailable"
    # Whoever does not know the person's name is not shown the face.
    photo = row.photo if photo_wanted and outcome == "match" else None
    return Finding(
        outcome=outcome,
        document_result=row.document_result,
        name_result=row.name_result,
        photo=photo,
        raw_text=row.raw_text,
        raw_field=row.raw_field,
    )


def shown(
    person: PersonToCheck, records: Sequence[RegisterRecord], photo_wanted: bool, code: str | None
) -> Finding:
    """From what a service that shows its records has shown: the names are compared here.

    Two people may have one number: one of them suffices. What the register holds is passed on only where the name
    agrees, or a guessed number would be enough to learn whose it is.
    """
    if not records:
        return Finding(outcome="not_found", raw_code=code)
    if all(record.name is None for record in records):
        return unavailable(code, "应答没有姓名，无法比对 / the answer holds no name to compare")
    agreeing = tuple(r for r in records if r.name is not None and same_name(r.name, person.name))
    if not agreeing:
        return Finding(outcome="mismatch", document_result="match", name_result="mismatch", raw_code=code)
    photo = agreeing[0].photo if photo_wanted else None
    return Finding(
        outcome="match",
        document_result="match",
        name_result="match",
        photo=photo,
        records=tuple(msgspec.structs.replace(r, photo=None) for r in agreeing),
        raw_code=code,
    )


def person_of(asked: PersonCheckAsked) -> PersonToCheck:
    """The person of a question about one."""
    return PersonToCheck(
        document_no=asked.document_no, name=asked.name, region=asked.region, purpose=asked.purpose
    )
