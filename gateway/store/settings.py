"""Settings of the store: one block in `gateway.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from gateway.contract import Duration, Secret, Settings

#: `sqlite:///relative/path`, `sqlite:////absolute/path`, or any libpq URL.
SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")


class StoreSettings(Settings):
    """Where messages are kept, and how eagerly changes are committed together."""

    url: Secret = Field(
        default=SecretStr("sqlite:///var/gateway.db"),
        description="sqlite:///path or postgresql://user:password@host/database",
    )
    writer: Literal["process", "thread"] = Field(
        default="process",
        description="where SQLite is written: in a process of its own, or in a thread of the gateway's",
    )
    group_window: Duration = Field(
        default=0.003,
        le=1.0,
        description="how long a change waits, under load, for others to share its fsync",
    )
    group_limit: Annotated[int, Field(ge=1, le=1000)] = 256
    busy_timeout: Duration = Field(
        default=5.0, description="how long a locked or unreachable database is waited for"
    )
    pool_size: Annotated[int, Field(ge=1, le=64)] = Field(default=2, description="threads that read")

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if text.startswith(POSTGRESQL) or (text.startswith(SQLITE) and len(text) > len(SQLITE)):
            return url
        raise ValueError("expected sqlite:///path or postgresql://…")

    @property
    def sqlite_path(self) -> str | None:
        """The database file, or None where the store is PostgreSQL."""
        text = self.url.get_secret_value()
        return text.removeprefix(SQLITE) if text.startswith(SQLITE) else None
