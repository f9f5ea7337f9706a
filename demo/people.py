"""The people of the demonstration: who approves, who releases, each with a key made by `gateway person new`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml
from twisted.internet.threads import deferToThread

from demo.commands import run
from demo.stage import Stage
from gateway.books.signing import Signer
from gateway.cli.paying import open_office, signer
from gateway.engine.config import Configuration, load
from gateway.payments.office import Office

T = TypeVar("T")

APPROVER, RELEASER = "zhang", "li"


class People:
    """Made after the stage is prepared: their public keys go into its `people.yaml`."""

    def __init__(self, stage: Stage) -> None:
        self._config = stage.config
        self._folder = stage.folder / "people"
        self._folder.mkdir(mode=0o700)
        file = stage.config / "people.yaml"
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        people = content["people"]
        with ThreadPoolExecutor() as several:
            keys = several.map(self._new, [person["name"] for person in people])
        for person, key in zip(people, keys, strict=True):
            person["key"] = key
        file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")

    async def decide(self, name: str, act: Callable[[Office, Signer], T]) -> T:
        """What a command does for this person, without the second that a program needs to begin."""

        def decided() -> T:
            with open_office(self._configuration) as office:
                return act(office, signer(self._configuration, name, *map(Path, self._files(name))))

        made: T = await deferToThread(decided)
        return made

    @cached_property
    def _configuration(self) -> Configuration:
        return load(self._config)

    def by(self, name: str, *command: str) -> tuple[str, ...]:
        """A command of the gateway, signed by this person."""
        key, passphrase = self._files(name)
        signing = ("--as", name, "--key", key, "--passphrase-file", passphrase)
        return ("-m", "gateway", *command, *signing, "--config", str(self._config))

    def _files(self, name: str) -> tuple[str, str]:
        """Key and passphrase."""
        return str(self._folder / f"{name}.key"), str(self._folder / f"{name}.passphrase")

    def _new(self, name: str) -> str:
        """The public half of a new key."""
        key, passphrase = self._files(name)
        Path(passphrase).write_text(secrets.token_urlsafe(16), encoding="ascii")
        done = run(
            ("-m", "gateway", "person", "new", name, "--out", key, "--passphrase-file", passphrase, "--json")
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return str(json.loads(done.stdout)["key"])
