"""Reads the files of a configuration folder into a draft that still knows every line."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway.books.people import Person
from gateway.contract import Adapter, Operation, Settings
from gateway.engine import config_feeds
from gateway.engine.config_model import FirstSettings, GatewaySettings, PartnerSettings, RouteSettings
from gateway.engine.config_problem import Place, Problem
from gateway.engine.config_schema import anchored, validate
from gateway.engine.config_secrets import fill
from gateway.engine.config_yaml import Document, read
from gateway.engine.routes import First, Route
from gateway.levies.settings import LeviesSettings
from gateway.payments.settings import PaymentsSettings
from gateway.store.settings import SQLITE


@dataclass(slots=True)
class PartnerDraft:
    """One partner file. `adapter` and `settings` are None where they have problems."""

    document: Document
    base: PartnerSettings
    adapter: Adapter[Any] | None = None
    settings: Settings | None = None

    @property
    def operations(self) -> tuple[Operation, ...] | None:
        """What it can do; None where that cannot be told yet."""
        if self.adapter is None:
            return None
        if self.settings is not None:
            return self.adapter.operations_of(self.settings)
        return self.adapter.manifest.operations if self.adapter.operations is None else None


@dataclass(slots=True)
class CompletePartner:
    """A partner without problems of its own."""

    base: PartnerSettings
    adapter: Adapter[Any]
    settings: Settings


@dataclass(slots=True)
class RouteDraft:
    """One entry of `routes.yaml`."""

    index: int
    base: RouteSettings
    route: Route


@dataclass(slots=True)
class Draft:
    """A configuration on its way: what could be understood so far, and all that is wrong."""

    folder: Path
    environment: Mapping[str, str]
    gateway: GatewaySettings | None = None
    partners: list[PartnerDraft] = field(default_factory=list)
    routes: list[RouteDraft] = field(default_factory=list)
    house: dict[str, tuple[Operation, ...]] = field(
        default_factory=dict
    )  #: parts of the gateway that take messages
    payments: PaymentsSettings | None = None
    levies: LeviesSettings | None = None
    people: tuple[Person, ...] = ()
    documents: dict[str, Document] = field(default_factory=dict)
    unreadable_partners: bool = False  #: some file told no name: rules about unknown partners would mislead

    @property
    def complete(self) -> list[CompletePartner]:
        """The partners without problems of their own."""
        return [
            CompletePartner(p.base, p.adapter, p.settings)
            for p in self.partners
            if p.adapter is not None and p.settings is not None
        ]

    def open(self, name: str) -> tuple[Document, set[Place]]:
        """Reads one file of the folder and fills in its secrets."""
        document = read(self.folder / name, name)
        self.documents[name] = document
        return document, fill(document, self.folder, self.environment)

    def problems(self) -> list[Problem]:
        """All of them, each once, in order of file and line."""
        return sorted({problem for document in self.documents.values() for problem in document.problems})

    def partner_files(self) -> list[str]:
        """Names of the partner files; a file that would silently be left out is a problem."""
        names = []
        for file in sorted((self.folder / "partners").glob("*")):
            name = f"partners/{file.name}"
            if file.suffix == ".yaml":
                names.append(name)
            elif file.suffix in {".yml", ".json"}:
                document = self.documents[name] = Document(name)
                document.add((), "*.yaml", "不会读取此文件，请改名为 .yaml", "is not read: name it .yaml")
        return names


def read_gateway(draft: Draft) -> None:
    """`gateway.yaml`."""
    document, unfilled = draft.open("gateway.yaml")
    if document.problems and document.value is None:
        return
    settings = validate(GatewaySettings, document, document.value, unfilled=unfilled)
    if settings is not None:
        draft.gateway = _with_store(anchored(settings, draft.folder), draft.folder)
        config_feeds.examine(document, draft.gateway.feeds, draft.gateway.bus)
        draft.house.update(config_feeds.operations(draft.gateway.feeds, draft.gateway.bus))


def _with_store(gateway: GatewaySettings, folder: Path) -> GatewaySettings:
    """SQLite lies under `data_dir` unless told otherwise, and a relative path starts from `folder`."""
    store = gateway.store
    path = store.sqlite_path
    if "url" not in store.model_fields_set:
        path = str(gateway.data_dir / "gateway.db")
    elif path is not None:
        path = os.path.normpath(folder / path)
    if path is None:
        return gateway
    moved = store.model_copy(update={"url": SecretStr(f"{SQLITE}{path}")})
    return gateway.model_copy(update={"store": moved})


def read_routes(draft: Draft) -> None:
    """`routes.yaml`: a list, first fit decides."""
    document, unfilled = draft.open("routes.yaml")
    if document.problems and document.value is None:
        return
    if not isinstance(document.value, list):
        document.add((), "路由列表 / a list of routes", "应为路由列表", "expected a list of routes")
        return
    for index, value in enumerate(document.value):
        base = validate(RouteSettings, document, value, (index,), unfilled)
        if base is not None:
            draft.routes.append(RouteDraft(index, base, _route(base)))


def _route(base: RouteSettings) -> Route:
    return Route(
        name=base.name,
        message_type=base.when.type,
        source=base.when.source,
        region=base.when.region_glob,
        to=base.to,
        first=None if base.first is None else _first(base.first),
    )


def _first(base: FirstSettings) -> First:
    return First(
        ask=base.ask,
        of=base.of,
        take=tuple(base.take.items()),
        fixed=tuple(base.fixed.items()),
        purpose=base.purpose,
        decide_by=base.decide_by,
        proceed=frozenset(base.proceed),
        refuse=base.refuse,
        otherwise=base.otherwise,
        patience=base.patience,
    )
