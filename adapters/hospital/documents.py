"""The documents hospitals and the gateway exchange, and the operations they make up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lxml import etree

from adapters.hospital.faults import DETAILS, NAMESPACE
from adapters.hospital.settings import Operation
from gateway.contract import ConfigError
from mappings import SHIPPED, DefinitionError, Mapping, load
from mappings.definition import FieldLine, GroupLine
from mappings.xsd import schema_for

XSD = "http://www.w3.org/2001/XMLSchema"


@dataclass(frozen=True, slots=True)
class Call:
    """One operation: which element asks, which answers, and which mapping reads the request."""

    operation: Operation
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

#: Roots of all mappings the operations need.
ROOTS = frozenset(call.document for call in CALLS) | frozenset(c.reply for c in CALLS if not c.one_way)


def mappings_by_root(replacing: tuple[Path, ...] = ()) -> dict[str, Mapping]:
    """The shipped mappings by root element, some of them replaced.

    Raises:
        ConfigError: a file is no mapping, or none of ours.
    """
    found = dict(_shipped())
    for file in replacing:
        mapping = _load(file)
        root = mapping.plan.definition.codec.root
        if root not in ROOTS or mapping.canonical_type != found[root].canonical_type:
            raise ConfigError(
                f"{file} 不能替换任何医院映射",
                f"{file} replaces no hospital mapping",
                file=str(file),
                path="mappings",
            )
        found[root] = mapping
    return found


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Mapping]:
    loaded = [_load(file) for file in sorted((SHIPPED / "hospital").glob("*.yaml"))]
    return {m.plan.definition.codec.root: m for m in loaded if m.plan.definition.codec.root in ROOTS}


def _load(file: Path) -> Mapping:
    try:
        return load(file)
    except DefinitionError as error:
        raise ConfigError(
            f"映射有误：{error}", f"not a mapping: {error}", file=str(file), path="mappings"
        ) from error


def field_names(mapping: Mapping) -> dict[str, str]:
    """Wire path without row numbers → its Chinese name: `feedetail/cnt` → 数量."""
    return dict(_names(mapping.plan.definition.fields, ""))


def _names(lines: Iterable[FieldLine | GroupLine], prefix: str) -> Iterator[tuple[str, str]]:
    for line in lines:
        if isinstance(line, GroupLine):
            yield prefix + line.each, line.name
            yield from _names(line.fields, f"{prefix}{line.each}/")
        else:
            yield prefix + line.at, line.name


def schema(mappings: Iterable[Mapping]) -> etree._Element:
    """The XML Schema of every request and answer: the mappings', and what no mapping describes."""
    root = etree.fromstring(schema_for(list(mappings)))
    settlement = root.find(f"{{{XSD}}}element[@name='OutpatientSettlement']")
    assert settlement is not None
    upload = deepcopy(settlement)
    upload.set("name", "OutpatientSettlementUpload")
    root.append(upload)
    root.append(_flat("UploadReceipt", ("msgid", "message_id", "state"), needed=3))
    root.append(_flat("Refused", DETAILS, needed=1))
    return root


def _flat(name: str, children: tuple[str, ...], needed: int) -> etree._Element:
    """An element of texts, of which the first few are always there."""
    inner = "".join(
        f'<xs:element name="{child}" type="xs:string" minOccurs="{int(i < needed)}"/>'
        for i, child in enumerate(children)
    )
    text = (
        f'<xs:element xmlns:xs="{XSD}" name="{name}"><xs:complexType><xs:sequence>{inner}</xs:sequence>'
        "</xs:complexType></xs:element>"
    )
    return etree.fromstring(text)


def tag(element: str) -> str:
    """The qualified name of one of our elements."""
    return f"{{{NAMESPACE}}}{element}"
