"""Their NCIIC service: reads requests strictly, as a foreign implementation would."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.sax.saxutils import escape

from lxml import etree

from adapters.police.simulator.faults import Fault
from adapters.police.simulator.options import Options, Wrong
from adapters.police.simulator.register import Person, Register

NAMESPACE = "https://api.nciic.org.cn/NciicServices"
_DECLARED = '<?xml version="1.0" encoding="UTF-8"?>'
_NUMBER = re.compile(r"[0-9]{17}[0-9X]")


class Nciic:
    """`nciicCheck` and its sisters."""

    def __init__(self, options: Options, register: Register, count: Callable[[list[str]], bool]) -> None:
        self._options = options
        self._register = register
        self._count = count

    def answer(self, payload: etree._Element, fault: Fault | None) -> str:
        """The text of `out`."""
        licence, conditions = self._parameters(payload)
        if licence != self._options.licence or (fault and fault.kind == "licence"):
            return refusal("-80", "授权文件格式错误")
        rows = self._rows(conditions)
        numbers = [row.findtext("GMSFHM") or "" for row in rows]
        if not self._count(numbers) or (fault and fault.kind == "quota"):
            return refusal("-91", "超过当日核验次数")
        written = [self._row(place, row, fault) for place, row in enumerate(rows, 1)]
        return f"{_DECLARED}<ROWS>{''.join(arranged(written, fault))}</ROWS>"

    def _parameters(self, payload: etree._Element) -> tuple[str, str]:
        name = etree.QName(payload)
        if name.namespace != NAMESPACE or not name.localname.startswith("nciicCheck"):
            raise Wrong(f"no operation {name.localname}")
        expected = [f"{{{NAMESPACE}}}{part}" for part in ("inLicense", "inConditions")]
        if [child.tag for child in payload] != expected or any(len(child) for child in payload):
            raise Wrong("inLicense and inConditions expected, texts both")
        return payload[0].text or "", payload[1].text or ""

    def _rows(self, conditions: str) -> list[etree._Element]:
        if not conditions.startswith(_DECLARED):
            raise Wrong("inConditions must begin with its declaration")
        root = etree.fromstring(conditions.encode())
        if root.tag != "ROWS" or root.findtext("INFO/SBM") != self._options.unit:
            raise Wrong("SBM is not that of the licence")
        captions, *rows = root.findall("ROW")
        if [(c.tag, c.text) for c in captions] != [("GMSFHM", "公民身份号码"), ("XM", "姓名")]:
            raise Wrong("captions expected in the first ROW")
        for row in rows:
            if not re.fullmatch("[0-9]{6}", row.get("FSD", "")) or not row.get("YWLX", "").strip():
                raise Wrong("FSD and YWLX are mandatory")
        if not rows:
            raise Wrong("no rows")
        return rows

    def _row(self, place: int, row: etree._Element, fault: Fault | None) -> str:
        number, name = row.findtext("GMSFHM") or "", row.findtext("XM") or ""
        if fault and fault.kind == "stranger":
            number = "990101198808080013"
        told = f"<INPUT><gmsfhm>{escape(number)}</gmsfhm><xm>{escape(name)}</xm></INPUT>"
        no = "" if fault and fault.kind == "no-numbers" else f' no="{place}"'
        return f"<ROW{no}>{told}<OUTPUT>{self._output(number, name, fault)}</OUTPUT></ROW>"

    def _output(self, number: str, name: str, fault: Fault | None) -> str:
        if not number or not name or (fault and fault.kind == "field-missing"):
            column = "公民身份号码" if not number else "姓名"
            return f"{item('errormesage', '必录项缺失')}{item('errormesagecol', column)}"
        if _NUMBER.fullmatch(number) is None:
            raise Wrong("a number that is none")
        person = self._register.find(number)
        if person is None:
            text = "服务结果:库中无此号，请到户籍所在地进行核实"
            return f"{item('errormesage', text)}<ITEM><errormesagecol/></ITEM>"
        return self._compared(person, name)

    def _compared(self, person: Person, name: str) -> str:
        same = "一致" if person.name == name else "不一致"
        result = (
            "<ITEM><gmsfhm/><result_gmsfhm>一致</result_gmsfhm></ITEM>"
            f"<ITEM><xm/><result_xm>{same}</result_xm></ITEM>"
        )
        photo = person.photo if self._options.photos and same == "一致" else ""
        return result + (item("xp", photo) if photo else "")


def item(name: str, text: str) -> str:
    return f"<ITEM><{name}>{escape(text)}</{name}></ITEM>"


def arranged(rows: list[str], fault: Fault | None) -> list[str]:
    """The rows in the order in which, and as far as, they are answered."""
    if fault and fault.kind in ("shuffle", "no-numbers"):
        return rows[::-1]
    return rows[:-1] if fault and fault.kind == "missing-row" else rows


def refusal(code: str, text: str) -> str:
    """Licence and quota errors have a root of their own."""
    return (
        f'{_DECLARED}<RESPONSE errorcode="{code}" code="0" countrows="1"><ROWS><ROW><ErrorCode>{code}</ErrorCode>'
        f"<ErrorMsg>{text}</ErrorMsg></ROW></ROWS></RESPONSE>"
    )
