"""Hospitals that speak the styles with a text parameter, against a receiver that listens."""

from __future__ import annotations

from typing import Any, TypeVar

from adapters.hospital.simulator.texts import Hip, ParamXml
from gateway.contract import Inbound
from tests.adapters.hospital.soap.world import World

B = TypeVar("B")
STYLES = {"styles": ["own", "param-xml", "hip"]}


def soap(**param_xml: Any) -> dict[str, Any]:
    """The settings block with all styles."""
    return {**STYLES, "param_xml": param_xml}


def param_xml(w: World, content: Any = "xml", **options: Any) -> ParamXml:
    return ParamXml(w.hospital(), content=content, **options)


def hip(w: World) -> Hip:
    return Hip(w.hospital(soap="1.2"))


def body_of(inbound: Inbound, kind: type[B]) -> B:
    """The body, which is of that kind."""
    assert isinstance(inbound.body, kind)
    return inbound.body
