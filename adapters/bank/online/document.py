"""What a mapping reads of stored answers. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

_XML: Final = b"<CMBSDKPGK"


def document_of(raw: bytes) -> bytes:
    """The last document of what is stored with a message: of a CDC answer its body, of any other all of it.

    Results are stored as the answers that gave them, one after the other, the details last.

    Raises:
        ValueError: there is none.
    """
    if _XML in raw:
        return raw[raw.rindex(_XML) :]
    try:
        tree = msgspec.json.decode(raw.rpartition(b"\n")[2])
    except msgspec.DecodeError:
        raise ValueError("no answer of the bank") from None
    if not isinstance(tree, dict):
        raise ValueError("no answer of the bank")
    answer = tree.get("response")
    body = answer.get("body") if isinstance(answer, dict) else tree
    return msgspec.json.encode(body)
