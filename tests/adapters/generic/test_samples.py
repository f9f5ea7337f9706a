"""The contract, the adapter's samples, and the mappings of the example configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.generic import adapter
from adapters.generic.answers import Done, judge
from adapters.generic.operations import AnswerSettings
from gateway.contract import Absent, Rejected, RetryLater, Unknown
from gateway.contract.conformance import canonical_sample, problems, sample_cases
from gateway.engine.config import load as load_configuration
from gateway.transports.soap import parse
from mappings import load
from mappings.testing import check_laws, check_samples

EXAMPLE = Path(__file__).parents[3] / "config" / "examples" / "partner-without-code"
MAPPINGS = sorted((EXAMPLE / "mappings").glob("*.yaml"))
PROOFS = {"done": Done, "rejected": Rejected, "retry": RetryLater, "unknown": Unknown, "absent": Absent}
ANSWER = AnswerSettings(
    at="Head/ResultCode", accepted=("0000",), rejected=("1001",), retry=("9001",), absent=("4004",)
)
READ_BY = {"soap-notice": "market.registration", "file-notice": "civil.registration"}


@pytest.mark.parametrize("partner", ["market-regulator", "civil-affairs", "insurer", "enrolment"])
def test_conformance(partner: str) -> None:
    settings = load_configuration(EXAMPLE).partners[partner].settings
    assert problems(adapter, settings) == []


@pytest.mark.parametrize("case", sample_cases(adapter), ids=lambda case: str(case.name))
def test_samples(case: Path) -> None:
    if (case / "expected.json").exists():
        expected = json.loads((case / "expected.json").read_bytes())
        proof = judge(ANSWER, 200, (case / "answer.xml").read_bytes())
        assert type(proof) is PROOFS[expected["proof"]]
        assert getattr(proof, "code", expected["code"]) == expected["code"]
        return
    mapping = load(EXAMPLE / "mappings" / f"{READ_BY[case.name]}.yaml")
    (wire,) = case.glob("wire.*")
    data = wire.read_bytes()
    tree = parse(data, None, max_bytes=len(data))[0][0] if wire.suffix == ".xml" else mapping.parse(data)
    assert mapping.decode_tree(tree) == canonical_sample(case / "canonical.json")


@pytest.mark.parametrize("file", MAPPINGS, ids=lambda file: str(file.stem))
def test_the_examples_mappings_keep_their_laws(file: Path) -> None:
    mapping = load(file)
    assert check_samples(mapping) >= 1
    check_laws(mapping)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"<A><Head><ResultCode>0000</ResultCode></Head></A>", Done),
        (200, b'<A xmlns="urn:x"><Head><ResultCode> 0000 </ResultCode></Head></A>', Done),
        (200, b"<A><Head><ResultCode>0000</ResultCode><ResultCode>1001</ResultCode></Head></A>", Unknown),
        (200, b"<A><Head/></A>", Unknown),
        (200, b"<A", Unknown),
        (200, b"", Unknown),
        (201, b"<A><Head><ResultCode>0000</ResultCode></Head></A>", Unknown),
        (500, b"<A><Head><ResultCode>1001</ResultCode></Head></A>", Unknown),
        (404, b"", RetryLater),
        (429, b"", RetryLater),
    ],
)
def test_only_what_is_listed_is_believed(status: int, body: bytes, expected: type) -> None:
    assert type(judge(ANSWER, status, body)) is expected


def test_json_answers_are_read_by_the_same_rules() -> None:
    wanted = AnswerSettings(format="json", at="code", accepted=("0",), rejected=("7",), reason_at="msg")
    assert isinstance(judge(wanted, 200, b'{"code": 0}'), Done)
    assert isinstance(judge(wanted, 200, b'{"code": true}'), Unknown)
    assert isinstance(judge(wanted, 200, b'{"code": ["0"]}'), Unknown)
    refused = judge(wanted, 200, '{"code": "7", "msg": "不予受理"}'.encode())
    assert isinstance(refused, Rejected)
    assert refused.reason == "不予受理"
