"""Two small adapters and a configuration that is right, to be made wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gateway.contract import (
    Adapter,
    ConfigError,
    Duration,
    Endpoint,
    Manifest,
    Operation,
    Secret,
    Settings,
    Title,
    plugins,
)


class Signed(Settings):
    kind: Literal["signed"]
    token: Secret


class Open(Settings):
    kind: Literal["open"]


class Nobody(Settings):
    kind: Literal["none"]


class ClinicSettings(Settings):
    listen: Endpoint
    path: str = "/"
    authentication: Annotated[Signed | Open | Nobody, Field(discriminator="kind")] = Open(kind="open")
    reply_timeout: Duration = 30.0
    operations: tuple[str, ...] = ("claim", "ask")


class CentreSettings(Settings):
    base_url: str
    timeout: Duration = 5.0
    limit: int = 3
    strict: bool = True
    ratio: float = 0.5
    codes: dict[str, int] = Field(default={})
    ca_file: Path | None = None
    seal: Annotated[Signed | Nobody, Field(discriminator="kind")] | None = None
    mappings: dict[str, Path] = Field(default={})

    @model_validator(mode="after")
    def _rule(self) -> CentreSettings:
        if self.limit == 13:
            raise ValueError("不可为 13 / must not be 13")
        return self


def _operation(name: str, direction: Literal["in", "out"], request: str) -> Operation:
    on_unknown: Literal["query"] | None = "query" if direction == "out" else None
    return Operation(
        name=name,
        title=Title(zh=name, en=name),
        direction=direction,
        request=request,
        on_unknown=on_unknown,
        moves_money=request == CLAIM,
    )


CLAIM, ASK = "settlement.claim.submitted.v1", "identity.person.queried.v1"
CANCEL = "settlement.cancellation.requested.v1"


def _adapter(name: str, settings: type[Settings], *operations: Operation) -> Adapter[Any]:
    manifest = Manifest(name=name, title=Title(zh=name, en=name), contract=1, operations=operations)

    def offered(own: Any) -> list[Operation]:
        allowed = getattr(own, "operations", None)
        return [o for o in operations if allowed is None or o.name in allowed]

    return Adapter(folder=Path(__file__).parent, manifest=manifest, settings=settings, operations=offered)


ADAPTERS = {
    "clinic": _adapter(
        "clinic", ClinicSettings, _operation("claim", "in", CLAIM), _operation("ask", "in", ASK)
    ),
    "centre": _adapter(
        "centre", CentreSettings, _operation("claim", "out", CLAIM), _operation("ask", "out", ASK)
    ),
}


def install(monkeypatch: Any) -> None:
    """Makes the two the installed adapters, beside one that cannot be loaded."""

    def load(name: str) -> Adapter[Any]:
        if name == "broken":
            raise RuntimeError("no such library")
        if name == "old":
            raise ConfigError("接口版本不符", "written for contract 0")
        return ADAPTERS[name]

    names = dict.fromkeys([*ADAPTERS, "broken", "old"])
    monkeypatch.setattr(plugins, "available", lambda: names)
    monkeypatch.setattr(plugins, "load", load)


FILES = {
    "gateway.yaml": """\
node: gw-1
region: "990100"
data_dir: data
audit:
  origin: gateway.example/audit
admin:
  listen: 127.0.0.1:8090
engine:
  retry: {first: 500ms, attempts: 3}
""",
    "partners/clinic.yaml": """\
name: clinic-a
title: 诊所
adapter: clinic
region: "990101"
settings:
  listen: 127.0.0.1:8081
  path: /a
  authentication:
    kind: signed
    token: ${file:token}
""",
    "partners/centre.yaml": """\
name: centre
title: 中心
adapter: centre
region: "990000"
settings:
  base_url: http://127.0.0.1:1/${env:PATH_PART}
  limit: "010"
  strict: no
  ca_file: ca.pem
delivery:
  attempts: 7
""",
    "routes.yaml": """\
- name: claims
  when: {type: "settlement.*", from: "clinic-*", region: "99"}
  to: [centre]
- name: persons
  when: {type: identity.person.queried.v1}
  to: [centre]
""",
    "token": "s3cret\n",
}
ENVIRONMENT = {"PATH_PART": "api"}


def write(folder: Path) -> Path:
    """The right configuration in a folder."""
    for name, content in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return folder
