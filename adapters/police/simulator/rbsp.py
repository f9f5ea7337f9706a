"""Their RBSP: the `query` façade and its JSON form, over one register."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from lxml import etree

from adapters.police.simulator.faults import Fault
from adapters.police.simulator.options import Options, Wrong
from adapters.police.simulator.register import Person, Register

NAMESPACE = "urn:rbsp:query"
PARAMETERS = [
    "senderID",
    "serviceID",
    "endUser",
    "dataObjectCode",
    "condition",
    "requiredItems",
    "infoCodeMode",
]
_CONDITION = re.compile(r"SFZH='([0-9]{17}[0-9X])'")
_QUERY = (
    "serviceId", "senderId", "method", "authorizeInfo", "operate", "methodParameter",
)  # fmt: skip


def columns_of(person: Person) -> dict[str, str]:
    """A person by the register's columns."""
    return {
        "SFZH": person.number, "XM": person.name, "CYM": person.former_name, "XB": person.sex,
        "MZ": person.nation, "CSRQ": person.born, "ZZXZ": person.address, "XP": person.photo,
        "GMSFHM": person.number, "SWBS": person.state,
    }  # fmt: skip


class Rbsp:
    """Queries by SOAP and by JSON, and rolls that are answered later."""

    def __init__(
        self,
        options: Options,
        register: Register,
        count: Callable[[list[str]], bool],
        later: Callable[[list[bytes]], None],
        stamp: Callable[[], str],
    ) -> None:
        self._options = options
        self._register = register
        self._count = count
        self._later = later
        self._stamp = stamp

    # SOAP

    def answer(self, payload: etree._Element, fault: Fault | None) -> str:
        """The text of `out`: a table."""
        values = self._parameters(payload)
        person = self._asked(values["condition"], fault)
        if isinstance(person, str):
            return self._table(values["serviceID"], [[person, "模拟的错误 / simulated"]])
        columns = values["requiredItems"].split(",")
        rows = [["000", ""], columns]
        if person is not None:
            known = columns_of(person)
            rows.append([known[column] for column in columns])
        return self._table(values["serviceID"], rows)

    def _parameters(self, payload: etree._Element) -> dict[str, str]:
        if payload.tag != f"{{{NAMESPACE}}}query":
            raise Wrong("no such operation")
        if [child.tag for child in payload] != [f"{{{NAMESPACE}}}{name}" for name in PARAMETERS]:
            raise Wrong(f"expected {', '.join(PARAMETERS)}")
        values = {etree.QName(child).localname: child.text or "" for child in payload}
        if values["senderID"] != self._options.sender_id:
            raise Wrong("senderID is not known")
        if not all(values.values()):
            raise Wrong("a parameter is empty")
        return values

    def _asked(self, condition: str, fault: Fault | None) -> Person | str | None:
        """Who is meant; a result code where it goes wrong; None where there is nobody."""
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise Wrong("condition must be SFZH='number'")
        if not self._count([match[1]]) or (fault and fault.kind == "quota"):
            return "219"
        if fault and fault.kind in ("error-code", "licence"):
            return "103"
        return self._register.find("990101199001010027" if fault and fault.kind == "stranger" else match[1])

    def _table(self, service: str, rows: list[list[str]]) -> str:
        written = "".join(
            f"<Row>{''.join(f'<Data>{escape(cell)}</Data>' for cell in row)}</Row>" for row in rows
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?><RBSPMessage><Version>1.0</Version>'
            f"<ServiceID>{escape(service)}</ServiceID><TimeStamp>{self._stamp()}</TimeStamp><Validity></Validity>"
            '<Security><Signature Algorithm=""></Signature><CheckCode Algorithm=""></CheckCode><Encrypt></Encrypt>'
            "</Security><Method><Name>Query</Name><Items><Item>"
            f'<Value Type="arrayOfArrayOf_string">{written}</Value></Item></Items></Method></RBSPMessage>'
        )

    # JSON

    def reply(self, body: bytes, fault: Fault | None) -> bytes:
        """Answers a `Query`; takes a `DataMatching` on."""
        asked = self._request(body)
        parameter = asked["methodParameter"]
        if asked["method"] == "DataMatching":
            return self._matching(parameter, fault)
        person = self._asked(parameter["Condition"], fault)
        if isinstance(person, str):
            return payload(person, "模拟的错误 / simulated")
        wanted = parameter["RequiredItems"].split(",")
        rows = [] if person is None else [{c: columns_of(person)[c] for c in wanted if columns_of(person)[c]}]
        return payload("000", {"TotalNum": str(len(rows)), "Reuoult": rows})

    def _request(self, body: bytes) -> dict[str, Any]:
        asked = msgspec.json.decode(body)
        if tuple(asked) != _QUERY or asked["senderId"] != self._options.sender_id:
            raise Wrong("members or senderId are not as agreed")
        if asked["authorizeInfo"] != self._options.token:
            raise Wrong("authorizeInfo is wrong")
        user = asked["methodParameter"]["EndUser"]
        if not all(user.get(name) for name in ("UserCardId", "UserName", "UserDept")):
            raise Wrong("EndUser is mandatory")
        if asked["method"] != asked["methodParameter"]["Method"]:
            raise Wrong("two methods")
        return dict(asked)

    def _matching(self, parameter: dict[str, Any], fault: Fault | None) -> bytes:
        if parameter["Condition"] != "GMSFHM='GMSFHM'" or not parameter["ReceiveServiceID"]:
            raise Wrong("Condition and ReceiveServiceID are not as agreed")
        numbers = [row["GMSFHM"] for row in parameter["SourceDataSet"]]
        if not self._count(numbers) or (fault and fault.kind in ("quota", "error-code", "licence")):
            return payload("219", "模拟的错误 / simulated")
        columns = parameter["RequiredItems"].split(",")
        found = [p for p in map(self._register.find, numbers) if p is not None]
        rows = [{column: columns_of(person)[column] for column in columns} for person in found]
        size = self._options.part
        parts = [rows[at : at + size] for at in range(0, len(rows), size)] or [[]]
        total = str(len(rows))
        self._later([payload("000", {"TotalNum": total, "Reuoult": part}) for part in parts])
        return payload("000", {"TotalNum": "0", "Reuoult": []})


def payload(code: str, message: Any) -> bytes:
    """Their answer."""
    return msgspec.json.encode({"payLoad": {"Code": code, "Message": message}})
