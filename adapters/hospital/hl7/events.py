"""The events that hospitals report by HL7: what each is for us, and which mapping reads it.

Triggers and their meaning are those of working hospital systems. What a trigger is for us can be changed by a
mapping file of the same name in the settings, which messages are taken by `hl7.events`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple


class Event(NamedTuple):
    """One trigger event, `MSH-9`."""

    operation: str  #: of the manifest
    mapping: str


EVENTS: Final = {
    "ADT^A01": Event("ReportAdmission", "hospital.hl7_adt_a01"),
    "ADT^A02": Event("ReportTransfer", "hospital.hl7_adt_a02"),
    "ADT^A03": Event("ReportDischarge", "hospital.hl7_adt_a03"),
    "ADT^A08": Event("ReportPatientUpdate", "hospital.hl7_adt_a08"),
    "ADT^A11": Event("ReportAdmissionCancelled", "hospital.hl7_adt_a11"),
    "ADT^A13": Event("ReportDischargeCancelled", "hospital.hl7_adt_a13"),
    "ADT^A16": Event("ReportDischarge", "hospital.hl7_adt_a16"),
    "ADT^A25": Event("ReportDischargeCancelled", "hospital.hl7_adt_a25"),
    "DFT^P03": Event("ReportCharges", "hospital.hl7_dft_p03"),
    "ORU^R01": Event("ReportResult", "hospital.hl7_oru_r01"),
    "ZPI^PMI": Event("ReportInvoice", "hospital.hl7_zpi_pmi"),
}
#: Of the answers.
ACK: Final = "hospital.hl7_ack"
NAK: Final = "hospital.hl7_nak"


def spoken(names: Iterable[str]) -> frozenset[str]:
    """Names of the operations that some events are."""
    return frozenset(EVENTS[name].operation for name in names)
