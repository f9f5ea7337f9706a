"""A ward of invented patients, and what a hospital's system writes by HL7 when something happens to them.

    ward = Ward(start)
    for event in STAY:
        message = ward.message(event, patient=0)

Everything follows from numbers: the same patient and event is the same message, under the same control id.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Final

from adapters.hospital.simulator.invented import person, yuan

#: A stay from admission to the closing of the bill, in order.
STAY: Final = ("ADT^A01", "ADT^A02", "ADT^A08", "ORU^R01", "DFT^P03", "ADT^A16", "ADT^A03")
#: What is taken back afterwards, in order: the bill, the discharge. A11 takes back an admission.
UNDONE: Final = ("ADT^A13", "ADT^A25")

_WARDS: Final = (("N01", "0301"), ("N02", "0302"), ("N03", "0401"))
_MARKS: Final = {
    "\\": "\\E\\",
    "|": "\\F\\",
    "^": "\\S\\",
    "~": "\\R\\",
    "&": "\\T\\",
}
_NAMED: Final = {"gbk": "GBK", "gb18030": "GB18030", "utf-8": "UTF-8"}


@dataclass(frozen=True, slots=True)
class Hl7Message:
    """One message as text; `data` is what goes into the frame."""

    event: str
    control_id: str
    text: str
    charset: str

    @property
    def data(self) -> bytes:
        return self.text.encode(self.charset)

    def with_(self, old: str, new: str) -> Hl7Message:
        """The same message, spoiled."""
        assert old in self.text
        return Hl7Message(self.event, self.control_id, self.text.replace(old, new), self.charset)


class Ward:
    """Writes messages.

    Args:
        start: when the first patient comes; two wards of one hospital need different ones.
        charset: `gbk`, `gb18030` or `utf-8`; MSH-18 says it.
    """

    def __init__(
        self,
        start: dt.datetime,
        *,
        application: str = "NHIS",
        facility: str = "DEMO",
        receiver: str = "EAI",
        charset: str = "gbk",
    ) -> None:
        self._start = start
        self._application = application
        self._facility = facility
        self._receiver = receiver
        self._charset = charset

    def visit(self, patient: int) -> str:
        """The hospital's own number of the stay (就诊号)."""
        return f"ZY{self._start:%Y%m%d%H%M%S}{patient:04d}"

    def message(self, event: str, patient: int = 0, repeat: int = 0) -> Hl7Message:
        """What is written when `event` happens to a patient.

        Args:
            repeat: tells events apart that happen to one patient several times.
        """
        key = f"{self._facility}/{self.visit(patient)}/{event}/{repeat}"
        control_id = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        steps = (*STAY, *UNDONE, "ADT^A11", "ZPI^PMI")
        at = self._start + dt.timedelta(hours=patient, minutes=10 * steps.index(event) + repeat)
        kind, _, trigger = event.partition("^")
        lines = [
            rf"MSH|^~\&|{self._application}|{self._facility}|{self._receiver}||{_time(at)}||{event}|{control_id}"
            f"|P|2.4|||AL|AL|CHN|{_NAMED[self._charset]}"
        ]
        if kind in ("ADT", "DFT"):
            lines.append(f"EVN|{trigger}|{_time(at)}")
        lines.append(_patient(patient))
        lines.append(self._place(event, patient, at))
        lines += _content(event, patient, at)
        return Hl7Message(event, control_id, "".join(f"{line}\r" for line in lines), self._charset)

    def _place(self, event: str, patient: int, at: dt.datetime) -> str:
        """PV1. The patient moves to the next ward with A02 and stays there."""
        moved = event in STAY[1:] or event in UNDONE
        here, before = _bed(patient + moved), _bed(patient)
        discharged = event in ("ADT^A16", "ADT^A03")
        fields = {
            1: "1",
            2: "O" if event == "ZPI^PMI" else "I",
            3: here,
            6: before if event == "ADT^A02" else "",
            7: "D990101000001^示例医",
            18: "02",
            19: self.visit(patient),
            36: "1" if discharged else "",
            44: _time(self._start + dt.timedelta(hours=patient)),
            45: _time(at) if discharged else "",
        }
        return _segment("PV1", fields)


def _content(event: str, patient: int, at: dt.datetime) -> list[str]:
    """The segments that only some events have."""
    total = 10_000 + 731 * patient
    if event == "DFT^P03":
        fields = {
            2: f"INV{at:%Y%m%d%H%M%S}{patient:04d}",
            4: _time(at),
            6: "02",
            8: "2",
            11: f"^^{yuan(total)}",
            15: f"^^{yuan(total * 7 // 10)}",
            22: f"^^{yuan(total // 10)}",
        }
        return [_segment("FT1", fields)]
    if event == "ORU^R01":
        report = f"{at:%Y%m%d%H%M%S}{patient:04d}"
        return [
            _segment(
                "OBR", {1: "1", 2: f"SQ{report}", 3: f"BG{report}", 4: "XCG^血常规", 7: _time(at), 25: "F"}
            ),
            rf"OBX|1|NM|WBC^白细胞||{5 + patient % 7}.2|10\S\9/L|3.5-9.5|N|||F",
            "OBX|2|ST|CRP^C反应蛋白||<0.5|mg/L||N|||F",
        ]
    if event == "ZPI^PMI":
        personal = total * 3 // 10
        number = f"INV{at:%Y%m%d%H%M%S}{patient:04d}"
        return [
            f"ZFP|{number}|{yuan(total - personal)}|{yuan(personal)}|微信|0.00|{yuan(total)}|C001|示例收|{_time(at)}|1",
            f"PMI|09|西药费|{yuan(total - 1250)}",
            f"PMI|02|诊察费|{yuan(1250)}",
        ]
    return []


def _patient(n: int) -> str:
    who = person(n)
    born = who.identity[6:14]
    sex = "M" if int(who.identity[16]) % 2 else "F"
    return _segment(
        "PID",
        {
            1: "1",
            3: f"ZY{n:06d}^^^^PatientNO~{who.identity}^^^^IdentifyNO",
            5: _said(who.name),
            7: born,
            8: sex,
            11: f"{_said('示例路1号 & 2号')}^^^^^^H",
            13: "^^^^^^^^13900000000",
            36: "310^城镇职工^^21^^普通住院",
        },
    )


def _bed(n: int) -> str:
    ward, department = _WARDS[n % len(_WARDS)]
    return f"{ward}^^B{n % 40 + 1:02d}^{department}"


def _segment(name: str, fields: dict[int, str]) -> str:
    return "|".join([name, *(fields.get(n, "") for n in range(1, max(fields) + 1))]).rstrip("|")


def _said(text: str) -> str:
    return "".join(_MARKS.get(c, c) for c in text)


def _time(at: dt.datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}"
