"""What a mapping reads of a stored answer. Pure."""

from __future__ import annotations

from adapters.police.contracts import Unreadable
from adapters.police.link import envelope_of, text_of, undeclared
from gateway.transports.http import Headers, HttpResponse
from gateway.transports.soap import NotSoap, PeerFault, read_answer


def document_of(raw: bytes) -> bytes:
    """The document inside of a SOAP answer, or the JSON answer itself, in UTF-8.

    Raises:
        ValueError: there is none.
    """
    try:
        text = text_of(raw)
        if text.lstrip().startswith("{"):
            return text.encode()
        payload = read_answer(envelope_of(HttpResponse(200, Headers({}), raw)))
    except (Unreadable, NotSoap, PeerFault) as error:
        raise ValueError("no answer of the police") from error
    inner = next((child.text for child in payload if child.text), None)
    if inner is None:
        raise ValueError("no answer of the police")
    return undeclared(inner.strip())
