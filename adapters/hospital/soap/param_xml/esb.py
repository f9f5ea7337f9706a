"""The `ESBEntry` around a transaction. Pure.

    <ESBEntry>
      <AccessControl> UserName Password SysFlag Fid </AccessControl>
      <MessageHeader> Fid SourceSysCode TargetSysCode ReturnFlag MsgDate </MessageHeader>
      <MsgInfo> <Msg action="insert"> the transaction: elements, or their text </Msg> </MsgInfo>
    </ESBEntry>

An answer has RetInfo (code, text) in place of AccessControl, and the answer's document in Msg. Queries in the
envelope's own language (RequestOption, query, order, GroupInfo) are not served.
"""

from __future__ import annotations

import datetime as dt
import hmac
from typing import Final

from lxml import etree
from msgspec import Struct

from adapters.hospital.faults import Fault
from adapters.hospital.soap.settings import Esb
from adapters.hospital.soap.style import document

ROOT: Final = "ESBEntry"


class Header(Struct, frozen=True):
    """What an answer repeats of its request; empty where that could not be read."""

    fid: str = ""
    source: str = ""


def header(root: etree._Element) -> Header:
    """As much of it as is there."""
    return Header(_text(root, "MessageHeader/Fid"), _text(root, "MessageHeader/SourceSysCode"))


def opened(root: etree._Element, esb: Esb, limit: int) -> etree._Element:
    """The element that holds the transaction.

    Raises:
        Fault: it is no such envelope, or its sender is not who was agreed.
    """
    if _name(root) != ROOT:
        raise _wrong("ESBEntry", "根元素应为 ESBEntry", "the root must be ESBEntry", "root")
    if esb.user is not None and esb.password is not None:
        user, password = (_text(root, f"AccessControl/{part}") for part in ("UserName", "Password"))
        if not (_same(user, esb.user) & _same(password, esb.password.get_secret_value())):
            zh, en = "用户名或密码不符", "user name and password are not the agreed ones"
            raise Fault(code="signature", zh=zh, en=en, field="AccessControl", rule="access")
    asked = _text(root, "AccessControl/Fid")
    if asked and asked != _text(root, "MessageHeader/Fid"):
        zh, en = "与 AccessControl/Fid 不一致", "differs from AccessControl/Fid"
        raise _wrong("MessageHeader/Fid", zh, en, "equal")
    return content(root, limit)


def content(root: etree._Element, limit: int) -> etree._Element:
    """The element that holds the transaction, whoever sent it. Raises Fault."""
    found = [msg for info in _named(root, "MsgInfo") for msg in _named(info, "Msg")]
    if len(found) != 1:
        zh, en = "应有且仅有一个", "there must be exactly one"
        raise _wrong("MsgInfo/Msg", zh, en, "one")
    (message,) = found
    if not len(message):
        return document(message.text or "", "MsgInfo/Msg", limit)
    return message[0] if len(message) == 1 else message


def agrees(fid: str, infno: str, esb: Esb) -> None:
    """
    Raises:
        Fault: the service number is not the one agreed for the transaction.
    """
    if esb.fids and esb.fids.get(fid) != infno:
        zh, en = "未约定，或与交易编号不符", "is not agreed, or not for this transaction"
        raise _wrong("MessageHeader/Fid", zh, en, "fids")


def answered(to: Header, esb: Esb, answer: etree._Element, *, ok: bool, text: str, at: dt.datetime) -> str:
    """The envelope of an answer.

    Args:
        answer: the answer's document.
        ok: done or refused.
        text: for people.
    """
    root = etree.Element(ROOT)
    head = etree.SubElement(root, "MessageHeader")
    codes = (("Fid", to.fid), ("SourceSysCode", esb.source), ("TargetSysCode", to.source))
    for name, value in (*codes, ("MsgDate", f"{at:%Y-%m-%d %H:%M:%S}")):
        etree.SubElement(head, name).text = value
    result = etree.SubElement(root, "RetInfo")
    etree.SubElement(result, esb.code).text = esb.done if ok else esb.refused
    etree.SubElement(result, esb.text).text = text
    etree.SubElement(etree.SubElement(root, "MsgInfo"), "Msg").append(answer)
    return etree.tostring(root, encoding="unicode")


def _named(element: etree._Element, name: str) -> list[etree._Element]:
    return [child for child in element if _name(child) == name]


def _text(root: etree._Element, path: str) -> str:
    """The text at a path of two steps, where it is a short one; namespaces are not looked at."""
    outer, inner = path.split("/")
    texts = [(leaf.text or "").strip() for part in _named(root, outer) for leaf in _named(part, inner)]
    return texts[0] if len(texts) == 1 and len(texts[0]) <= 64 else ""


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname


def _same(given: str, agreed: str) -> bool:
    return hmac.compare_digest(given.encode(), agreed.encode())


def _wrong(field: str, zh: str, en: str, rule: str) -> Fault:
    return Fault(code="invalid", zh=f"{field}：{zh}", en=f"{field}: {en}", field=field, rule=rule)
