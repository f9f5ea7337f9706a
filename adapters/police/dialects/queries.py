"""What the two services that show their records have in common: questions about one person."""

from __future__ import annotations

from adapters.police.contracts import Unreadable
from adapters.police.dialects.dialect import Answered, Enquiry
from adapters.police.findings import shown
from gateway.canonical.verification import PersonCheckAnswered, PersonCheckAsked


def question(enquiry: Enquiry) -> PersonCheckAsked:
    """The enquiry as the mappings take it."""
    [person] = enquiry.persons
    return PersonCheckAsked(
        document_no=person.document_no,
        name=person.name,
        region=person.region,
        purpose=person.purpose,
        operator_code=enquiry.operator_code,
        operator_name=enquiry.operator_name,
        operator_document_no=enquiry.operator_document_no,
        operator_department=enquiry.operator_department,
        operator_address=enquiry.operator_address,
        photo_wanted=enquiry.photo_wanted,
    )


def about(enquiry: Enquiry, told: PersonCheckAnswered, raw: bytes, mapping: str) -> Answered:
    """The conclusion from the records shown.

    Raises:
        Unreadable: a record of somebody else.
    """
    [person] = enquiry.persons
    if any(record.document_no != person.document_no for record in told.records):
        raise Unreadable("a record of somebody else")
    finding = shown(person, told.records, enquiry.photo_wanted, told.raw_code)
    return Answered(findings={0: finding}, raw=raw, mapping=mapping)
