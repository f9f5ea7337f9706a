"""What a hospital meets in business: answers, repeats, waiting, refusals by the platform, reversals."""

from __future__ import annotations

import pytest
import trustme
from msgspec import structs

from adapters.hospital.simulator import HospitalSimulator, invented
from gateway.canonical.refusal import RequestRefused
from gateway.canonical.settlement import ClaimSubmitted, ReversalRequested
from gateway.contract import Pending, Reject, Unavailable
from gateway.transports.http import ClientTls, HttpClient
from tests.adapters.hospital.soap.world import platform, world


async def test_a_settlement_is_answered(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        answer = await hospital.settle(7)
        hospital.close()
    assert (answer.status, answer.element) == (200, "OutpatientSettlementResult")
    assert answer.fields["setl_id"] == "990101A0000000001"
    (inbound,) = w.inbox.accepted
    assert isinstance(inbound.body, ClaimSubmitted)
    assert inbound.partner_message_id == hospital.msgid(7)
    assert inbound.raw == hospital.build(7)
    assert inbound.region == "990101"
    assert inbound.mapping == "hospital.outpatient_settlement@1"
    assert inbound.subject == inbound.ordering_key == inbound.body.visit_id
    assert inbound.purpose is None


async def test_an_upload_is_acknowledged_at_once(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        first, again = await hospital.upload(7), await hospital.upload(7)
        hospital.close()
    assert first.element == "UploadReceipt"
    assert first.fields == {
        "msgid": hospital.msgid(7),
        "message_id": f"m-{hospital.msgid(7)}",
        "state": "accepted",
    }
    assert again.fields["state"] == "already-accepted"
    assert w.inbox.replies == {}


async def test_a_person_is_asked_for_with_a_purpose_and_without_a_subject(tmp_path) -> None:
    async with world(tmp_path, region="990102") as w:
        hospital = w.hospital()
        answer = await hospital.query_person(3)
        hospital.close()
    assert answer.fields["psn_name"] == invented.person(3).name
    (inbound,) = w.inbox.accepted
    assert (inbound.purpose, inbound.subject, inbound.ordering_key) == ("medical-visit", None, None)
    assert inbound.region == "990102"


async def test_a_cancellation_is_answered(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        answer = await hospital.cancel("990101A0000000001", "990101S1", "9901")
        hospital.close()
    assert answer.fields["setl_id"] == "990101A0000000002"
    assert w.inbox.accepted[0].ordering_key == "990101S1"


async def test_a_repeated_request_gets_the_stored_answer(tmp_path) -> None:
    asked = []

    def count(inbound):
        asked.append(inbound)
        return platform(inbound)

    async with world(tmp_path) as w:
        w.inbox.answer = count
        hospital = w.hospital()
        first, again = await hospital.settle(7), await hospital.settle(7)
        hospital.close()
    assert again.raw == first.raw
    assert len(asked) == 1


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
async def test_pending_says_ask_again_and_the_hospital_does(tmp_path, soap) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda inbound: Pending(message_id="m-1", state="in-doubt")
        hospital = w.hospital(soap=soap)
        answer = await hospital.settle(7)
        assert (answer.status, answer.code, answer.soap) == (500, "pending", soap)
        assert answer.fields["message_id"] == "m-1"
        assert answer.fields["rule"] == "in-doubt"
        assert "结果未明，请用同一 msgid 再次查询" in answer.reason
        assert w.inbox.refused == []  # it was taken: there is nothing to refuse
        w.inbox.answer = platform
        assert (await hospital.settle(7)).status == 200
        hospital.close()


async def test_the_simulator_repeats_under_the_same_msgid(tmp_path) -> None:
    answers = [Pending(message_id="m-1", state="sending"), Pending(message_id="m-1", state="sending")]
    async with world(tmp_path) as w:
        w.inbox.answer = lambda inbound: answers.pop() if answers else platform(inbound)
        hospital = w.hospital(repeats=3, pause=0.01)
        answer = await hospital.settle()
        hospital.close()
    assert (answer.status, answer.attempts) == (200, 3)
    assert {inbound.partner_message_id for inbound in w.inbox.accepted} == {hospital.msgid(0)}


async def test_the_simulator_repeats_where_no_answer_comes() -> None:
    hospital = HospitalSimulator("http://127.0.0.1:1/", repeats=2, pause=0.01)
    answer = await hospital.settle()
    hospital.close()
    assert (answer.status, answer.element, answer.attempts) == (0, "NoAnswer", 3)


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("call", ["settle", "upload", "query_person", "reverse"])
async def test_unavailable(tmp_path, soap, call) -> None:
    async with world(tmp_path) as w:
        w.inbox.error = Unavailable("存储不可用", "the store is down")
        hospital = w.hospital(soap=soap)
        arguments = ("H99010100001202501020900000001", "9901") if call == "reverse" else ()
        answer = await getattr(hospital, call)(*arguments)
        hospital.close()
    assert (answer.status, answer.code, answer.soap) == (500, "unavailable", soap)
    assert (b"soap:Server" if soap == "1.1" else b"soap:Receiver") in answer.raw


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
async def test_the_platform_says_no(tmp_path, soap) -> None:
    refused = RequestRefused(code="rejected", reason="余额不足", raw_code="-1", raw_text="余额<0 & 不足\x00")
    async with world(tmp_path) as w:
        w.inbox.answer = lambda inbound: refused
        hospital = w.hospital(soap=soap)
        answer = await hospital.settle()
        hospital.close()
    assert (answer.code, answer.soap) == ("rejected", soap)
    assert (answer.fields["infcode"], answer.fields["err_msg"]) == ("-1", "余额<0 & 不足\ufffd")
    assert (b"soap:Client" if soap == "1.1" else b"soap:Sender") in answer.raw
    assert answer.fields["message_id"] == f"m-{hospital.msgid(0)}"
    assert w.inbox.refused == []


async def test_the_engine_has_no_route(tmp_path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda inbound: Reject("没有路由", "no route", code="no-route")
        hospital = w.hospital()
        answer = await hospital.settle()
        hospital.close()
    assert (answer.code, answer.fields["refusal_id"]) == ("no-route", "refused-1")
    assert w.inbox.refused[0].partner_message_id == hospital.msgid(0)


async def test_a_reversal_names_the_original_as_it_was_sent_on(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        await hospital.settle(7)
        w.inbox.references[hospital.msgid(7)] = "T99010100001202501020930000007"
        answer = await hospital.reverse(hospital.msgid(7), "9901")
        hospital.close()
    body = w.inbox.accepted[-1].body
    assert isinstance(body, ReversalRequested)
    assert body.original_message_id == "T99010100001202501020930000007"
    assert answer.element == "SettlementReversalResult"
    assert answer.fields["omsgid"] == hospital.msgid(7)  # its own name for it, not ours


async def test_the_same_reversal_stays_the_same_when_its_reference_changes(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        original = hospital.msgid(7)
        fields = [
            *invented.header(hospital.msgid(8)),
            ("psn_no", "9901"),
            ("omsgid", original),
            ("oinfno", "2207"),
        ]
        answers = []
        for reference in ("T1", "T2"):
            w.inbox.references[original] = reference
            answers.append(await hospital.send("SettlementReversal", fields))
        hospital.close()
    assert [answer.status for answer in answers] == [200, 200]


async def test_a_reversal_of_nothing_is_a_fault(tmp_path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        answer = await hospital.reverse(hospital.msgid(7), "9901")
        hospital.close()
    assert (answer.code, answer.fields["field"]) == ("unknown-original", "omsgid")
    assert [refusal.code for refusal in w.inbox.refused] == ["unknown-original"]
    assert w.inbox.accepted == []


async def test_a_reversal_of_nothing_may_be_told_as_done(tmp_path) -> None:
    async with world(tmp_path, unknown_original="nothing-to-reverse") as w:
        hospital = w.hospital()
        answer = await hospital.reverse(hospital.msgid(7), "9901")
        hospital.close()
    assert (answer.status, answer.fields["infcode"]) == (200, "0")
    assert answer.fields["omsgid"] == hospital.msgid(7)
    assert "无可冲正" in answer.fields["err_msg"]
    assert [refusal.code for refusal in w.inbox.refused] == ["unknown-original"]  # on record all the same


async def test_an_answer_that_cannot_be_written_is_no_refusal(tmp_path) -> None:
    def too_long(inbound):
        return structs.replace(platform(inbound), raw_text="x" * 5000)

    async with world(tmp_path) as w:
        w.inbox.answer = too_long
        hospital = w.hospital()
        answer = await hospital.settle()
        hospital.close()
    assert (answer.code, b"soap:Server" in answer.raw) == ("unreadable-answer", True)
    assert "请勿重新提交" in answer.reason


async def test_trace_context_is_passed_on_only_if_it_is_one(tmp_path) -> None:
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with world(tmp_path) as w:
        hospital = w.hospital()
        for trace in (good, "nonsense"):
            await hospital.once(hospital.build(hospital.number()), {"traceparent": trace})
        hospital.close()
    assert [inbound.traceparent for inbound in w.inbox.accepted] == [good, None]


async def test_fee_lines_may_differ_by_rounding_as_the_setting_says(tmp_path) -> None:
    async def settle(**settings):
        async with world(tmp_path, **settings) as w:
            hospital = w.hospital()
            text = hospital.build(0).decode()
            price = "<hos:pric>12.800000"
            assert price in text
            answer = await hospital.once(text.replace(price, "<hos:pric>12.810000").encode())
            hospital.close()
            return answer.status

    assert await settle() == 200  # quantity 1: one fen
    assert await settle(line_tolerance=0) == 500
    assert await settle(line_tolerance=None) == 200


async def test_over_tls(tmp_path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    certificate.cert_chain_pems[0].write_to_path(str(files["certificate"]))
    certificate.private_key_pem.write_to_path(str(files["key"]))
    async with world(tmp_path, soap={"tls": {"certificate": files["certificate"], "key": files["key"]}}) as w:
        assert w.receiver.url.startswith("https://")
        hospital = w.hospital(client=HttpClient(tls=ClientTls(ca_file=files["ca"])))
        assert (await hospital.settle()).status == 200
        hospital.close()
