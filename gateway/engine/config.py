"""Reads and checks a configuration folder.

    config/gateway.yaml        this node: store, bus, audit, engine, logs
    config/partners/*.yaml     one file per partner
    config/routes.yaml         where messages go, first fit decides
    config/payments.yaml       accounts and what may be paid from them; absent: no payments
    config/levies.yaml         collectors and whose debits they take; absent: no book of levies
    config/people.yaml         who may approve and release, with public keys

`load` gives a configuration that can be run; `lint` gives all that is wrong with one. Both read the same
way, so what `lint` accepts, `load` accepts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.books.people import Person
from gateway.contract import Adapter, Operation, Settings
from gateway.engine import config_feeds, config_notes
from gateway.engine.config_levies import check_levies, read_levies
from gateway.engine.config_model import EngineSettings, GatewaySettings, PartnerSettings
from gateway.engine.config_partners import read_partner
from gateway.engine.config_payments import check_payments, read_payments
from gateway.engine.config_problem import ConfigurationError, Problem
from gateway.engine.config_read import Draft, read_gateway, read_routes
from gateway.engine.config_rules import cross_check
from gateway.engine.house import LEVIES, PAYMENTS
from gateway.engine.lifecycle import Policy
from gateway.engine.routes import Route
from gateway.levies.operations import OPERATIONS as LEVY_OPERATIONS
from gateway.levies.settings import LeviesSettings
from gateway.payments.operations import OPERATIONS
from gateway.payments.settings import PaymentsSettings

__all__ = ["Configuration", "ConfigurationError", "Partner", "Problem", "lint", "load", "notes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A configured partner: what `partners/*.yaml` says, its adapter, and the adapter's typed settings."""

    name: str
    title: str
    region: str
    enabled: bool
    adapter: Adapter[Any]
    settings: Settings
    policy: Policy
    concurrency: int

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What its adapter can do for it, with these settings."""
        return self.adapter.operations_of(self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that was configured, complete and consistent; every path absolute."""

    folder: Path
    gateway: GatewaySettings
    partners: Mapping[str, Partner]  #: by name, disabled ones included
    routes: tuple[Route, ...]
    payments: PaymentsSettings | None = None  #: `payments.yaml`; None: no payments desk
    levies: LeviesSettings | None = None  #: `levies.yaml`; None: no book of levies
    people: tuple[Person, ...] = ()  #: `people.yaml`: whose signatures count

    @property
    def enabled(self) -> tuple[Partner, ...]:
        """The partners that take part."""
        return tuple(partner for partner in self.partners.values() if partner.enabled)

    @property
    def house(self) -> Mapping[str, tuple[Operation, ...]]:
        """What the gateway's own parts take, by their names among the receivers."""
        books: dict[str, tuple[Operation, ...]] = {}
        if self.payments is not None:
            books[PAYMENTS] = OPERATIONS
        if self.levies is not None:
            books[LEVIES] = LEVY_OPERATIONS
        return {**books, **config_feeds.operations(self.gateway.feeds, self.gateway.bus)}

    @property
    def data_dir(self) -> Path:
        """Where everything of this node is kept."""
        return self.gateway.data_dir

    @property
    def audit_folder(self) -> Path:
        """The audit log's folder."""
        return self.gateway.audit.folder or self.data_dir / "audit"

    @property
    def audit_key_file(self) -> Path:
        """The audit log's signing key."""
        return self.gateway.audit.key_file or self.data_dir / "keys" / "audit.pem"

    @property
    def keyring_file(self) -> Path:
        """The keys of payloads at rest."""
        return self.gateway.keyring_file or self.data_dir / "keys" / "payload.keys"

    @property
    def tag_file(self) -> Path:
        """The key of the tags by which payments are compared."""
        return self.keyring_file.with_name("payment.tag")

    @property
    def levy_tag_file(self) -> Path:
        """The key of the tags by which the payers of levies are found."""
        return self.keyring_file.with_name("levy.tag")


def load(folder: Path, environment: Mapping[str, str] | None = None) -> Configuration:
    """The configuration in a folder.

    Args:
        folder: holds `gateway.yaml`.
        environment: where `${env:…}` is looked up; the process's own where None.

    Raises:
        ConfigurationError: with every problem found.
    """
    draft = _draft(folder, environment)
    problems = draft.problems()
    if problems or draft.gateway is None:
        raise ConfigurationError(problems)
    engine = draft.gateway.engine
    partners = {
        partner.base.name: Partner(
            name=partner.base.name,
            title=partner.base.title,
            region=partner.base.region,
            enabled=partner.base.enabled,
            adapter=partner.adapter,
            settings=partner.settings,
            policy=_policy(engine, partner.base),
            concurrency=partner.base.delivery.concurrency or engine.in_flight,
        )
        for partner in draft.complete
    }
    routes = tuple(entry.route for entry in draft.routes)
    return Configuration(
        folder=draft.folder,
        gateway=draft.gateway,
        partners=partners,
        routes=routes,
        payments=draft.payments,
        levies=draft.levies,
        people=draft.people,
    )


def lint(folder: Path, environment: Mapping[str, str] | None = None) -> list[Problem]:
    """Everything that is wrong with the configuration in a folder, in order of file and line."""
    return _draft(folder, environment).problems()


def notes(folder: Path, environment: Mapping[str, str] | None = None) -> list[Problem]:
    """What is allowed but probably not meant, in order of file and line; none of it keeps `load` from loading."""
    return config_notes.notes(_draft(folder, environment))


def _draft(folder: Path, environment: Mapping[str, str] | None) -> Draft:
    draft = Draft(Path(os.path.abspath(folder)), os.environ if environment is None else environment)
    read_gateway(draft)
    for file in draft.partner_files():
        read_partner(draft, file)
    read_payments(draft)
    read_levies(draft)
    read_routes(draft)
    cross_check(draft)
    check_payments(draft)
    check_levies(draft)
    return draft


def _policy(engine: EngineSettings, partner: PartnerSettings) -> Policy:
    own = partner.delivery.model_dump(include={"attempts", "first", "factor", "max"}, exclude_none=True)
    retry = engine.retry.model_copy(update=own)
    resolve = partner.delivery.in_doubt or engine.in_doubt
    return Policy(retry=retry.backoff(), resolve=resolve.backoff())
