"""The documents hospitals and the gateway exchange, and the operations they make up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from adapters.hospital.formats import Formats
from adapters.hospital.soap.faults import DETAILS, NAMESPACE
from gateway.transports.soap.wsdl import flat_element
from mappings import Mapping
from mappings.xsd import schema_for

XSD = "http://www.w3.org/2001/XMLSchema"


@dataclass(frozen=True, slots=True)
class Call:
    """One operation: which element asks, which answers, and which mapping reads the request."""

    operation: str
    request: str
    reply: str
    document: str  #: root element of the request's mapping

    @property
    def one_way(self) -> bool:
        return self.reply == "UploadReceipt"


CALLS = (
    Call("SettleOutpatient", "OutpatientSettlement", "OutpatientSettlementResult", "OutpatientSettlement"),
    Call("UploadOutpatientSettlement", "OutpatientSettlementUpload", "UploadReceipt", "OutpatientSettlement"),
    Call("QueryPerson", "PersonQuery", "PersonQueryResult", "PersonQuery"),
    Call(
        "CancelSettlement", "SettlementCancellation", "SettlementCancellationResult", "SettlementCancellation"
    ),
    Call("ReverseSettlement", "SettlementReversal", "SettlementReversalResult", "SettlementReversal"),
)

#: What can be asked for in this interface.
OPERATIONS = frozenset(call.operation for call in CALLS)

#: Root element → the mapping that reads or writes it.
MAPPINGS = {
    "OutpatientSettlement": "hospital.outpatient_settlement",
    "OutpatientSettlementResult": "hospital.outpatient_settlement_result",
    "PersonQuery": "hospital.person_query",
    "PersonQueryResult": "hospital.person_query_result",
    "SettlementCancellation": "hospital.settlement_cancellation",
    "SettlementCancellationResult": "hospital.settlement_cancellation_result",
    "SettlementReversal": "hospital.settlement_reversal",
    "SettlementReversalResult": "hospital.settlement_reversal_result",
}


class Documents:
    """The mappings of the interface, by root element.

    Raises:
        ConfigError: one of them is wrong.
    """

    def __init__(self, formats: Formats | None = None) -> None:
        self._formats = formats or Formats()
        self._formats.compile(MAPPINGS.values())

    def on(self, day: dt.date) -> dict[str, Mapping]:
        """The mappings that hold on a day, by root element.

        Raises:
            NoMapping: one of them has no version for that day.
        """
        return {root: self._formats.find(name, day) for root, name in MAPPINGS.items()}


def schema(mappings: Iterable[Mapping]) -> etree._Element:
    """The XML Schema of every request and answer: the mappings', and what no mapping describes."""
    root = etree.fromstring(schema_for(list(mappings)))
    settlement = root.find(f"{{{XSD}}}element[@name='OutpatientSettlement']")
    assert settlement is not None
    upload = deepcopy(settlement)
    upload.set("name", "OutpatientSettlementUpload")
    root.append(upload)
    root.append(flat_element("UploadReceipt", ("msgid", "message_id", "state"), needed=3))
    root.append(flat_element("Refused", DETAILS, needed=1))
    return root


def tag(element: str) -> str:
    """The qualified name of one of our elements."""
    return f"{{{NAMESPACE}}}{element}"
