"""What a WSDL says of one operation: names, namespaces and SOAPAction. zeep reads it once, in a thread.

    <p:nciicCheck><p:inLicense>…</p:inLicense><p:inConditions>…</p:inConditions></p:nciicCheck>
    <p:nciicCheckResponse><p:out>…</p:out></p:nciicCheckResponse>

The requests themselves are built here: with zeep each would cost milliseconds of the reactor's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.contract import ConfigError
from gateway.transports.soap import load_wsdl

SHIPPED = Path(__file__).parent / "wsdl"


class Unreadable(Exception):
    """An answer that cannot be understood: it says nothing about anybody. The text holds no data of it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A document/literal wrapped operation of texts, with one text as its result. Names are `{namespace}local`."""

    root: str
    parameters: tuple[str, ...]
    action: str
    reply: str
    result: str

    def request(self, values: Mapping[str, str]) -> bytes:
        """The payload, from values by the parameters' local names."""
        space = etree.QName(self.root).namespace
        root = etree.Element(self.root, nsmap={"p": space} if space else None)
        for parameter in self.parameters:
            etree.SubElement(root, parameter).text = values[etree.QName(parameter).localname]
        return etree.tostring(root, encoding="utf-8")

    def answer(self, payload: etree._Element) -> str:
        """The result in an answer's payload.

        Raises:
            Unreadable: it is another element, or without result.
        """
        if payload.tag != self.reply:
            raise Unreadable(f"{etree.QName(self.reply).localname} expected")
        text = payload.findtext(self.result)
        if not text or not text.strip():
            raise Unreadable(f"{etree.QName(self.result).localname} is empty")
        return text.strip()


@cache
def call_of(file: Path, operation: str, parameters: tuple[str, ...]) -> Call:
    """The operation as the file describes it. Blocks: not for the reactor.

    Raises:
        ConfigError: not a WSDL, or no such operation with these parameters and one text as result.
    """
    try:
        services = load_wsdl(file).wsdl.services.values()
    except Exception as error:  # zeep has no common error, and all of them mean the same here
        raise ConfigError(
            f"无法读取 WSDL {file}：{type(error).__name__}",
            f"{file} cannot be read as WSDL: {type(error).__name__}",
            path="service.wsdl",
        ) from error
    bindings = [port.binding for service in services for port in service.ports.values()]
    found = next((b._operations[operation] for b in bindings if operation in b._operations), None)
    if found is None:
        raise ConfigError(
            f"WSDL {file.name} 中没有操作 {operation}",
            f"{file.name} has no operation {operation}",
            path="service.operation",
        )
    call = _call(found)
    if call is None or tuple(etree.QName(p).localname for p in call.parameters) != parameters:
        raise ConfigError(
            f"操作 {operation} 的参数应为 {'、'.join(parameters)}，结果应为一个文本",
            f"operation {operation} must take {', '.join(parameters)} and give one text",
            path="service.wsdl",
        )
    return call


def _call(operation: Any) -> Call | None:
    """None where the operation is not document/literal wrapped with one result."""
    asked, told = operation.input.body, operation.output.body
    try:
        parameters = tuple(element.qname.text for _, element in asked.type.elements)
        [(_, result)] = told.type.elements
    except (AttributeError, TypeError, ValueError):
        return None
    return Call(
        root=asked.qname.text,
        parameters=parameters,
        action=operation.soapaction or "",
        reply=told.qname.text,
        result=result.qname.text,
    )
