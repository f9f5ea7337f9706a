"""Settings: documented, checked, and what is wrong with their files is said with its place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import ValidationError

import adapters.treasury.settings as declared
from adapters.treasury.settings import TreasurySettings
from adapters.treasury.wire.problems import problems
from gateway.canonical import BODIES
from gateway.contract import _conformance_settings as conformance
from gateway.contract.plugins import read_manifest
from tests.adapters.treasury.wire.support import KEY

MANIFEST = read_manifest(Path(declared.__file__).parent)
FACTS: dict[str, Any] = {
    "node": "299010100001",
    "collectors": ["299010100000"],
    "mq": {"kind": "amqp", "address": "127.0.0.1:5672", "user": "tongqu", "password": "DEMO-MQ-0001"},
    "seal": {"kind": "keyed-sm3", "key": KEY},
    "session": {"password": "DEMO-NODE-0001"},
}


def settings(**changes: Any) -> TreasurySettings:
    return TreasurySettings.model_validate({**FACTS, **changes})


def test_the_declaration() -> None:
    assert conformance.problems(TreasurySettings) == []


def test_the_example_of_the_readme() -> None:
    readme = Path(declared.__file__).with_name("README.md").read_text(encoding="utf-8")
    example = yaml.safe_load(readme.partition("```yaml\n")[2].partition("```")[0])
    made = TreasurySettings.model_validate(example["settings"])
    assert (example["adapter"], made.seal.kind, made.hand_on) == (
        "treasury",
        "pkcs7",
        ("packages", "text-received"),
    )


def test_queues_by_node_and_number() -> None:
    made = settings()
    assert made.queues_in == ("PBC.299010100001.ONLINE.OUT", "PBC.299010100001.BATCH.OUT")
    assert made.queues_out == ("PBC.EXT.ONLINE.IN", "PBC.EXT.BATCH.IN")
    assert {made.queue_for(number) for number in ("1001", "1021", "9003", "9006", "9114")} == {
        "PBC.EXT.ONLINE.IN"
    }
    assert {made.queue_for(number) for number in ("1102", "1104", "9111")} == {"PBC.EXT.BATCH.IN"}
    changed = settings(queues={"batch_messages": ["9105"], "batch_out": "{node}.OUT"})
    assert changed.queue_for("9105") == "299010100001.OUT"
    assert changed.queue_for("1102") == "PBC.EXT.ONLINE.IN"


def test_operations_beside_the_usual_ones_are_chosen() -> None:
    offered = {o.name for o in MANIFEST.operations if settings().offers(o)}
    assert {"real-time-debit", "debit-answer", "batch-results", "day-check", "text"} <= offered
    assert offered.isdisjoint(("packages", "text-received"))
    assert set(get_args(declared.HandedOn)) == {o.name for o in MANIFEST.operations} - offered
    more = settings(hand_on=["packages"])
    assert {o.name for o in MANIFEST.operations if more.offers(o)} == {*offered, "packages"}


def test_every_operation_is_a_canonical_message() -> None:
    for operation in MANIFEST.operations:
        assert {operation.request, operation.reply or operation.request} <= BODIES.keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"node": "29901010000"},
        {"centre": "TIPS"},
        {"collectors": []},
        {"message_ids": "uuid"},
        {"session": {}},
        {"session": {"log_in": True}},
        {"packages": {"size": 1001}},
        {"queues": {"online_out": "A B"}},
        {"queues": {"online_out": "PBC.299010100001.ONLINE.OUT"}},
        {"queues": {"batch_messages": ["12"]}},
        {"state_query": {"debit": "1"}},
        {"state_query": {"debit": "1", "package": "2", "states": {"20": "maybe"}}},
        {"hand_on": ["everything"]},
        {"mappings": {"debit": "own.yaml"}},
        {"seal": {"kind": "none"}},
        {"seal": {"kind": "rsa"}},
        {"unknown": 1},
    ],
)
def test_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as error:
        settings(**changes)
    assert "DEMO" not in str(error.value.errors(include_input=False))


def test_without_a_log_in_there_is_no_password() -> None:
    assert settings(session={"log_in": False}).session.password is None


def test_files_that_are_wrong(tmp_path: Path) -> None:
    assert list(problems(settings())) == []
    own = tmp_path / "own.yaml"
    own.write_text("mapping: nonsense\n")
    missing = {"kind": "sm2", "key_file": tmp_path / "none.pem", "partner_keys": [tmp_path / "none.pub"]}
    found = list(problems(settings(seal=missing, mappings={"1001": own})))
    assert [problem.path for problem in found] == ["seal.key_file", "mappings"]
    assert all(problem.zh and problem.en for problem in found)


def test_a_queue_manager_that_cannot_be_reached_by_any_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ibmmq", None)
    by_ibm = {"kind": "ibmmq", "queue_manager": "QM1", "channel": "A.B", "connection": "127.0.0.1(1414)"}
    [problem] = problems(settings(mq=by_ibm))
    assert (problem.path, "未安装" in problem.zh) == ("mq.kind", True)
    other = tmp_path / "ca.pem"
    other.write_text("nothing of the kind\n")
    for file, path in ((tmp_path / "none.pem", "mq.tls.ca_file"), (other, "mq.tls")):
        [problem] = problems(settings(mq={**FACTS["mq"], "tls": {"ca_file": file}}))
        assert problem.path == path
