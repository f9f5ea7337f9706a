"""The styles of one hospital, as its settings choose them."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.hospital.clerk import Clerk
from adapters.hospital.formats import Formats
from adapters.hospital.national import transactions
from adapters.hospital.soap import documents
from adapters.hospital.soap.hip import documents as hip_documents
from adapters.hospital.soap.hip.style import HipStyle
from adapters.hospital.soap.own import OwnStyle
from adapters.hospital.soap.param_xml.style import ParamXmlStyle
from adapters.hospital.soap.settings import SoapFace
from adapters.hospital.soap.style import Style
from gateway.contract import Context


def spoken(face: SoapFace) -> frozenset[str]:
    """Names of the operations that the chosen styles know."""
    by_style = {
        "own": documents.OPERATIONS,
        "param-xml": transactions.OPERATIONS,
        "hip": hip_documents.OPERATIONS,
    }
    return frozenset().union(*(by_style[name] for name in face.styles))


def made(
    face: SoapFace,
    context: Context,
    clerk: Clerk,
    formats: Formats,
    operations: frozenset[str],
    line_tolerance: int | None,
) -> Iterator[Style]:
    """Those with names of their own first: style `own` takes whatever is left.

    Args:
        operations: names of what is offered.
        line_tolerance: fen by which a fee line's amount may differ from quantity times price; None: any.
    """
    if "param-xml" in face.styles:
        yield ParamXmlStyle(face, context, clerk, formats, line_tolerance)
    if "hip" in face.styles:
        yield HipStyle(face, context, clerk, formats)
    if "own" in face.styles:
        yield OwnStyle(clerk, context.clock, formats, operations, line_tolerance)
