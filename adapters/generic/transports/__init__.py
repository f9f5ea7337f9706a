"""The transports there are: a new one is a module of this package and its name in these two lines."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from adapters.generic.transports.files import (
    AccountInbound,
    AccountOutbound,
    FolderInbound,
    FolderOutbound,
    SftpInbound,
    SftpOutbound,
)
from adapters.generic.transports.http import HttpInbound, HttpOutbound
from adapters.generic.transports.soap import SoapInbound, SoapOutbound

INBOUND: TypeAlias = Annotated[
    SoapInbound | HttpInbound | FolderInbound | SftpInbound | AccountInbound, Field(discriminator="kind")
]
OUTBOUND: TypeAlias = Annotated[
    SoapOutbound | HttpOutbound | FolderOutbound | SftpOutbound | AccountOutbound, Field(discriminator="kind")
]

__all__ = ["INBOUND", "OUTBOUND"]
