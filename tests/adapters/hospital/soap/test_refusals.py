"""Everything refused: said by a SOAP fault in the request's version, on record first, and nothing accepted."""

from __future__ import annotations

import pytest

from adapters.hospital.simulator.attacks import ATTACKS
from adapters.hospital.simulator.soap import CONTENT_TYPES, Answer
from gateway.contract import Unavailable
from tests.adapters.hospital.soap.world import world

#: attack → code, field, Chinese name of the field, rule
EXPECTED = {
    "entity-bomb": ("malformed", "", "", "xml"),
    "external-entity": ("malformed", "", "", "xml"),
    "doctype": ("malformed", "", "", "xml"),
    "large-body": ("too-large", "", "", "max 1048576"),
    "wrong-charset": ("malformed", "", "", "xml"),
    "truncated": ("malformed", "", "", "xml"),
    "not-xml": ("malformed", "", "", "xml"),
    "empty": ("malformed", "", "", "xml"),
    "not-soap": ("malformed", "", "", "envelope"),
    "wrong-content-type": ("malformed", "", "", "content-type"),
    "two-bodies": ("malformed", "", "", "body"),
    "wrong-namespace": ("unknown-operation", "", "", "element"),
    "unknown-operation": ("unknown-operation", "", "", "element"),
    "no-signature": ("signature", "", "", "missing"),
    "bad-signature": ("signature", "", "", "signature"),
    "stale-signature": ("signature", "", "", "signature"),  # the timestamp is part of what is signed
    "foreign-institution": ("institution", "fixmedins_code", "定点医药机构编号", "institutions"),
    "missing-field": ("invalid", "psn_no", "人员编号", "missing"),
    "extra-field": ("invalid", "surprise", "", "unknown"),
    "bad-amount": ("invalid", "medfee_sumamt", "医疗费总额", "money"),
    "bad-code": ("invalid", "mdtrt_cert_type", "就诊凭证类型", "code"),
    "too-long": ("invalid", "psn_no", "人员编号", "length"),
    "wrong-parts": ("invalid", "medfee_sumamt", "医疗费总额", "total"),
    "wrong-lines": ("invalid", "medfee_sumamt", "医疗费总额", "total"),
    "wrong-line": ("invalid", "feedetail[1]/det_item_fee_sumamt", "明细项目费用总额", "line-amount"),
}

#: One message comes in properly before these are refused.
AFTER_ONE = {
    "replayed-signature": ("replay", "", "", "nonce"),
    "same-msgid-other-body": ("duplicate-msgid", "msgid", "发送方报文ID", "unique"),
}


def _check(answer: Answer, expected: tuple[str, str, str, str], soap: str) -> None:
    code, field, name, rule = expected
    assert answer.fault
    assert answer.soap == soap
    assert (answer.code, answer.fields.get("field", "")) == (code, field)
    assert (answer.fields.get("name", ""), answer.fields["rule"]) == (name, rule)
    assert answer.fields["refusal_id"] == "refused-1"
    assert answer.status == (500 if soap == "1.1" else 400)
    assert (b"soap:Client" if soap == "1.1" else b"soap:Sender") in answer.raw
    assert any("\u4e00" <= character <= "\u9fff" for character in answer.reason)


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("attack", EXPECTED)
async def test_refused(tmp_path, attack: str, soap: str) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital(soap=soap)
        answer = await hospital.attack(attack)
        hospital.close()
        # Where neither envelope nor Content-Type say which version it is, 1.1 is the one everybody reads.
        _check(answer, EXPECTED[attack], "1.1" if attack == "wrong-content-type" else soap)
        (refusal,) = w.inbox.refused
        assert (refusal.code, refusal.field, refusal.rule) == (*EXPECTED[attack][:2], EXPECTED[attack][3])
        assert refusal.raw or attack == "empty"
        assert w.inbox.accepted == []


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("attack", AFTER_ONE)
async def test_refused_after_one_was_accepted(tmp_path, attack: str, soap: str) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital(soap=soap)
        answer = await hospital.attack(attack)
        hospital.close()
        _check(answer, AFTER_ONE[attack], soap)
        assert len(w.inbox.accepted) == 1
        assert [refusal.code for refusal in w.inbox.refused] == [AFTER_ONE[attack][0]]


async def test_every_attack_is_tested() -> None:
    assert set(ATTACKS) == {*EXPECTED, *AFTER_ONE, "huge-body", "get"}


async def test_a_huge_body_is_refused_while_it_arrives(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital(timeout=10.0)
        answer = await hospital.attack("huge-body")
        hospital.close()
        assert answer.status in (0, 413)  # the client may find the connection closed before it reads why
        assert answer.status == 0 or answer.code == "too-large"
        assert w.inbox.accepted == []
        assert [(refusal.code, refusal.rule) for refusal in w.inbox.refused] == [("too-large", "http 413")]


async def test_get_is_no_business(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        assert (await hospital.attack("get")).status == 405
        hospital.close()


@pytest.mark.parametrize("attack", ["bad-amount", "too-long", "wrong-parts", "wrong-line", "missing-field"])
async def test_no_value_comes_back(tmp_path, attack: str) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        answer = await hospital.attack(attack)
        hospital.close()
        text = answer.raw.decode()
        for value in ("12,34", "9" * 31, "0.01", "99.0000", "990101195001010010", "9901000000000000001"):
            assert value not in text
        logged = str(w.harness.log.entries)
        assert "990101195001010010" not in logged


async def test_the_order_of_elements_is_that_of_the_schema(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        text = hospital.build(0).decode()
        swapped = text.replace("hos:opter_name", "hos:x").replace("hos:opter", "hos:opter_name")
        answer = await hospital.once(swapped.replace("hos:x", "hos:opter").encode())
        hospital.close()
        assert (answer.code, answer.fields["field"]) == ("invalid", "opter_name")
        assert answer.fields["rule"].startswith("sequence")
        assert answer.fields["name"] == "经办人姓名"
        assert w.inbox.accepted == []


async def test_clients_outside_the_allowed_networks(tmp_path) -> None:
    async with world(tmp_path, clients=["192.0.2.0/24"]) as w:
        hospital = w.hospital()
        answer = await hospital.settle()
        assert answer.code == "client-address"
        assert (await hospital.once(b"", method="GET")).status == 403
        hospital.close()
        assert [refusal.code for refusal in w.inbox.refused] == ["client-address"]
        assert w.inbox.accepted == []


async def test_clients_inside_the_allowed_networks(tmp_path) -> None:
    async with world(tmp_path, clients=["192.0.2.0/24", "127.0.0.0/8"]) as w:
        hospital = w.hospital()
        assert (await hospital.settle()).status == 200
        hospital.close()


async def test_operations_that_are_not_open(tmp_path) -> None:
    async with world(tmp_path, operations=["QueryPerson"]) as w:
        hospital = w.hospital()
        assert (await hospital.settle()).code == "operation-not-allowed"
        assert (await hospital.query_person()).status == 200
        hospital.close()


async def test_a_clock_that_is_wrong(tmp_path) -> None:
    async with world(tmp_path) as w:
        w.harness.clock.offset = 301.0
        hospital = w.hospital()
        answer = await hospital.settle()
        hospital.close()
        assert (answer.code, answer.fields["rule"]) == ("signature", "clock")


async def test_without_authentication_none_is_asked_for(tmp_path) -> None:
    async with world(tmp_path, soap={"authentication": {"kind": "none"}}) as w:
        hospital = w.hospital(token="")
        assert (await hospital.settle()).status == 200
        hospital.close()


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
async def test_what_cannot_be_recorded_is_not_refused(tmp_path, soap: str) -> None:
    async with world(tmp_path) as w:
        w.inbox.error = Unavailable("存储不可用", "the store is down")
        hospital = w.hospital(soap=soap)
        answer = await hospital.attack("missing-field")
        hospital.close()
        assert (answer.status, answer.code, answer.soap) == (500, "unavailable", soap)
        assert w.inbox.refused == []


async def test_an_envelope_of_no_known_version(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        text = hospital.build(0).replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"urn:example:soap3")
        answer = await hospital.once(text)
        hospital.close()
        assert b"soap:VersionMismatch" in answer.raw
        assert [refusal.code for refusal in w.inbox.refused] == ["malformed"]


async def test_the_envelope_decides_the_version_of_the_fault(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital(soap="1.2")
        answer = await hospital.once(hospital.build(0)[:-20], {"Content-Type": CONTENT_TYPES["1.1"]})
        assert answer.soap == "1.1"
        text = hospital.build(0).replace(b"hos:psn_no", b"hos:other")
        answer = await hospital.once(text, {"Content-Type": CONTENT_TYPES["1.1"]})
        hospital.close()
        assert answer.soap == "1.2"


async def test_gbk_is_read(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        text = hospital.build(0).decode().replace("UTF-8", "GBK").encode("gbk")
        answer = await hospital.once(text, {"Content-Type": "text/xml; charset=GBK"})
        hospital.close()
        assert answer.status == 200
        assert w.inbox.accepted[0].body.operator_name == "示例员"


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
async def test_a_header_that_must_be_understood(tmp_path, soap: str) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital(soap=soap)
        header = '<soap:Header><x:Secret xmlns:x="urn:x" soap:mustUnderstand="1"/></soap:Header><soap:Body>'
        answer = await hospital.once(hospital.build(0).decode().replace("<soap:Body>", header).encode())
        hospital.close()
        assert (answer.code, answer.fields["rule"]) == ("malformed", "header")
        assert b"soap:MustUnderstand" in answer.raw
        assert b"Secret" not in answer.raw
        assert len(w.inbox.refused) == 1
