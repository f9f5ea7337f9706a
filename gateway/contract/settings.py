"""Types for settings. One declaration gives validation, lint, JSON Schema, documentation and forms."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)

__all__ = ["Duration", "Endpoint", "HttpUrl", "Network", "Secret", "Settings", "Size"]


class Settings(BaseModel):
    """Base of every settings block: frozen, unknown keys refused with their path."""

    model_config = ConfigDict(frozen=True, extra="forbid")


#: Never shown again: not in logs, error texts, `repr` or the console. `${env:NAME}` and `${file:/path}` in the
#: YAML are resolved when the configuration is read.
Secret = SecretStr

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB)", re.ASCII)
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError("expected a duration such as 500ms, 30s, 5min, 2h or 1d")
    return float(match[1]) * _SECONDS[match[2]]


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError("expected a size such as 512KiB, 1MiB or 2GiB")
    return int(match[1]) * _BYTES[match[2]]


def _network(text: str) -> str:
    ip_network(text)  # ValueError names what is wrong with it
    return text


#: Seconds; written `500ms`, `30s`, `5min`, `2h`, `1d`.
Duration = Annotated[float, BeforeValidator(_duration), Field(ge=0, examples=["30s"])]
#: Bytes; written `512KiB`, `1MiB`.
Size = Annotated[int, BeforeValidator(_size), Field(ge=0, examples=["1MiB"])]
#: `host:port`; port 0 asks the system for a free one.
Endpoint = Annotated[
    str,
    StringConstraints(pattern=r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$"),
    Field(examples=["127.0.0.1:8081"]),
]
HttpUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$"), Field(examples=["https://10.0.0.5/api"])
]
#: `10.1.0.0/16`, or one address.
Network = Annotated[str, AfterValidator(_network)]
