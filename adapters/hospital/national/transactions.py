"""The transactions, one row each: which operation of the manifest a number stands for, and its mappings.

Request and reply types, style and title are the operation's. A number with a letter (2203A) is a later form of
the same business and shares its operation; where it has fields of its own it has a mapping of its own.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from adapters.hospital.operations import BY_NAME
from gateway.contract import Operation


class Transaction(Struct, frozen=True):
    """One number of the interface."""

    infno: str
    operation: str  #: in the manifest
    input: str  #: mapping of the request
    output: str | None  #: mapping of the reply; None where the answer has no content

    @property
    def declared(self) -> Operation:
        return BY_NAME[self.operation]


def _row(infno: str, operation: str, answer: str | None = "", form: str = "") -> Transaction:
    """
    Args:
        answer: the number whose output it shares; empty: its own; None: it has none.
        form: the number whose input it shares; empty: its own.
    """
    output = None if answer is None else f"settlement.{(answer or infno).lower()}.output"
    return Transaction(infno, operation, f"settlement.{(form or infno).lower()}.input", output)


#: What is answered by whoever the route leads to.
ROUTED: Final = {
    row.infno: row
    for row in (
        _row("1101", "QueryPerson"),
        _row("2001", "CheckBenefits"),
        _row("2201", "RegisterOutpatient"),
        _row("2202", "WithdrawRegistration", None),
        _row("2203", "SubmitVisit", None),
        _row("2203A", "SubmitVisit", None, "2203"),
        _row("2204", "UploadOutpatientFees"),
        _row("2205", "WithdrawOutpatientFees", None),
        _row("2206", "EstimateOutpatient"),
        _row("2207", "SettleOutpatient"),
        _row("2207A", "SettleOutpatient", "2207", "2207"),
        _row("2208", "CancelSettlement"),
        _row("2301", "UploadInpatientFees"),
        _row("2302", "WithdrawInpatientFees", None),
        _row("2303", "EstimateInpatient"),
        _row("2304", "SettleInpatient"),
        _row("2305", "CancelInpatientSettlement"),
        _row("2401", "AdmitPatient"),
        _row("2402", "DischargePatient", None),
        _row("2403", "UpdateStay", None),
        _row("2404", "CancelAdmission", None),
        _row("2405", "CancelDischarge", None),
        _row("2501", "FileReferral"),
        _row("2501A", "FileReferral", "2501", "2501"),
        _row("2502", "WithdrawFiling", None),
        _row("2503", "FileChronicDisease", "2501"),
        _row("2504", "WithdrawFiling", None),
        _row("2505", "FileDesignation", "2501"),
        _row("2506", "WithdrawFiling", None, "2504"),
        _row("2601", "ReverseSettlement", None),
        _row("3201", "CompareStatement"),
        _row("3202", "CompareDetails"),
        _row("3301", "MatchCatalogue", None),
        _row("3302", "WithdrawCatalogueMatch", None),
        _row("4101", "SubmitSettlementList"),
        _row("4101A", "SubmitSettlementList"),
        _row("5201", "QueryVisits"),
        _row("5202", "QueryDiagnoses"),
        _row("5203", "QuerySettlement"),
        _row("5204", "QueryFees"),
        _row("5205", "QueryMedication"),
        _row("5206", "QuerySums"),
        _row("5301", "QueryChronicDiseases"),
        _row("5302", "QueryDesignations"),
        _row("5303", "QueryStay"),
        _row("5304", "QueryReferrals"),
    )
}

OPERATIONS: Final = frozenset(row.operation for row in ROUTED.values())
#: Mappings of what is answered here.
SESSIONS: Final = tuple(
    f"settlement.{name}" for name in ("9001.input", "9001.output", "9002.input", "9002.output")
)
FILES: Final = tuple(
    f"settlement.{name}" for name in ("9101.input", "9101.output", "9102.input", "3202.file", "3202.result")
)
#: 目录下载: the catalogues that are files.
CATALOGUES: Final = frozenset(
    {"1301", "1302", "1303", "1305", "1306", "1307", "1308", "1309", "1310", "1311", "1313", "1314", "1315"}
)
SIGN_IN, SIGN_OUT, UPLOAD, DOWNLOAD = "9001", "9002", "9101", "9102"


def mapping_names() -> frozenset[str]:
    """Every mapping the face reads or writes."""
    routed = {name for row in ROUTED.values() for name in (row.input, row.output) if name}
    return frozenset(routed | {*SESSIONS, *FILES})
