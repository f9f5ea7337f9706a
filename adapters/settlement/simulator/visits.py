"""The table mdtrt: registrations (2201) and stays (2401), with their diagnoses."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, field

from adapters.settlement.simulator.fees import Refused

_NONE: Final = "就诊信息不存在"


class Visit(Struct, kw_only=True):
    """One row. Times are texts as they came."""

    mdtrt_id: str
    msgid: str
    institution: str
    psn_no: str
    number: str  #: ipt_otp_no
    inpatient: bool
    begntime: str
    endtime: str = ""
    med_type: str = "11"
    facts: dict[str, Any] = field(default_factory=dict)  #: the rest of what was said of it
    diagnoses: list[dict[str, Any]] = field(default_factory=list)


class Visits:
    """All visits of the platform."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._last = 0
        self.by_id: dict[str, Visit] = {}

    def register(self, institution: str, msgid: str, data: dict[str, Any]) -> Visit:
        """2201.

        Raises:
            Refused: this number is registered already.
        """
        number = data["ipt_otp_no"]
        self._unused(institution, number, "该门诊号已挂号")
        return self._add(
            Visit(
                mdtrt_id=self._next(),
                msgid=msgid,
                institution=institution,
                psn_no=data["psn_no"],
                number=number,
                inpatient=False,
                begntime=data["begntime"],
                facts=data,
            )
        )

    def admit(
        self, institution: str, msgid: str, data: dict[str, Any], diagnoses: list[dict[str, Any]]
    ) -> Visit:
        """2401.

        Raises:
            Refused: this number is in use, or the person is in hospital.
        """
        self._unused(institution, data["ipt_no"], "该住院号已办理入院")
        if self.stays(data["psn_no"]):
            raise Refused("该人员已在院")
        return self._add(
            Visit(
                mdtrt_id=self._next(),
                msgid=msgid,
                institution=institution,
                psn_no=data["psn_no"],
                number=data["ipt_no"],
                inpatient=True,
                begntime=data["begntime"],
                med_type=data["med_type"],
                facts=data,
                diagnoses=diagnoses,
            )
        )

    def find(self, mdtrt_id: str, psn_no: str) -> Visit:
        """A visit of that person.

        Raises:
            Refused: there is none.
        """
        visit = self.by_id.get(mdtrt_id)
        if visit is None or visit.psn_no != psn_no:
            raise Refused(_NONE)
        return visit

    def stay(self, mdtrt_id: str, psn_no: str) -> Visit:
        """A stay that has not ended.

        Raises:
            Refused: there is none.
        """
        visit = self.find(mdtrt_id, psn_no)
        if not visit.inpatient or visit.endtime:
            raise Refused("该人员未在院")
        return visit

    def stays(self, psn_no: str) -> list[Visit]:
        """Where the person is in hospital now."""
        return [v for v in self.of(psn_no) if v.inpatient and not v.endtime]

    def of(self, psn_no: str) -> list[Visit]:
        """The visits of a person."""
        return [v for v in self.by_id.values() if v.psn_no == psn_no]

    def diagnose(self, visit: Visit, diagnoses: list[dict[str, Any]]) -> None:
        """2203, 2402: adds diagnoses; one with `vali_flag` 0 takes an earlier one back."""
        for new in diagnoses:
            same = [d for d in visit.diagnoses if d["diag_code"] == new["diag_code"]]
            for old in same:
                visit.diagnoses.remove(old)
            visit.diagnoses.append(new)

    def remove(self, visit: Visit) -> None:
        """2202, 2404, and 2601 of a 2401."""
        del self.by_id[visit.mdtrt_id]

    def by_msgid(self, msgid: str) -> Visit | None:
        """The visit that a message began."""
        return next((v for v in self.by_id.values() if v.msgid == msgid), None)

    def _unused(self, institution: str, number: str, text: str) -> None:
        if any(v.number == number and v.institution == institution for v in self.by_id.values()):
            raise Refused(text)

    def _add(self, visit: Visit) -> Visit:
        self.by_id[visit.mdtrt_id] = visit
        return visit

    def _next(self) -> str:
        self._last += 1
        return f"{self._region}V{self._last:012d}"
