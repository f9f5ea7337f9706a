"""Keys of people: who has not the key and the passphrase does not sign, and every statement can be verified."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from gateway.books.people import Person, Signed, create_key, load_key, sign, verify
from gateway.contract import ConfigError, Reject
from tests.payments.world import People, World, item

AT = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)


def _person(key: str, name: str = "li") -> Person:
    return Person(name, name, key, frozenset({"batch.build"}))


def test_a_statement_says_all_and_is_verified_by_the_public_key_alone(tmp_path: Path) -> None:
    public = create_key(tmp_path / "li.key", b"long enough")
    person = _person(public)
    signed = sign(
        load_key(tmp_path / "li.key", b"long enough", person), person, AT, action="batch.build", count=2
    )
    assert json.loads(signed.statement) == {
        "action": "batch.build",
        "count": 2,
        "person": "li",
        "time": "2026-11-22T08:00:00Z",
    }
    assert verify(signed, public)
    assert not verify(Signed("li", signed.statement.replace("2", "3", 1), signed.signature), public)
    assert not verify(signed, create_key(tmp_path / "wang.key", b"long enough"))
    assert not verify(Signed("li", signed.statement, "nonsense"), public)


def test_only_the_owner_opens_a_key(tmp_path: Path) -> None:
    file = tmp_path / "li.key"
    person = _person(create_key(file, b"long enough"))
    assert b"ENCRYPTED" in file.read_bytes()
    other = _person(create_key(tmp_path / "wang.key", b"long enough"), "wang")
    for at, passphrase, who in (
        (file, b"wrong", person),
        (file, b"", person),
        (file, b"long enough", other),
        (tmp_path / "nothing.key", b"long enough", person),
    ):
        with pytest.raises(ConfigError):
            load_key(at, passphrase, who)
    with pytest.raises(ConfigError):
        create_key(file, b"long enough")  # never overwritten
    file.chmod(0o640)
    with pytest.raises(ConfigError):
        load_key(file, b"long enough", person)


async def test_nobody_does_what_is_not_theirs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.propose([item(1)])
    monkeypatch.setattr("tests.payments.world.RIGHTS", frozenset[str]())
    world.people = People()
    with pytest.raises(Reject) as caught:
        world.approve()
    assert caught.value.code == "not-allowed"
    assert world.states() == {"E00000001": "proposed"}
