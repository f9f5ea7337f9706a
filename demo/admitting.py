"""The scene of the ward: stays reported by HL7, and the police asked who is admitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.wards import MATCH, MISMATCH, UNKNOWN
from gateway.store import open_reader
from gateway.store.api import DeliveryRow, Filter

if TYPE_CHECKING:  # the day plays this scene
    from demo.day import Day

_ADMITTED = "care.patient.admitted.v1"


async def admissions(day: Day) -> None:
    """Three admissions: the police know the first, know the second under another name, do not know the third."""
    day.book.scene(
        "住院（HL7 v2.4，GBK）：先由公安核验身份，相符才办理",
        "stays reported by HL7: the police are asked first who is admitted",
    )
    await _match(day)
    await _mismatch(day)
    await _unknown(day)


async def _match(day: Day) -> None:
    wards = day.wards
    wards.fault("drop-after")  # they look the person up, and their answer is lost: a question may be repeated
    acks = await wards.engine.stay(MATCH, ("ADT^A01", "ADT^A02", "DFT^P03", "ADT^A16"))
    day.book.say(
        "入院、转科、记账、出院四份报文均已应答 AA；公安的答复丢失一次",
        "four events acknowledged; the police's answer is lost once",
        visit=wards.engine.ward.visit(MATCH),
    )
    arrived = await day.until(lambda: len(wards.registered(MATCH)) == 4)
    day.book.note("住院 HL7 · 核验相符", "AA 已应答", "登记 4 份 files", wards.engine.ward.visit(MATCH))
    day.book.check(
        "身份相符：住院动态按先后送达登记系统，各一份",
        "a match: the stay reaches the register, each event once",
        arrived and {a.code for a in acks} == {"AA"},
    )


async def _mismatch(day: Day) -> None:
    wards = day.wards
    ack = await wards.engine.report("ADT^A01", MISMATCH)
    ended = await day.until(lambda: _of(day, MISMATCH).state == "rejected")
    delivery = _of(day, MISMATCH)
    day.book.say(
        "同一号码，公安登记的是另一姓名", "the number is another name's", reason=delivery.reason or ""
    )
    day.book.note("住院 HL7 · 核验不符", f"{ack.code}；随后拒绝 refused", "0 份", delivery.message_id)
    day.book.check(
        "身份不符：没有送出任何东西",
        "a mismatch: nothing is sent",
        ended and wards.registered(MISMATCH) == [],
    )


async def _unknown(day: Day) -> None:
    wards = day.wards
    await wards.engine.report("ADT^A01", UNKNOWN)
    held = await day.until(lambda: (d := _of(day, UNKNOWN)).state == "held" and d.next_at is None)
    delivery = _of(day, UNKNOWN)
    day.book.say(
        "查无此人不等于不符：留待人工",
        "not found is no mismatch: a person decides",
        reason=delivery.reason or "",
    )
    waiting = wards.registered(UNKNOWN) == []
    config, reason = str(day.stage.config), "已凭证件原件核实"
    let_go = ("settle", delivery.message_id, "--let-go", "--reason", reason, "--config", config)
    told = day.run("-m", "gateway", "message", *let_go)
    sent = await day.until(lambda: wards.registered(UNKNOWN) == ["ry"])
    day.book.note("住院 HL7 · 查无此人", "待人工，核实后放行", "登记 1 份 file", delivery.message_id)
    day.book.check(
        "查无此人：人核实后放行，原因入审计日志",
        "not found: a person lets it go on, with a reason",
        held and waiting and told and sent,
    )


def _of(day: Day, patient: int) -> DeliveryRow:
    """The delivery of a patient's admission."""
    visit = day.wards.engine.ward.visit(patient)
    with open_reader(day.stage.settings) as reader:
        [found] = reader.find(Filter(text=visit, type=_ADMITTED))
    return found.deliveries[0]
