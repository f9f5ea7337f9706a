"""One person, in three dialects, against the simulated police: every outcome, and every fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.police import adapter
from adapters.police.simulator import Options, Person
from gateway.canonical.verification import PersonCheckAnswered
from gateway.contract import Accepted, PartnerDown, Reject, Rejected, RetryLater, Unknown
from gateway.contract.conformance import problems
from tests.adapters.police.rig import DIALECTS, MATCH, NO_PHOTO, NOBODY, check, rig, service, soon

EVERY = pytest.mark.parametrize("kind", DIALECTS)


@pytest.mark.parametrize("kind", DIALECTS)
def test_conformance(kind: str) -> None:
    assert problems(adapter, {"service": service(kind, "http://127.0.0.1:9")}) == []


@EVERY
async def test_match_mismatch_and_nobody(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        assert (await it.answer(check())).outcome == "match"
        answer = await it.answer(check((MATCH[0], "李错名")))
        assert (answer.outcome, answer.name_result, answer.records) == ("mismatch", "mismatch", ())
        assert (await it.answer(check(NOBODY))).outcome == "not_found"
        assert await it.used() == 3


@pytest.mark.parametrize(("kind", "photo"), [("nciic", True), ("rbsp", True), ("json", False)])
async def test_photos_only_for_those_who_ask_and_know_the_name(
    tmp_path: Path, kind: str, photo: bool
) -> None:
    async with rig(tmp_path, kind) as it:
        assert (await it.answer(check())).photo is None
        assert ((await it.answer(check(photo_wanted=True))).photo is not None) is photo
        assert (await it.answer(check((MATCH[0], "李错名"), photo_wanted=True))).photo is None
        assert (await it.answer(check(NO_PHOTO, photo_wanted=True))).photo is None


@pytest.mark.parametrize("kind", ["rbsp", "json"])
async def test_records_of_the_register(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        [record] = (await it.answer(check())).records
        assert (record.document_no, record.name, record.sex) == (*MATCH, "1")
        assert record.address == "虚构市示例路1号"


@EVERY
@pytest.mark.parametrize("dot", "·•．‧")
async def test_dots_in_names_are_one(tmp_path: Path, kind: str, dot: str) -> None:
    async with rig(tmp_path, kind) as it:
        it.platform.register.add(Person("99010120000229002X", f"古丽{dot}𠮷例"))
        asked = check(("99010120000229002X", "古丽·𠮷例"))
        # NCIIC compares by itself, and gets what was written; the others are compared here.
        wanted = "mismatch" if kind == "nciic" and dot != "·" else "match"
        assert (await it.answer(asked)).outcome == wanted


@EVERY
@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("reset-before", "Unknown"),
        ("silence", "Unknown"),
        ("slow", "Unknown"),
        ("drop-after", "Unknown"),
        ("truncated", "Unknown"),
        ("http-500", "RetryLater"),
        ("http-429", "RetryLater"),
        ("excuse", "RetryLater"),
        ("quota", "RetryLater"),
        ("licence", "RetryLater"),
        ("stranger", "Unknown"),
        ("bomb", "Unknown"),
        ("external-entity", "Unknown"),
        ("huge", "Unknown"),
        ("nul", "Unknown"),
        ("html", "Unknown"),
    ],
)
async def test_faults_are_never_an_answer_about_the_person(
    tmp_path: Path, kind: str, fault: str, kinds: str
) -> None:
    async with rig(tmp_path, kind) as it:
        it.simulator.fault(fault)
        outcome = await it.send(check())
        assert type(outcome).__name__ == kinds, outcome
        assert isinstance(outcome, RetryLater | Unknown)
        assert outcome.reason
        assert MATCH[0] not in outcome.reason
        assert MATCH[1] not in outcome.reason
        # It was tried, so it counts; and the next attempt goes through.
        assert await it.used() == 1
        assert (await it.answer(check())).outcome == "match"


@pytest.mark.parametrize("kind", ["nciic", "rbsp"])
async def test_a_soap_fault_is_no_answer(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        it.simulator.fault("soap-fault")
        outcome = await it.send(check())
        assert isinstance(outcome, RetryLater)
        assert "Server" in outcome.reason


@pytest.mark.parametrize("kind", ["rbsp", "json"])
async def test_a_result_code_is_shown(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        it.simulator.fault("error-code")
        outcome = await it.send(check())
        assert isinstance(outcome, RetryLater)
        assert "103" in outcome.reason


@EVERY
@pytest.mark.parametrize("fault", ["gbk", "wrong-charset", "mixed-charset"])
async def test_bytes_decide_over_declarations(tmp_path: Path, kind: str, fault: str) -> None:
    async with rig(tmp_path, kind) as it:
        for person, wanted in ((MATCH, "match"), ((MATCH[0], "李错名"), "mismatch"), (NOBODY, "not_found")):
            it.simulator.fault(fault)
            assert (await it.answer(check(person))).outcome == wanted


async def test_a_missing_field_is_no_answer_about_the_person(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.simulator.fault("field-missing")
        answer = await it.answer(check())
        assert (answer.outcome, answer.raw_text) == ("unavailable", "必录项缺失")


@EVERY
async def test_who_waits_is_told_at_once_what_will_last(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind, quota={"daily": 1}) as it:
        assert (await it.answer(check())).outcome == "match"
        answer = await it.answer(check(), deadline=soon())
        assert (answer.outcome, answer.raw_code) == ("unavailable", "quota")
        assert it.platform.asked.total() == 1
        stopped = await it.send(check())
        assert isinstance(stopped, RetryLater)
        assert stopped.after is not None
        assert 0 < stopped.after <= 86400
        assert "quota.daily" in stopped.reason


async def test_a_wrong_licence_is_an_operators_business(tmp_path: Path) -> None:
    async with rig(tmp_path, options=Options(licence="other")) as it:
        outcome = await it.send(check())
        assert isinstance(outcome, RetryLater)
        assert "service.licence" in outcome.reason
        levels = [entry[0] for entry in it.harness.log.entries if entry[1] == "police.unavailable"]
        assert levels == ["error"]
        waiting = await it.send(check(), deadline=soon())
        assert isinstance(waiting, Accepted)
        assert isinstance(waiting.reply, PersonCheckAnswered)
        assert (waiting.reply.outcome, waiting.reply.raw_code) == ("unavailable", "-80")


@EVERY
async def test_nobody_there(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        await it.simulator.stop()
        with pytest.raises(PartnerDown):
            await it.send(check())
        assert await it.used() == 0


@EVERY
@pytest.mark.parametrize(
    ("changes", "attributes", "field", "rule"),
    [
        ({"document_no": "990101199001010018"}, {}, "document_no", "check_digit"),
        ({"document_no": "990101199002300013"}, {}, "document_no", "birth_date"),
        ({"document_no": "99010119900101001x"}, {}, "document_no", "format"),
        ({"document_no": "９９０１０１１９９００１０１００１９"}, {}, "document_no", "format"),
        ({"document_no": "' OR '1'='1"}, {}, "document_no", "format"),
        ({"operator_document_no": "990101198808080012"}, {}, "operator_document_no", "check_digit"),
        ({"name": "  "}, {}, "name", "required"),
        ({"operator_name": " "}, {}, "operator_name", "required"),
        ({"purpose": " "}, {}, "purpose", "required"),
        ({}, {"purpose": None}, "purpose", "required"),
        ({}, {"purpose": "其他"}, "purpose", "same"),
        ({"purpose": "闲谈"}, {"purpose": "闲谈"}, "purpose", "allowed"),
    ],
)
async def test_refused_before_anything_is_sent(
    tmp_path: Path, kind: str, changes: Any, attributes: Any, field: str, rule: str
) -> None:
    async with rig(tmp_path, kind, purposes=["医保参保登记", "其他"]) as it:
        with pytest.raises(Reject) as refused:
            await it.prepare(check(**changes), **attributes)
        assert (refused.value.field, refused.value.rule) == (field, rule)
        text = f"{refused.value.zh} {refused.value.en}"
        assert MATCH[0][:12] not in text
        assert it.platform.requests == []


@pytest.mark.parametrize("kind", ["rbsp", "json"])
async def test_the_end_user_must_be_known(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, kind) as it:
        with pytest.raises(Reject) as refused:
            await it.prepare(check(operator_document_no=None))
        assert refused.value.field == "operator_document_no"


async def test_secrets_are_not_among_what_is_stored(tmp_path: Path) -> None:
    for kind, secret in (("nciic", b"DEMO-LICENCE"), ("json", b"DEMO-POLICE")):
        async with rig(tmp_path / kind, kind) as it:
            _, prepared = await it.prepare(check())
            assert secret not in prepared.content
            assert MATCH[0].encode() in prepared.content


async def test_nothing_is_logged_about_anybody(tmp_path: Path) -> None:
    async with rig(tmp_path, quota={"daily": 2}) as it:
        for fault in ("soap-fault", "licence", "stranger"):
            it.simulator.fault(fault)
            await it.send(check())
        told = str(it.harness.log.entries)
        assert MATCH[0] not in told
        assert MATCH[1] not in told
        assert not isinstance(await it.send(check()), Rejected)
