"""The documents of one partner: a profile with its mappings, ready for use."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from adapters.bank.files.names import Name, Parts
from adapters.bank.files.profile import Incoming, Outgoing, file_of, load, mapping_file, papers
from gateway.canonical.payment import PaymentBatch
from gateway.contract import ConfigError
from mappings import SHIPPED, DefinitionError, Mapping
from mappings import load as load_mapping
from mappings.catalogue import Catalogue, catalogue

D = TypeVar("D", Outgoing, Incoming)

#: Canonical types that documents may have.
SENT: Final = ("payment.batch.submitted.v1", "account.verification.asked.v1")
RECEIVED: Final = (
    "payment.batch.returned.v1",
    "payment.status.reported.v1",
    "payment.reconciliation.reported.v1",
    "account.verification.answered.v1",
    "account.statement.reported.v1",
    "account.entries.notified.v1",
)
#: What those answer that answer something.
ANSWERED: Final = {
    "payment.batch.returned.v1": "payment.batch.submitted.v1",
    "payment.status.reported.v1": "payment.batch.submitted.v1",
    "account.verification.answered.v1": "account.verification.asked.v1",
}


@dataclass(frozen=True)
class Document(Generic[D]):
    """One kind of file."""

    key: str
    settings: D
    label: str  #: of its mapping in the catalogue
    type: str  #: canonical
    catalogue: Catalogue

    @cached_property
    def name(self) -> Name:
        return Name(self.settings.name)

    def mapping(self, day: dt.date) -> Mapping:
        """That holds on a day. Raises NoMapping where none does."""
        return self.catalogue.find(self.label, day)

    def carries(self, body: Any) -> bool:
        """Whether a body of its type is one for this document. Of those that go out."""
        own = self.settings
        if not isinstance(own, Outgoing) or own.asks is not None:
            return False
        if not isinstance(body, PaymentBatch):
            return True
        return body.kind in own.kinds and own.inter_bank in (None, bool(body.inter_bank))


class Documents:
    """All of them.

    Args:
        folders: the operator's mappings, which lie over the shipped ones.

    Raises:
        ConfigError: profile or mappings cannot be used.
    """

    def __init__(self, ref: str | Path, folders: tuple[Path, ...] = ()) -> None:
        self.profile = load(ref)
        file = file_of(ref)
        files = {paper.mapping: mapping_file(paper.mapping, file) for _, _, paper in papers(self.profile)}
        beside = {own.parent: None for own in files.values() if not own.is_relative_to(SHIPPED)}
        found = catalogue(SHIPPED / "bank", SHIPPED / "iso20022", *folders, *beside)
        known = {ref: usable(own) for ref, own in files.items()}
        self.outgoing = {k: _document(k, s, known[s.mapping], found) for k, s in self.profile.send.items()}
        self.incoming = {k: _document(k, s, known[s.mapping], found) for k, s in self.profile.receive.items()}

    def sending(self, message_type: str, body: Any) -> Document[Outgoing] | None:
        """The document that carries a message; None where this bank has none for it."""
        fitting = (d for d in self.outgoing.values() if d.type == message_type and d.carries(body))
        return next(fitting, None)

    def asking(self, document: Document[Outgoing]) -> Document[Outgoing] | None:
        """The one by which this bank is asked what became of a batch; None where no such file was agreed."""
        return next((d for d in self.outgoing.values() if d.settings.asks == document.key), None)

    def recognised(self, name: str, party: str) -> tuple[Document[Incoming], Parts] | None:
        """Which document a file is, by its name alone."""
        for document in self.incoming.values():
            parts = document.name.match(name)
            if parts is not None and parts.party in (None, party):
                return document, parts
        return None


def usable(file: Path) -> Mapping:
    """The mapping in a file.

    Raises:
        ConfigError: there is none, or it has errors.
    """
    try:
        return load_mapping(file)
    except DefinitionError as error:
        first = error.problems[0]
        raise ConfigError(f"映射有误：{first}", f"not a mapping: {first}") from error


def types(ref: str | Path) -> dict[str, frozenset[str]]:
    """The canonical types a profile exchanges, by direction `out` and `in`; none for one that cannot be used."""
    try:
        documents = Documents(ref)
    except ConfigError:
        return {"out": frozenset(), "in": frozenset()}
    return {
        "out": frozenset(document.type for document in documents.outgoing.values()),
        "in": frozenset(document.type for document in documents.incoming.values()),
    }


def _document(key: str, settings: D, mapping: Mapping, found: Catalogue) -> Document[D]:
    return Document(key, settings, mapping.name, mapping.canonical_type, found)
