"""Files that travel as they are: nobody here reads what they hold. The content is the message's attachment."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class FileSubmitted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`file.exchange.submitted.v1`: a file of one agency for another. `Message.attachment` has its content."""

    file_name: Annotated[str, Meta(min_length=1, max_length=255)]  #: as its sender called it, without folders
    size: Annotated[int, Meta(ge=0)]  #: bytes
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    purpose: Annotated[str, Meta(min_length=1, max_length=200)] | None = None  #: what it is for, by agreement
    note: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
