"""Settings: documented, checked, and what is wrong with their files is said with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from adapters.bank import adapter
from adapters.bank.online import OnlineSettings, online_operations, online_problems
from adapters.bank.simulator.online_cdc import Keys
from gateway.contract.conformance import problems
from tests.adapters.bank.online.rig import KINDS, settings


@pytest.mark.parametrize("kind", KINDS)
def test_conformance(tmp_path: Path, kind: str) -> None:
    made = settings(kind, "http://127.0.0.1:9/", tmp_path, Keys())
    online = made.model_dump(exclude_unset=True)
    assert problems(adapter, {"online": online}) == []
    names = {operation.name for operation in adapter.manifest.operations}
    assert set(online_operations(made)) <= names
    assert list(online_problems(made)) == []


def test_files_that_are_wrong(tmp_path: Path) -> None:
    keys = Keys()
    made = settings("cmb-cdc", "http://127.0.0.1:9/", tmp_path, keys)
    (tmp_path / "keys" / "client.pem").chmod(0o644)
    [problem] = online_problems(made)
    assert "chmod 600" in problem.zh
    (tmp_path / "keys" / "client.pem").chmod(0o600)
    (tmp_path / "keys" / "bank.pub").write_text("nonsense")
    [problem] = online_problems(made)
    assert problem.zh
    own = tmp_path / "own.yaml"
    own.write_text("mapping: nonsense\n")
    made = settings("cmb-xml", "http://127.0.0.1:9/", tmp_path, keys, mappings={"cmb.details": own})
    assert [problem.path for problem in online_problems(made)] == ["mappings"]


@pytest.mark.parametrize(
    "changes", [{"sm4_key": "short"}, {"slice_size": 1001}, {"user": "x" * 17}, {"mappings": {"x": "y"}}, {"kind": "z"}]
)  # fmt: skip
def test_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    facts = settings("cmb-cdc", "http://127.0.0.1:9/", tmp_path, Keys()).model_dump(exclude_unset=True)
    with pytest.raises(ValidationError) as error:
        TypeAdapter(OnlineSettings).validate_python({**facts, **changes})
    assert "DEMO-SM4-KEY" not in str(error.value)
