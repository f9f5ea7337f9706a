"""The connection test of a bank reached by files: it fails where a batch would, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from adapters.bank import adapter
from gateway.contract import CheckStep, PartnerDown
from tests.adapters.bank.bodies import batch
from tests.adapters.bank.conftest import Partner
from tests.adapters.bank.rig import Rig


async def steps(it: Rig) -> list[CheckStep]:
    checker = adapter.checker(it.settings, it.harness.context)
    assert checker is not None
    return [step async for step in checker.check()]


async def test_it_goes_from_the_profile_to_the_folders(partner: Partner) -> None:
    it = partner()
    found = await steps(it)
    assert [step.ok for step in found] == [True] * len(found)
    assert [step.name for step in found] == [
        "profile", "resolve", "connect", "host-key", "login", "read", "write",
        "resolve", "connect", "host-key", "login", "read",
    ]  # fmt: skip
    assert os.listdir(it.bank.home / "in") == []


async def test_it_ends_at_what_does_not_work(partner: Partner) -> None:
    it = partner()
    shutil.rmtree(it.bank.home / "in")
    assert [(step.name, step.ok) for step in await steps(it)][-1] == ("read", False)
    it.bank.server.stop()
    again = it.restarted()
    assert [(step.name, step.ok) for step in await steps(again)][-1][1] is False


async def test_what_cannot_be_noted_is_not_sent(partner: Partner, tmp_path: Path) -> None:
    it = partner()
    message = it.harness.message(batch())
    prepared = await it.sender.prepare(message)
    ledger = tmp_path / "state" / "bank-files.sqlite"
    ledger.write_bytes(b"damaged" * 1000)
    with pytest.raises(PartnerDown, match="ledger"):
        await it.sender.send(message, prepared)
    assert os.listdir(it.bank.home / "in") == []
