"""Everything refused: an infcode with field and Chinese name, on record first, and nothing accepted."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.threads import deferToThread

from adapters.hospital.simulator.national import Answered, encoded
from gateway.canonical.refusal import RequestRefused
from gateway.contract import Pending, Reject, Unavailable
from tests.adapters.hospital.national.world import World, good_input, good_reply, world

Change = Callable[[dict[str, Any]], None]


def _set(*path: str | int, to: Any) -> Change:
    def change(request: dict[str, Any]) -> None:
        node: Any = request
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = to

    return change


def _gone(*path: str | int) -> Change:
    def change(request: dict[str, Any]) -> None:
        node: Any = request
        for step in path[:-1]:
            node = node[step]
        del node[path[-1]]

    return change


def _twice(request: dict[str, Any]) -> None:
    lines = request["input"]["feedetail"]
    lines.append(dict(lines[0]))


def _hundred_and_one(request: dict[str, Any]) -> None:
    line = request["input"]["feedetail"][0]
    request["input"]["feedetail"] = [{**line, "feedetl_sn": f"F{n:04d}"} for n in range(101)]


#: What is changed in a good request: infno, change, code, field, part of the message
WRONG: dict[str, tuple[str, Change, str, str, str]] = {
    # the envelope
    "no-infno": ("2207", _set("infno", to=""), "invalid", "infno", "交易编号"),
    "unknown-infno": ("2207", _set("infno", to="2999"), "unknown-operation", "infno", "2999"),
    "not-open": ("2207", _set("infno", to="9101"), "unknown-operation", "infno", "9101"),
    "catalogue-not-open": ("2207", _set("infno", to="1301"), "unknown-operation", "infno", "1301"),
    "no-msgid": ("2207", _gone("msgid"), "invalid", "msgid", "发送方报文ID"),
    "msgid-too-long": ("2207", _set("msgid", to="H" * 31), "invalid", "msgid", "30"),
    "msgid-of-another": (
        "2207", _set("msgid", to="H99010199999202501010900000001"), "invalid", "msgid", "机构编号",
    ),
    "msgid-at-no-time": (
        "2207", _set("msgid", to="H99010100001202513010900000001"), "invalid", "msgid", "机构编号",
    ),
    "no-region": ("2207", _gone("mdtrtarea_admvs"), "invalid", "mdtrtarea_admvs", "就医地"),
    "no-insured-region": ("2207", _gone("insuplc_admdvs"), "invalid", "insuplc_admdvs", "参保地"),
    "region-of-letters": ("2207", _set("insuplc_admdvs", to="99010A"), "invalid", "insuplc_admdvs", "6 位"),
    "no-such-time": ("2207", _set("inf_time", to="2025-02-30 09:00:00"), "invalid", "inf_time", "交易时间"),
    "kind-of-operator": ("2207", _set("opter_type", to="9"), "invalid", "opter_type", "经办人类别"),
    "operator-is-an-object": ("2207", _set("opter", to={"a": 1}), "invalid", "opter", "文本"),
    "nul-in-the-envelope": ("2207", _set("opter_name", to="示\x00例"), "invalid", "opter_name", "控制字符"),
    "surrogate": ("2207", _set("opter_name", to="示\n例"), "invalid", "opter_name", "控制字符"),
    "no-input": ("2207", _gone("input"), "invalid", "input", "交易输入"),
    "input-is-a-text": ("2207", _set("input", to="{}"), "invalid", "input", "对象"),
    "foreign-institution": (
        "2207", _set("fixmedins_code", to="H99010199999"), "invalid", "msgid", "机构编号",
    ),
    # the input
    "missing": ("2207", _gone("input", "data", "psn_no"), "invalid", "psn_no", "人员编号"),
    "too-long": ("2207", _set("input", "data", "psn_no", to="9" * 31), "invalid", "psn_no", "人员编号"),
    "code": ("2207", _set("input", "data", "mdtrt_cert_type", to="77"), "invalid", "mdtrt_cert_type", "凭证类型"),
    "amount": ("2207", _set("input", "data", "medfee_sumamt", to="12,34"), "invalid", "medfee_sumamt", "医疗费总额"),
    "three-decimals": ("2207", _set("input", "data", "medfee_sumamt", to="51.101"), "invalid", "medfee_sumamt", "总额"),
    "parts": ("2207", _set("input", "data", "inscp_scp_amt", to="48.05"), "invalid", "medfee_sumamt", "勾稽"),
    "nul": ("2207", _set("input", "data", "invono", to="INV\x001"), "invalid", "invono", "发票号"),
    "not-an-object": ("2207", _set("input", "data", to=[1]), "invalid", "data", ""),
    "date": (
        "2204", _set("input", "feedetail", 0, "fee_ocur_time", to="2025-02-30 09:00:00"),
        "invalid", "feedetail[1]/fee_ocur_time", "费用发生时间",
    ),
    "line-twice": ("2204", _twice, "invalid", "feedetail[", "费用明细流水号"),
    "101-lines": ("2204", _hundred_and_one, "invalid", "feedetail", "100"),
    "101-inpatient-lines": ("2301", _hundred_and_one, "invalid", "feedetail", "100"),
    "line-amount": (
        "2204", _set("input", "feedetail", 0, "cnt", to="99.0000"),
        "invalid", "feedetail[1]/det_item_fee_sumamt", "数量×单价",
    ),
    "negative-quantity": ("2204", _set("input", "feedetail", 0, "cnt", to="-2.0000"), "invalid", "feedetail[1]/cnt", "不得为负"),
    "negative-price": ("2204", _set("input", "feedetail", 0, "pric", to="-1.000000"), "invalid", "feedetail[1]/pric", "不得为负"),
}  # fmt: skip


def _refused(w: World, answer: Answered, code: str, status: int = 200) -> dict[str, Any]:
    assert w.inbox.accepted == []
    (refusal,) = w.inbox.refused
    assert refusal.code == code
    assert answer.status == status
    body = answer.json
    assert list(body) == ["infcode", "inf_refmsgid", "refmsg_time", "respond_time", "err_msg", "output"]
    assert body["infcode"] == -1
    assert len(body["inf_refmsgid"]) == 30
    assert len(body["refmsg_time"]) == len(body["respond_time"]) == 17
    assert len(body["err_msg"]) <= 200
    assert "refused-1" in body["err_msg"]
    return body


@pytest.mark.parametrize("case", WRONG)
async def test_refused(tmp_path: Path, case: str) -> None:
    infno, change, code, field, words = WRONG[case]
    async with world(tmp_path) as w:
        hospital = w.hospital()
        request = hospital.request(infno, good_input(infno))
        change(request)
        answer = await hospital.once(encoded(request))
        hospital.close()
        body = _refused(w, answer, code)
    (refusal,) = w.inbox.refused
    assert field in refusal.field
    assert words in body["err_msg"]
    assert refusal.raw == encoded(request)
    for value in ("12,34", "9" * 31, "51.101", "99.0000", "990101199001010019", "48.05"):
        assert value not in answer.body.decode()


#: Bytes that are no request.
BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "syntax"),
    "truncated": (lambda body: body[: len(body) // 2], "syntax"),
    "an-array": (lambda body: b"[" + body + b"]", "object"),
    "two-documents": (lambda body: body + body, "syntax"),
    "a-key-twice": (lambda body: body.replace(b'"dev_no":""', b'"msgid":"x"'), "duplicate"),
    "a-key-twice-inside": (lambda body: body.replace(b'"psn_no":', b'"psn_no":"x","psn_no":'), "duplicate"),
    "nan": (lambda body: body.replace(b'"dev_no":""', b'"dev_no":NaN'), "syntax"),
    "gbk-declared-utf-8": (lambda body: body.decode().encode("gbk"), "syntax"),
    "utf-16": (lambda body: body.decode().encode("utf-16"), "syntax"),
    "nul-bytes": (lambda body: body.replace(b'"dev_no":""', b'"dev_no":"\x00"'), "syntax"),
    "too-deep": (lambda body: body.replace(b'"dev_no":""', b'"dev_no":' + b"[" * 100 + b"]" * 100), "depth"),
    "xml": (lambda _: b"<?xml version='1.0'?><x/>", "syntax"),
}


@pytest.mark.parametrize("case", BYTES)
async def test_bytes_that_are_no_request(tmp_path: Path, case: str) -> None:
    spoil, rule = BYTES[case]
    async with world(tmp_path) as w:
        hospital = w.hospital()
        answer = await hospital.once(spoil(encoded(hospital.request("2207", good_input("2207")))))
        hospital.close()
        _refused(w, answer, "malformed")
    assert w.inbox.refused[0].rule == rule


@pytest.mark.parametrize("number", [b"1e400", b"1E+99999999", b"-1", b"1e-400", b"99999999999999999999.00"])
async def test_amounts_beyond_all_bounds(tmp_path: Path, number: bytes) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        body = encoded(hospital.request("2207", good_input("2207")))
        assert b'"medfee_sumamt":"51.10"' in body
        body = body.replace(b'"medfee_sumamt":"51.10"', b'"medfee_sumamt":' + number)
        answer = await hospital.once(body)
        hospital.close()
        _refused(w, answer, w.inbox.refused[0].code)
    assert w.inbox.refused[0].code in ("invalid", "malformed")


async def test_a_bill_of_less_than_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        data = good_input("2207")["data"]
        data |= {
            "medfee_sumamt": "-51.10",
            "inscp_scp_amt": "-48.04",
            "fulamt_ownpay_amt": "-0.50",
            "preselfpay_amt": "-2.56",
        }
        answer = await hospital.call("2207", {"data": data})
        hospital.close()
        body = _refused(w, answer, "invalid")
    assert "医疗费总额 medfee_sumamt：不得为负" in body["err_msg"]


async def test_an_inpatient_line_takes_back_another_only_by_name(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: good_reply("2301")
        hospital = w.hospital()
        content = good_input("2301")
        line = content["feedetail"][0]
        line |= {"cnt": f"-{line['cnt']}", "det_item_fee_sumamt": f"-{line['det_item_fee_sumamt']}"}
        answer = await hospital.call("2301", content)
        assert "不得为负" in answer.err_msg
        line["init_feedetl_sn"] = "F0000"
        assert (await hospital.call("2301", content)).infcode == 0
        hospital.close()


@pytest.mark.parametrize(
    ("headers", "rule", "status"),
    [
        ({"x-tif-signature": ""}, "missing", 401),
        ({"x-tif-signature": "0" * 64}, "signature", 401),
        ({"x-tif-paasid": "somebody"}, "unknown-caller", 401),
        ({"x-tif-timestamp": "1"}, "signature", 401),
    ],
)
async def test_who_it_is(tmp_path: Path, headers: dict[str, str], rule: str, status: int) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        answer = await hospital.once(encoded(hospital.request("2207", good_input("2207"))), headers)
        hospital.close()
        _refused(w, answer, "signature", status)
    assert w.inbox.refused[0].rule == rule


async def test_an_old_clock(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.harness.clock.offset = 301.0
        hospital = w.hospital()
        answer = await hospital.call("2207", good_input("2207"))
        hospital.close()
        _refused(w, answer, "signature", 401)
    assert w.inbox.refused[0].rule == "clock"


async def test_a_nonce_twice(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: good_reply("2207")
        hospital = w.hospital()
        headers = hospital.headers()
        first = await hospital.once(encoded(hospital.request("2207", good_input("2207"))), headers)
        again = await hospital.once(encoded(hospital.request("2207", good_input("2207"))), headers)
        hospital.close()
    assert (first.infcode, again.infcode, again.status) == (0, -1, 401)
    assert [refusal.code for refusal in w.inbox.refused] == ["replay"]
    assert len(w.inbox.accepted) == 1


async def test_a_foreign_institution(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital(institution="H99010199999")
        answer = await hospital.call("2207", good_input("2207"))
        hospital.close()
        body = _refused(w, answer, "institution")
    assert "定点医药机构" in body["err_msg"]


async def test_an_operation_that_is_not_open(tmp_path: Path) -> None:
    async with world(tmp_path, operations=["QueryPerson"]) as w:
        w.inbox.answer = lambda _: good_reply("1101")
        hospital = w.hospital()
        answer = await hospital.call("2207", good_input("2207"))
        _refused(w, answer, "operation-not-allowed")
        assert "2207" in answer.err_msg
        assert (await hospital.call("1101", good_input("1101"))).infcode == 0
        hospital.close()


async def test_one_msgid_for_two_messages(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: good_reply("2207")
        hospital = w.hospital()
        request = hospital.request("2207", good_input("2207"))
        first, again = await hospital.repeat(request)
        other = await hospital.contradict(request)
        hospital.close()
    assert first.output == again.output
    assert (other.infcode, other.status) == (-1, 200)
    assert "msgid" in other.err_msg
    assert [refusal.code for refusal in w.inbox.refused] == ["duplicate-msgid"]


async def test_a_body_beyond_the_limit(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        body = encoded(hospital.request("2207", good_input("2207")))
        answer = await hospital.once(body + b" " * (1 << 20))
        hospital.close()
        _refused(w, answer, "too-large", 413)


async def test_twenty_megabytes_are_refused_while_they_arrive(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital(timeout=10.0)
        body = encoded(hospital.request("2207", good_input("2207"))) + b" " * 20_000_000
        try:
            answer = await hospital.once(body)
        except Exception as error:  # the connection may close before the client reads why
            answer, reason = None, type(error).__name__
            assert reason == "NoAnswer"
        hospital.close()
    assert answer is None or (answer.status, answer.infcode) == (413, -1)
    assert w.inbox.accepted == []
    assert [(refusal.code, refusal.rule) for refusal in w.inbox.refused] == [("too-large", "http 413")]


async def test_what_http_refuses_counts_too(tmp_path: Path) -> None:
    """Or a stranger could fill the audit log with headers alone."""
    async with world(tmp_path, rate_limit={"per_second": 0.001, "burst": 2}) as w:
        port = int(w.server.url.rsplit(":", 1)[1].partition("/")[0])
        statuses = [await _announced(port, 1 << 30) for _ in range(15)]
    assert statuses == [413] * 2 + [429] * 13
    assert [refusal.code for refusal in w.inbox.refused] == ["too-large"] * 2 + ["too-many"] * 10


async def _announced(port: int, length: int) -> int:
    """The status of the answer to a request of which only the header is sent."""

    def ask() -> int:
        with socket.create_connection(("127.0.0.1", port), timeout=10.0) as line:
            head = f"POST /fsi/api HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
            line.sendall(head.encode())
            return int(line.makefile("rb").readline().split()[1])

    return await deferToThread(ask)


@pytest.mark.parametrize(
    ("charset", "known"), [("GBK", True), ("gb18030", True), ("UTF8", True), ("utf-16", False), ("x", False)]
)
async def test_declared_charsets(tmp_path: Path, charset: str, known: bool) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: good_reply("2207")
        hospital = w.hospital()
        request = hospital.request("2207", good_input("2207"), opter_name="示例员")
        written = encoded(request).decode().encode("gbk" if charset.lower().startswith("gb") else "utf-8")
        answer = await hospital.once(written, {"Content-Type": f"application/json; charset={charset}"})
        hospital.close()
        if not known:
            _refused(w, answer, "malformed")
            return
    body: Any = w.inbox.accepted[0].body
    assert body.operator_name == "示例员"
    if charset.lower().startswith("gb"):
        assert "charset=GBK" in answer.headers["content-type"]
        tree = json.loads(answer.body.decode("gbk"))
        assert tree["output"]["setlinfo"]["psn_name"] == good_reply("2207").person_name  # type: ignore[union-attr]


async def test_the_platform_says_no(tmp_path: Path) -> None:
    refused = RequestRefused(code="rejected", reason="余额不足", raw_code="-2", raw_text="账户余额不足")
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: refused
        hospital = w.hospital()
        answer = await hospital.call("2207", good_input("2207"))
        hospital.close()
    assert (answer.status, answer.infcode, answer.err_msg, answer.output) == (200, -2, "账户余额不足", {})
    assert w.inbox.refused == []


async def test_what_is_open_is_no_refusal(tmp_path: Path) -> None:
    async with world(tmp_path, {"infcode_unsettled": -9}) as w:
        w.inbox.answer = lambda _: Pending(message_id="m-1", state="in-doubt")
        hospital = w.hospital()
        answer = await hospital.call("2207", good_input("2207"))
        assert (answer.status, answer.infcode) == (504, -9)
        assert "结果未明" in answer.err_msg
        assert "m-1" in answer.err_msg
        w.inbox.error = Unavailable("存储不可用", "the store is down")
        answer = await hospital.call("2207", good_input("2207"))
        assert (answer.status, answer.infcode) == (503, -9)
        answer = await hospital.call("2999", {})  # what cannot be put on record is not refused either
        assert answer.status == 503
        hospital.close()
    assert w.inbox.refused == []


async def test_the_engine_has_no_route(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: Reject("没有路由", "no route", code="no-route")
        hospital = w.hospital()
        answer = await hospital.call("2207", good_input("2207"))
        hospital.close()
    assert (answer.infcode, w.inbox.refused[0].code) == (-1, "no-route")


async def test_an_answer_that_cannot_be_written_is_no_refusal(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.answer = lambda _: good_reply("1101")  # somebody answers another question
        hospital = w.hospital()
        answer = await hospital.call("2207", good_input("2207"))
        hospital.close()
    assert answer.status == 500
    assert "请勿重新提交" in answer.err_msg


async def test_get_is_no_business(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        assert (await hospital.once(b"", method="GET")).status == 405
        hospital.close()


async def test_strangers_are_not_let_in(tmp_path: Path) -> None:
    async with world(tmp_path, clients=["192.0.2.0/24"]) as w:
        hospital = w.hospital()
        answer = await hospital.call("2207", good_input("2207"))
        hospital.close()
        _refused(w, answer, "client-address", 403)


async def test_too_many_are_refused_and_counted(tmp_path: Path) -> None:
    async with world(tmp_path, rate_limit={"per_second": 0.5, "burst": 3}) as w:
        w.inbox.answer = lambda _: good_reply("1101")
        hospital = w.hospital()
        answers = [await hospital.call("1101", good_input("1101")) for _ in range(20)]
        hospital.close()
    assert [answer.status for answer in answers] == [200] * 3 + [429] * 17
    assert answers[-1].headers["retry-after"] in ("1", "2")
    assert answers[-1].infcode == -1
    assert len(w.inbox.accepted) == 3
    assert [refusal.code for refusal in w.inbox.refused] == ["too-many"] * 10
