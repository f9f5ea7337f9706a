"""The examples as the demonstration joins them: a configuration without problems, and people who can sign."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet import reactor

from demo.bank import Banks
from demo.joined import Joined
from demo.people import APPROVER, RELEASER
from demo.stage import EXAMPLE, Stage
from demo.wards import Wards
from gateway.cli.paying import signer
from gateway.engine.config import load


@pytest.mark.parametrize(
    "name", ["bank-files", "banking", "file-exchange", "inpatient-events", "partner-without-code"]
)
def test_an_example_that_stands_alone_has_no_problems(name: str) -> None:
    assert load(EXAMPLE / "examples" / name).partners


def test_all_examples_together_have_no_problems_and_people_can_sign(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    stage.prepare()
    for part in (Joined, Wards):
        part(stage, reactor)
    Banks(stage, reactor)
    joined = load(stage.config)
    assert joined.payments is not None
    assert [account.name for account in joined.payments.accounts] == ["benefits", "premiums", "medical-aid"]
    assert [route.name for route in joined.routes][:2] == ["medical-aid", "booking-online"]
    assert {person.name for person in joined.people} == {APPROVER, RELEASER}
    for name in (APPROVER, RELEASER):
        own = stage.folder / "people" / name
        assert (
            signer(joined, name, own.with_suffix(".key"), own.with_suffix(".passphrase")).person.name == name
        )
