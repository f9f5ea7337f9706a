"""`manifest.yaml`: what an adapter can do, readable without importing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

CONTRACT_VERSION = 1

Style = Literal["request-reply", "one-way"]
#: What the engine does when it does not know whether an operation took effect:
#: `resend` the operation is harmless or idempotent; `query` ask, then send again where the partner is certain
#: it never came; `reverse` ask where it can be asked, then reverse; `manual` a person decides.
OnUnknown = Literal["resend", "query", "reverse", "manual"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Title(_Frozen):
    """A name for people, in both languages."""

    zh: str
    en: str


class Operation(_Frozen):
    """One thing the partner can be asked to do, or asks of us."""

    name: str = Field(description="stable name, shown to operators")
    title: Title
    direction: Literal["in", "out"] = Field(description="in: the partner asks us; out: we ask the partner")
    request: str = Field(description="canonical message type")
    reply: str | None = Field(default=None, description="canonical message type of the answer")
    style: Style = "request-reply"
    on_unknown: OnUnknown | None = Field(default=None, description="required for direction out")
    moves_money: bool = False

    def unsafe(self) -> Iterator[tuple[str, str, str]]:
        """Key, Chinese and English of everything by which the engine could not run it safely."""
        if self.direction == "out" and self.on_unknown is None:
            yield (
                "on_unknown",
                f"操作 {self.name} 必须声明 on_unknown",
                f"operation {self.name} must declare on_unknown",
            )
        if self.moves_money and self.on_unknown == "resend":
            yield (
                "on_unknown",
                f"操作 {self.name} 涉及资金，结果不明时不得直接重发",
                f"operation {self.name} moves money: an unknown outcome must not be sent again blindly",
            )


class Manifest(_Frozen):
    """An adapter's manifest."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="adapter = folder = entry point")
    title: Title
    contract: int = Field(description="version of the adapter contract it was written for")
    transports: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    configured: bool = Field(
        default=False, description="the operations are those each partner's settings declare; it lists none"
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Manifest:
        if self.configured and self.operations:
            raise ValueError("configured: operations come from the settings, so none may stand here")
        return self

    def outbound(self, message_type: str) -> Operation | None:
        """The operation by which this adapter delivers messages of that type, if it does."""
        return next((o for o in self.operations if o.direction == "out" and o.request == message_type), None)
