"""The envelope of a request: what it must hold, whatever is in `input`. Pure.

    {"infno":"2207","msgid":"<institution 12><yyyyMMddHHmmss><serial 4>","mdtrtarea_admvs":…,…,"input":{…}}

Absent, null and empty are the same. Numbers are taken for texts. What a province has added is not looked at; it
stays in the stored bytes.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from adapters.hospital.faults import Fault
from adapters.hospital.national.settings import NationalRules
from mappings import Refused, parse_json

_REGION = re.compile(r"\d{6}", re.ASCII)
_INFNO = re.compile(r"[0-9A-Z]{1,6}", re.ASCII)
_MSGID = re.compile(r"[0-9A-Za-z._-]{1,30}", re.ASCII)
_exact = msgspec.json.Encoder(decimal_format="number").encode
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

#: Field, Chinese name, longest, required.
_FIELDS: Final = (
    ("infno", "交易编号", 6, True),
    ("msgid", "发送方报文ID", 30, True),
    ("mdtrtarea_admvs", "就医地医保区划", 6, True),
    ("insuplc_admdvs", "参保地医保区划", 6, False),
    ("recer_sys_code", "接收方系统代码", 10, True),
    ("dev_no", "设备编号", 100, False),
    ("dev_safe_info", "设备安全信息", 2000, False),
    ("cainfo", "数字签名信息", 1024, False),
    ("signtype", "签名类型", 10, False),
    ("infver", "接口版本号", 6, True),
    ("opter_type", "经办人类别", 3, True),
    ("opter", "经办人", 30, True),
    ("opter_name", "经办人姓名", 50, True),
    ("inf_time", "交易时间", 19, True),
    ("fixmedins_code", "定点医药机构编号", 30, True),
    ("fixmedins_name", "定点医药机构名称", 200, True),
    ("sign_no", "交易签到流水号", 30, False),
)
NAMES: Final = {field: name for field, name, _, _ in _FIELDS} | {"input": "交易输入"}


class Envelope(Struct, frozen=True, kw_only=True):
    """A request whose envelope is right."""

    infno: str
    msgid: str
    treatment_region: str
    insured_region: str | None
    operator_code: str
    operator_name: str
    institution_code: str
    institution_name: str
    sign_no: str
    input: dict[str, Any]

    def value(self, name: str) -> Any:
        """What a mapping asks for under `elsewhere`."""
        if name == "transaction":
            return self.infno
        return () if name == "fee_lines" else getattr(self, name)  # fee lines came before, by 2204


def is_gbk(charset: str) -> bool:
    """
    Raises:
        Fault: it is neither that nor UTF-8.
    """
    known = charset.lower()
    if known not in ("", "utf-8", "utf8", "gbk", "gb2312", "gb18030"):
        raise _malformed("只接受 UTF-8 或 GBK", "the charset must be UTF-8 or GBK", "charset")
    return known.startswith("gb")


def parse(body: bytes, charset: str, limit: int) -> dict[str, Any]:
    """The JSON object of a request.

    Args:
        charset: as its sender names it; empty: UTF-8.

    Raises:
        Fault: `malformed`.
    """
    try:
        if is_gbk(charset):
            body = body.decode("gb18030").encode()
        tree = parse_json(body.removeprefix(b"\xef\xbb\xbf"), limit)
    except UnicodeError:
        zh, en = "字节与声明的编码不符", "the bytes are not in the declared charset"
        raise _malformed(zh, en, "charset") from None
    except Refused as no:
        raise _malformed(no.zh, no.en, no.rule) from None
    if not isinstance(tree, dict):
        raise _malformed("应为一个 JSON 对象", "expected one JSON object", "object")
    return tree


def read(tree: dict[str, Any], face: NationalRules) -> Envelope:
    """
    Raises:
        Fault: the first thing that is wrong.
    """
    texts = {field: _text(tree.get(field), field, longest) for field, _, longest, _ in _FIELDS}
    for field, _, _, required in _FIELDS:
        if required and not texts[field]:
            raise wrong(field, "必填项缺失", "is required", "missing")
    _check(texts, face)
    if not isinstance(tree.get("input"), dict):
        raise wrong("input", "应为 JSON 对象", "must be a JSON object", "object")
    return Envelope(
        infno=texts["infno"],
        msgid=texts["msgid"],
        treatment_region=texts["mdtrtarea_admvs"],
        insured_region=texts["insuplc_admdvs"] or None,
        operator_code=texts["opter"],
        operator_name=texts["opter_name"],
        institution_code=texts["fixmedins_code"],
        institution_name=texts["fixmedins_name"],
        sign_no=texts["sign_no"],
        input=tree["input"],
    )


def msgid_of(tree: dict[str, Any]) -> str | None:
    """The message id of a request that may be wrong otherwise, for the record of a refusal."""
    found = tree.get("msgid")
    return found if isinstance(found, str) and _MSGID.fullmatch(found) else None


def document_of(raw: bytes) -> bytes:
    """What the mapping reads of a stored request: its `input`. The charset that was announced is not stored.

    Raises:
        ValueError: there is none.
    """
    for charset in ("utf-8", "gbk"):
        try:
            content = parse(raw, charset, len(raw) * 2).get("input")
        except Fault:
            continue
        if isinstance(content, dict):
            return _exact(content)
    raise ValueError("no request of the national interface")


def wrong(field: str, zh: str, en: str, rule: str) -> Fault:
    """A field of the envelope is not as it must be."""
    name = NAMES.get(field, "")
    return Fault(
        code="invalid", zh=f"{name} {field}：{zh}", en=f"{field}: {en}", field=field, name=name, rule=rule
    )


def _check(texts: dict[str, str], face: NationalRules) -> None:
    if not _INFNO.fullmatch(texts["infno"]):
        raise wrong("infno", "格式不对", "is malformed", "format")
    if not _MSGID.fullmatch(texts["msgid"]):
        raise wrong("msgid", "只能含字母、数字和 . _ -", "may hold letters, digits and . _ - only", "format")
    if face.msgid == "national" and not _national(texts["msgid"], texts["fixmedins_code"]):
        zh, en = (
            "应为 机构编号+yyyyMMddHHmmss+4位顺序号",
            "must be institution, yyyyMMddHHmmss and four digits",
        )
        raise wrong("msgid", zh, en, "format")
    for field in ("mdtrtarea_admvs", "insuplc_admdvs"):
        if texts[field] and not _REGION.fullmatch(texts[field]):
            raise wrong(field, "应为 6 位数字", "must be six digits", "format")
    if not _is_time(texts["inf_time"], "%Y-%m-%d %H:%M:%S", 19):
        raise wrong("inf_time", "应为 yyyy-MM-dd HH:mm:ss", "must be yyyy-MM-dd HH:mm:ss", "datetime")
    allowed = {
        "recer_sys_code": face.recer_sys_codes,
        "infver": face.infvers,
        "signtype": face.signtypes,
        "opter_type": face.opter_types,
    }
    for field, values in allowed.items():
        if values and texts[field] and texts[field] not in values:
            shown = "、".join(values)
            raise wrong(field, f"只接受 {shown}", f"must be one of {', '.join(values)}", "code")


def _text(value: Any, field: str, longest: int) -> str:
    if value is None:
        return ""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise wrong(field, "应为文本", "must be a text", "text")
    if len(value) > longest:
        raise wrong(field, f"超过 {longest} 个字符", f"longer than {longest} characters", "length")
    if _CONTROL.search(value):
        raise wrong(field, "含有控制字符", "holds control characters", "characters")
    return value


def _national(msgid: str, institution: str) -> bool:
    rest = msgid.removeprefix(institution)
    return (
        msgid.startswith(institution)
        and rest.isdigit()
        and len(rest) == 18
        and _is_time(rest[:14], "%Y%m%d%H%M%S", 14)
    )


def _is_time(text: str, form: str, length: int) -> bool:
    try:
        dt.datetime.strptime(text, form)
    except ValueError:
        return False
    return len(text) == length


def _malformed(zh: str, en: str, rule: str) -> Fault:
    return Fault(code="malformed", zh=zh, en=en, rule=rule)
