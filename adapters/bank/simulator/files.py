"""A bank reached by files: what it finds in `in` it executes once and answers in `out`, by the profile we use with it.

    bank = FileBank(folder, profile="shipped:ybdf", party="990101"); bank.start(); …; bank.stop()

    FOLDER/home/in, home/out   what its one SFTP user sees as /in and /out
    FOLDER/books.sqlite        its books
    FOLDER/done                request files it has taken

It works in a thread of its own. `look` is one round of it, for tests that want to know when.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from adapters.bank.files.formats import Document, Documents
from adapters.bank.files.names import Name, Parts
from adapters.bank.files.profile import Incoming, Outgoing
from adapters.bank.simulator import returns
from adapters.bank.simulator.books import Booked, Books
from adapters.bank.simulator.faults import Faults
from adapters.bank.simulator.rules import SETTLED, Ruling, ruling
from adapters.bank.simulator.server import BankServer
from gateway.canonical import type_of
from gateway.canonical.account import VerificationAsked
from gateway.canonical.payment import PaymentBatch
from gateway.transports.files.companions import name_of
from mappings import MappingError
from mappings.catalogue import china_day

USER: Final = "tongqu"
PASSWORD: Final = "DEMO-BANK-0001"  # noqa: S105  invented, for demonstrations
OWN_ACCOUNT: Final = "990100000000271"
_REFUSED: Final = Ruling("rejected.no-account", "AC01", "整批拒绝")
_SLOW: Final = 2.0


class FileBank:
    """One bank. `books` tells what it did, `faults` what it is about to do wrong."""

    def __init__(
        self,
        folder: Path,
        profile: str | Path,
        party: str,
        *,
        address: tuple[str, int] = ("127.0.0.1", 0),
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.home = folder / "home"
        self.faults = Faults()
        for place in (self.home / "in", self.home / "out", folder / "done"):
            place.mkdir(parents=True, exist_ok=True)
        self.books = Books(folder / "books.sqlite")
        self.server = BankServer(self.home, folder / "host_key", USER, PASSWORD, self.faults, address)
        self._documents = Documents(profile)
        self._party = party
        self._done = folder / "done"
        self._now = now
        self._later: list[tuple[Document[Incoming], str, bytes]] = []  #: as soon as the name is free
        self._not_before: dict[str, float] = {}
        self._executed: dict[str, Callable[[], None]] = {}  #: by batch number: tells its final results again
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="bank", daemon=True)

    def start(self) -> None:
        """Looks into `in` ten times a second."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and the server."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self.server.stop()

    def look(self) -> None:
        """Takes every complete request, and puts what had to wait."""
        for document in self._documents.outgoing.values():
            folder = self.home / "in" / document.settings.folder
            for name in sorted(os.listdir(folder)) if folder.is_dir() else ():
                parts = document.name.match(name)
                if parts is not None and self._whole(document, folder / name):
                    self._take(document, parts, folder / name)
        waiting, self._later = self._later, []
        for one in waiting:
            self._put(*one)

    def reconcile(self, day: dt.date) -> None:
        """Puts the reconciliation file of a day, where the profile has one."""
        self._report(returns.reconciliation(self.books.booked(day.isoformat()), day, self._party), day)

    def state(self, day: dt.date) -> None:
        """Puts the account statement of a day, where the profile has one."""
        booked = self.books.booked(day.isoformat())
        self._report(returns.statement(booked, day, self._now(), OWN_ACCOUNT), day)

    def take_back(self, batch: str, item: str) -> None:
        """Returns one payment (退汇), days later as it were, and says so where the profile has a notification.

        Raises:
            ValueError: it was never booked.
        """
        payment = self.books.take_back(batch, item)
        if payment is None:
            raise ValueError(f"no payment {item} of batch {batch} was booked")
        day = china_day(self._now())
        self._report(returns.notification(payment, day, self._now(), OWN_ACCOUNT), day)

    def _work(self) -> None:
        while not self._stopped.wait(0.1):
            try:
                self.look()
            except OSError:
                continue  # a file that is being taken away meanwhile
            except MappingError as error:  # what it cannot say in its own format, as a bank may find too late
                sys.stderr.write(f"{error.mapping}: {error.en}\n")

    def _whole(self, document: Document[Outgoing], file: Path) -> bool:
        """All companions are there, and say what is true."""
        names = {one: file.with_name(name_of(one, file.name)) for one in document.settings.companions}
        if not all(companion.exists() for companion in names.values()):
            return False
        for ending, companion in names.items():
            if ending in (".md5", ".sm3"):
                digest = hashlib.new(ending[1:], file.read_bytes(), usedforsecurity=False).hexdigest()
                if companion.read_text("ascii").split()[0] != digest:
                    return False
        if file.name not in self._not_before:
            delay = _SLOW if self.faults.strikes("slow") else 0.0
            self._not_before[file.name] = time.monotonic() + delay
        return time.monotonic() >= self._not_before[file.name]

    def _take(self, document: Document[Outgoing], parts: Parts, file: Path) -> None:
        if document.settings.asks is not None:
            self._executed.get(parts.batch or "", lambda: None)()
            self._away(document, file)
            return
        day = china_day(self._now())
        mapping = document.mapping(day)
        known = {"batch_id": parts.batch or file.stem, "requested_on": parts.date or day}
        try:
            body: Any = mapping.decode(file.read_bytes(), **{name: known[name] for name in mapping.elsewhere})
        except MappingError:
            self._away(document, file)  # not one of ours: a bank would call
            return
        if isinstance(body, VerificationAsked):
            rulings = [ruling(account.account_no, final=True) for account in body.accounts]
            self._answer(document.key, parts, returns.verified(body, rulings, day), "final")
        elif self.books.begin(body.batch_id):
            self._execute(document, parts, body, day)
        self._away(document, file)

    def _away(self, document: Document[Outgoing], file: Path) -> None:
        if self._documents.profile.keeps:
            self._not_before[file.name] = float("inf")
            return
        for companion in document.settings.companions:
            file.with_name(name_of(companion, file.name)).unlink(missing_ok=True)
        os.replace(file, self._done / file.name)

    def _execute(self, document: Document[Outgoing], parts: Parts, batch: PaymentBatch, day: dt.date) -> None:
        refused = self.faults.strikes("refuse")
        first = self.books.serial()
        ruled: dict[str, returns.Ruled] = {"intermediate": [], "final": []}
        booked: list[Booked] = []
        for item in batch.items:
            final = _REFUSED if refused else ruling(item.account_no, final=True)
            reference = f"B{first + len(booked) + 1:09}" if final == SETTLED else None
            if reference is not None:
                key = item.end_to_end_id or str(item.sequence)
                booked.append(
                    Booked(
                        reference=reference, batch=batch.batch_id, day=day.isoformat(), item=key,
                        name=item.name, account=item.account_no, amount=item.amount,
                    )
                )  # fmt: skip
            now = _REFUSED if refused else ruling(item.account_no, final=False)
            ruled["intermediate"].append((item, now, reference if now == SETTLED else None))
            ruled["final"].append((item, final, reference))
        self.books.execute(batch.batch_id, booked)
        self._executed[batch.batch_id] = partial(
            self._returns, document.key, parts, batch, ruled["final"], day, "final"
        )
        if self.faults.strikes("silent"):
            return
        for stage in ("intermediate", "final"):
            self._returns(document.key, parts, batch, ruled[stage], day, stage)

    def _returns(
        self, key: str, parts: Parts, batch: PaymentBatch, ruled: returns.Ruled, day: dt.date, stage: str
    ) -> None:
        final = stage == "final"
        envelope = {"mark": "PO" if batch.inter_bank else "P", "party": batch.initiating_party or "-"}
        halves = [ruled]
        if final and self.faults.strikes("parts"):
            middle = len(ruled) // 2
            halves = [ruled[:middle], ruled[middle:]]
        for half in halves:
            self._answer(key, parts, returns.returned(batch, half, day, stage), stage, envelope)
            if final:
                original = self._documents.outgoing[key].label.removeprefix("iso20022.")
                self._answer(key, parts, returns.status(batch, half, self._now(), original), stage)
        if final and self.faults.strikes("duplicate"):
            self._answer(key, parts, returns.returned(batch, ruled, day, stage), stage, envelope)
        if final and self.faults.strikes("contradict"):
            other: returns.Ruled = [(item, _REFUSED, None) for item, _, _ in ruled]
            self._answer(key, parts, returns.returned(batch, other, day, stage), stage, envelope)

    def _answer(
        self, key: str, parts: Parts, body: Any, stage: str, envelope: dict[str, str] | None = None
    ) -> None:
        """Where the profile has such a document: one that answers this kind of request, of this stage."""
        for document in self._documents.incoming.values():
            own = document.settings
            if document.type == type_of(body) and own.answers in (None, key) and own.stage in (None, stage):
                if own.stage is None and stage == "intermediate":
                    continue
                filled = Parts(
                    party=self._party,
                    batch=parts.batch or body.batch_id,
                    date=parts.date or china_day(self._now()),
                    sequence=parts.sequence,
                )
                self._write(document, filled, body, envelope or {}, spoil=stage == "final")

    def _report(self, body: Any, day: dt.date) -> None:
        for document in self._documents.incoming.values():
            if document.type == type_of(body):
                self._write(document, Parts(party=self._party, date=day), body, {})

    def _write(
        self,
        document: Document[Incoming],
        parts: Parts,
        body: Any,
        envelope: dict[str, str],
        spoil: bool = False,
    ) -> None:
        content = returns.write(document.mapping(china_day(self._now())), body, envelope)
        if spoil and self.faults.strikes("wrong-totals"):
            lines = content.splitlines(keepends=True)
            content = b"".join((lines[0], *lines[2:]))
        unique = f"{self._now():%Y%m%d%H%M%S%f}"
        name = Name(document.name.template.replace("{any}", unique)).fill(parts)
        self._put(document, name, content)

    def _put(self, document: Document[Incoming], name: str, content: bytes) -> None:
        folder = self.home / "out" / document.settings.folder
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / name).exists() or any(n == name for _, n, _ in self._later):
            self._later.append((document, name, content))
            return
        part = folder / f".{name}.part"
        part.write_bytes(content)
        part.rename(folder / name)
        if document.settings.complete is not None:
            (folder / name_of(document.settings.complete, name)).touch()
