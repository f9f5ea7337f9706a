"""Hospitals that speak the styles with a text parameter, against a receiver that listens."""

from __future__ import annotations

from typing import Any

from adapters.hospital.simulator.texts import Hip, ParamXml
from tests.adapters.hospital.soap.world import World

STYLES = {"styles": ["own", "param-xml", "hip"]}


def soap(**param_xml: Any) -> dict[str, Any]:
    """The settings block with all styles."""
    return {**STYLES, "param_xml": param_xml}


def param_xml(w: World, content: Any = "xml", **options: Any) -> ParamXml:
    return ParamXml(w.hospital(), content=content, **options)


def hip(w: World) -> Hip:
    return Hip(w.hospital(soap="1.2"))
