"""What differs from province to province, and from one hospital's system to the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trustme
from twisted.internet.task import deferLater

from adapters.hospital import adapter
from adapters.hospital.limits import Bucket, Flood
from adapters.hospital.national.settings import NationalFace
from adapters.hospital.parts import RateLimit
from gateway.canonical.settlement import ReversalRequested
from gateway.contract.conformance import problems
from gateway.transports.http import ClientTls, HttpClient
from mappings import SHIPPED
from tests.adapters.hospital.national.world import NATIONAL, SETTINGS, good_input, good_reply, world


def test_conformance() -> None:
    everything = {**NATIONAL, "files": {"key": "an invented key of the tests"}, "catalogues": "catalogues"}
    assert problems(adapter, {**SETTINGS, "national": everything}) == []


def test_a_key_must_be_long() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        NationalFace.model_validate({**NATIONAL, "files": {"key": "short"}})


def own(folder: Path, old: str, new: str) -> Path:
    """1101.input of a province."""
    text = (SHIPPED / "settlement" / "1101.input.yaml").read_text(encoding="utf-8")
    assert old in text
    file = folder / "1101.yaml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    return file


async def test_a_province_has_its_own_mapping(tmp_path: Path) -> None:
    file = own(
        tmp_path,
        "{at: psn_name,        to: name,             as: text(50)",
        "{at: psn_name, to: name, as: text(1)",
    )
    async with world(tmp_path, mappings=[str(file)]) as w:
        hospital = w.hospital()
        assert (await hospital.call("1101", good_input("1101"))).infcode == -1
        hospital.close()
    assert (w.inbox.refused[0].field, w.inbox.refused[0].rule) == ("psn_name", "length")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("canonical: identity", "canonical: idendity", "not a mapping"),
        ("mapping: settlement.1101.input", "mapping: settlement.1199.input", "replaces no"),
        ("root: data", "root: datum", "replaces no"),
    ],
)
def test_mappings_that_cannot_be_used(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = own(tmp_path, old, new)
    found = problems(adapter, {**SETTINGS, "mappings": [str(file)]})
    assert any(words in problem for problem in found)


def test_operations_are_those_of_the_faces() -> None:
    assert any(
        "none of its faces" in p
        for p in problems(adapter, {**SETTINGS, "operations": ["UploadOutpatientSettlement"]})
    )
    with pytest.raises(ValueError, match="no such operation"):
        adapter.settings.model_validate({**SETTINGS, "operations": ["Grant"]})
    with pytest.raises(ValueError, match="at least one face"):
        adapter.settings.model_validate({"institutions": ["H99010100001"]})


async def test_a_reversal_of_nothing_may_be_told_as_done(tmp_path: Path) -> None:
    async with world(tmp_path, unknown_original="nothing-to-reverse") as w:
        hospital = w.hospital()
        answer = await hospital.call("2601", good_input("2601"))
        hospital.close()
    assert (answer.infcode, answer.output) == (0, {})
    assert [refusal.code for refusal in w.inbox.refused] == ["unknown-original"]


async def test_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    certificate.cert_chain_pems[0].write_to_path(str(files["certificate"]))
    certificate.private_key_pem.write_to_path(str(files["key"]))
    async with world(tmp_path, {"tls": {n: str(files[n]) for n in ("certificate", "key")}}) as w:
        w.inbox.answer = lambda _: good_reply("1101")
        assert w.server.url.startswith("https://")
        hospital = w.hospital(client=HttpClient(tls=ClientTls(ca_file=files["ca"])))
        assert (await hospital.call("1101", good_input("1101"))).infcode == 0
        hospital.close()


async def test_an_address_for_each_transaction(tmp_path: Path) -> None:
    async with world(tmp_path, {"url_style": "per-infno"}) as w:
        w.inbox.answer = lambda _: good_reply("1101")
        hospital = w.hospital(per_infno=True)
        assert (await hospital.call("1101", good_input("1101"))).infcode == 0
        request = hospital.request("1101", good_input("1101"))
        answer = await hospital.once(json.dumps(request).encode(), path="/2207")
        hospital.close()
    assert answer.infcode == -1
    assert (w.inbox.refused[0].field, w.inbox.refused[0].rule) == ("infno", "address")


async def test_output_as_a_text(tmp_path: Path) -> None:
    async with world(tmp_path, {"output": "string"}) as w:
        w.inbox.answer = lambda _: good_reply("1101")
        hospital = w.hospital()
        answer = await hospital.call("1101", good_input("1101"))
        refused = await hospital.call("2999", {})
        hospital.close()
    assert json.loads(answer.output)["baseinfo"]["psn_name"]
    assert refused.output == "{}"


async def test_what_is_allowed_in_the_envelope(tmp_path: Path) -> None:
    face = {
        "msgid": "free",
        "recer_sys_codes": ["YBXT"],
        "infvers": ["V1.0"],
        "signtypes": ["SM3"],
        "opter_types": [],
    }
    async with world(tmp_path, face) as w:
        w.inbox.answer = lambda _: good_reply("1101")
        hospital = w.hospital()

        async def said(**changed: str | int) -> int:
            code: int = (
                await hospital.call("1101", good_input("1101"), recer_sys_code="YBXT", **changed)
            ).infcode
            return code

        assert await said(msgid="any-id_1", opter_type="99", signtype="SM3", serv_code="x") == 0
        assert await said(msgid="any-id_2", opter_type=7) == 0
        assert await said(signtype="SM2") == -1
        assert await said(infver="V9.9") == -1
        assert (await hospital.call("1101", good_input("1101"))).infcode == -1
        hospital.close()
    assert [refusal.field for refusal in w.inbox.refused] == ["signtype", "infver", "recer_sys_code"]


@pytest.mark.parametrize("echo", [True, False])
async def test_whose_number_stands_in_the_answer(tmp_path: Path, echo: bool) -> None:
    async with world(tmp_path, {"echo_msgid": echo}) as w:
        w.inbox.answer = lambda _: good_reply("2207")
        hospital = w.hospital()
        request = hospital.request("2207", good_input("2207"))
        answer = await hospital.send(request)
        hospital.close()
    named = answer.output["setlinfo"]["medins_setl_id"]
    assert (named == request["msgid"]) is echo


async def test_a_reversal_names_the_original_as_it_was_sent_on(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: good_reply("2601")
        hospital = w.hospital()
        content = good_input("2601")
        unknown = await hospital.call("2601", content)
        w.inbox.references[content["data"]["omsgid"]] = "T99010100001202501020930000007"
        known = await hospital.call("2601", content)
        hospital.close()
    assert unknown.infcode == -1
    assert w.inbox.refused[0].code == "unknown-original"
    assert (known.infcode, known.output) == (0, {})
    body = w.inbox.accepted[-1].body
    assert isinstance(body, ReversalRequested)
    assert body.original_message_id == "T99010100001202501020930000007"


async def test_a_settlement_list_of_another_institution(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        content = good_input("4101")
        content["setlinfo"]["fixmedins_code"] = "H99010199999"
        assert (await hospital.call("4101", content)).infcode == -1
        hospital.close()
    assert (w.inbox.refused[0].field, w.inbox.refused[0].rule) == ("fixmedins_code", "institutions")


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_the_document_in_a_stored_request(charset: str) -> None:
    request = {"infno": "2207", "opter_name": "示例员", "input": {"data": {"psn_no": "1", "name": "示例"}}}
    raw = json.dumps(request, ensure_ascii=False).encode(charset)
    assert json.loads(adapter.document(raw)) == request["input"]
    with pytest.raises(ValueError, match="no request"):
        adapter.document(b'{"infno":"2207"}')


async def test_questions_do_not_wait_for_changes(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda inbound: good_reply(
            "5203" if inbound.mapping.startswith("settlement.5203") else "2207"
        )
        hospital = w.hospital()
        await hospital.call("2207", good_input("2207"))
        await hospital.call("5203", good_input("5203"))
        hospital.close()
    settled, asked = w.inbox.accepted
    assert settled.ordering_key == settled.subject is not None
    assert (asked.ordering_key, asked.purpose) == (None, "medical-visit")


# -- systems that misbehave --------------------------------------------------------------------------


async def test_a_hospital_that_hangs_up_finds_its_answer_later(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: good_reply("2207")
        hospital = w.hospital()
        request = hospital.request("2207", good_input("2207"))
        await hospital.drop(request)
        await deferLater(w.harness.context.reactor, 0.05)
        assert len(w.inbox.accepted) == 1
        assert (await hospital.send(request)).infcode == 0
        hospital.close()
    assert len(w.inbox.replies) == 1


async def test_a_hospital_that_writes_slowly(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: good_reply("2207")
        hospital = w.hospital()
        received = await hospital.dribble(hospital.request("2207", good_input("2207")))
        hospital.close()
    assert received.startswith(b"HTTP/1.1 200")
    assert b'"infcode":0' in received


# -- too often ---------------------------------------------------------------------------------------


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    bucket = Bucket(RateLimit(per_second=2, burst=2), lambda: now[0])
    assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 0.5]
    now[0] = 0.5
    assert [bucket.take() for _ in range(2)] == [0.0, 0.5]
    now[0] = 60.0
    assert [bucket.take() > 0 for _ in range(3)] == [False, False, True]
    assert Bucket(None, lambda: 0.0).take() == 0.0


def test_a_flood_is_counted() -> None:
    now = [0.0]
    flood = Flood(lambda: now[0])
    assert [flood.one_more() for _ in range(25)] == [True] * 10 + [False] * 15
    assert flood.over() == 0
    now[0] = 60.0
    assert flood.over() == 15
    assert flood.over() == 0
    assert flood.one_more()


async def test_the_count_is_put_on_record(tmp_path: Path) -> None:
    async with world(tmp_path, rate_limit={"per_second": 0.001, "burst": 1}) as w:
        w.inbox.answer = lambda _: good_reply("1101")
        hospital = w.hospital()
        for _ in range(14):
            await hospital.call("1101", good_input("1101"))
        (clerk,) = {w.server._clerk}
        clerk._flood._since -= 60.0
        await hospital.call("1101", good_input("1101"))
        hospital.close()
    assert [refusal.rule for refusal in w.inbox.refused][10] == "3 more"
