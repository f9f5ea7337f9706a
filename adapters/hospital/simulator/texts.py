"""The hospital asking with a document in a text parameter: styles `param-xml` and `hip` of the SOAP face.

hospital = ParamXml(HospitalSimulator(url, …))
answer = await hospital.settle(7)            # answer.document["infcode"] == "0"

hospital = Hip(HospitalSimulator(url, soap="1.2", …))
answer = await hospital.register(7)          # answer.document["typeCode"] == "AA"
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from adapters.hospital.simulator import invented
from adapters.hospital.simulator.soap import Answer, HospitalSimulator

#: Envelope fields of the national interface that `invented.header` has not.
_AGREED: Final = {
    "recer_sys_code": "01",
    "infver": "V1.0",
    "opter_type": "1",
    "inf_time": "2025-01-02 09:30:00",
    "sign_no": "",
}
_ENVELOPE: Final = {name for name, _ in invented.header("")}
#: What several platforms number systems, messages and interactions by.
_OID: Final = "2.16.156.10011"


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """What came back, and what stood in its text: attributes and leaves by name, the first of each."""

    soap: Answer
    text: str
    document: Mapping[str, str]


class ParamXml:
    """National transactions in one text parameter.

    Args:
        hospital: sends and signs; its `soap` is 1.1 for this style.
        content: how the transaction is written; `esb` puts the XML into an `ESBEntry`.
        access: user and password for `AccessControl`.
    """

    def __init__(
        self,
        hospital: HospitalSimulator,
        *,
        operation: str = "AppCheckList",
        namespace: str = "urn:tongqu:hospital:paramxml",
        parameter: str = "paramXml",
        content: Literal["xml", "json", "esb"] = "xml",
        fid: str = "PS35017",
        access: tuple[str, str] = ("", ""),
    ) -> None:
        self.hospital = hospital
        self._operation = operation
        self._namespace = namespace
        self._parameter = parameter
        self._content = content
        self._fid = fid
        self._access = access

    async def settle(self, n: int) -> TextAnswer:
        """Settles the n-th bill (2207); the same `n` is the same message."""
        return await self.send(self.settlement(n))

    async def query_person(self, n: int) -> TextAnswer:
        """Asks who the n-th person is (1101)."""
        fields = invented.query(n, self.hospital.msgid(n), self.hospital.institution)
        return await self.send(transaction("1101", fields))

    async def cancel(self, n: int, facts: invented.Fields) -> TextAnswer:
        """Undoes a settlement (2208) under the n-th message id."""
        header = invented.header(self.hospital.msgid(n), self.hospital.institution)
        return await self.send(transaction("2208", [*header, *facts]))

    async def reverse(self, n: int, facts: invented.Fields) -> TextAnswer:
        """Takes back a message whose answer was lost (2601) under the n-th message id."""
        header = invented.header(self.hospital.msgid(n), self.hospital.institution)
        return await self.send(transaction("2601", [*header, *facts]))

    def settlement(self, n: int) -> dict[str, Any]:
        """The n-th bill as a transaction."""
        return transaction("2207", invented.claim(n, self.hospital.msgid(n), self.hospital.institution))

    async def send(self, tree: dict[str, Any]) -> TextAnswer:
        return await self.post(self.inner(tree))

    async def post(self, text: str) -> TextAnswer:
        """Posts whatever text."""
        return answered(await self.hospital.post(self.message(text).encode()))

    def inner(self, tree: dict[str, Any]) -> str:
        """The text of a transaction."""
        if self._content == "json":
            return json.dumps(tree, ensure_ascii=False)
        if self._content == "xml":
            return f'<?xml version="1.0" encoding="GBK"?>\n{_xml("request", tree)}'
        user, password = (escape(part) for part in self._access)
        return (
            f"<ESBEntry><AccessControl><UserName>{user}</UserName><Password>{password}</Password>"
            f"<SysFlag>1</SysFlag><Fid>{self._fid}</Fid></AccessControl><MessageHeader><Fid>{self._fid}</Fid>"
            "<SourceSysCode>S40</SourceSysCode><TargetSysCode>S01</TargetSysCode><ReturnFlag>-1</ReturnFlag>"
            '<MsgDate>2025-01-02 09:30:00</MsgDate></MessageHeader><MsgInfo><Msg action="insert">'
            f"{_xml('request', tree)}</Msg></MsgInfo></ESBEntry>"
        )

    def message(self, text: str) -> str:
        """SOAP around a text."""
        name = self._parameter
        content = (
            f"<ns:{self._operation} xmlns:ns={quoteattr(self._namespace)}>"
            f"<ns:{name}>{_cdata(text)}</ns:{name}></ns:{self._operation}>"
        )
        return invented.envelope(content, self.hospital.soap)


class Hip:
    """Registrations of patients by `HIPMessageServer`.

    Args:
        hospital: sends and signs; its `soap` is 1.2 for this style.
    """

    def __init__(self, hospital: HospitalSimulator) -> None:
        self.hospital = hospital

    async def register(self, n: int) -> TextAnswer:
        """Registers the n-th person; the same `n` is the same message."""
        return await self.post("PatientInfoRegister", self.document("PRPA_IN201311UV02", n))

    async def update(self, n: int, message: int) -> TextAnswer:
        """Says anew who the n-th person is, as the message of that number."""
        return await self.post("PatientInfoUpdate", self.document("PRPA_IN201314UV02", n, message))

    async def post(self, action: str, text: str) -> TextAnswer:
        """Posts whatever text."""
        return answered(await self.hospital.post(self.message(action, text).encode()))

    def message(self, action: str, text: str) -> str:
        """SOAP around a text."""
        content = (
            f'<urn:HIPMessageServer xmlns:urn="urn:hl7-org:v3"><action>{escape(action)}</action>'
            f"<message>{_cdata(text)}</message></urn:HIPMessageServer>"
        )
        return invented.envelope(content, self.hospital.soap)

    def document(self, root: str, n: int, message: int | None = None) -> str:
        """The n-th person in a document of the given kind."""
        who = invented.person(n)
        identifier = self.hospital.msgid(n if message is None else message)
        return (
            f'<{root} xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'ITSVersion="XML_1.0" xsi:schemaLocation="urn:hl7-org:v3 ../multicacheschemas/{root}.xsd">'
            f'<id root="{_OID}.2.5.1.1" extension="{identifier}"/><creationTime value="20250102093000"/>'
            f'<interactionId root="{_OID}.2.5.1.2" extension="{root}"/><processingCode code="P"/>'
            f'<processingModeCode/><acceptAckCode code="AL"/>{_party("receiver", "RCV", "tongqu")}'
            f'{_party("sender", "SND", "HIS01")}<controlActProcess classCode="CACT" moodCode="EVN">'
            '<subject typeCode="SUBJ"><registrationRequest classCode="REG" moodCode="RQO">'
            '<statusCode code="active"/><subject1 typeCode="SBJ"><patient classCode="PAT">'
            f'{_id(f"{_OID}.2.5.1.4", f"P{n:08d}")}<statusCode code="active"/>'
            '<effectiveTime><any value="20250102092500"/></effectiveTime>'
            f"{_person(who)}{self._organisation()}</patient></subject1>"
            '<author typeCode="AUT"><assignedEntity classCode="ASSIGNED">'
            f'{_id(f"{_OID}.1.4", "op01")}<assignedPerson classCode="PSN" determinerCode="INSTANCE">'
            f"{_called('示例员')}</assignedPerson></assignedEntity></author>"
            f"</registrationRequest></subject></controlActProcess></{root}>"
        )

    def _organisation(self) -> str:
        code = self.hospital.institution
        return (
            '<providerOrganization classCode="ORG" determinerCode="INSTANCE">'
            f"{_id(f'{_OID}.1.5', code)}{_called('示例市第一人民医院')}</providerOrganization>"
        )


def transaction(infno: str, fields: invented.Fields) -> dict[str, Any]:
    """A national transaction of fields as `invented` makes them."""
    header = {name: value for name, value in fields if name in _ENVELOPE}
    data = {name: value for name, value in fields if name not in _ENVELOPE}
    return {"infno": infno, **header, **_AGREED, "input": {"data": data}}


def answered(soap: Answer) -> TextAnswer:
    """What a text answer says; nothing, where there is none."""
    text = "" if soap.fault else next(iter(soap.fields.values()), "")
    return TextAnswer(soap, text, _facts(text))


def _facts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if text.startswith("{"):
        return {name: str(value) for name, value in json.loads(text).items()}
    for node in etree.fromstring(text).iter() if text else ():
        for name, value in dict[str, str](node.attrib).items():  # type: ignore[arg-type]  # decoded from text
            found.setdefault(name, value)
            found.setdefault(f"{etree.QName(node).localname}/{name}", value)
        if not len(node):
            found.setdefault(etree.QName(node).localname, node.text or "")
    return found


def _xml(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_xml(name, row) for row in value)
    inner = "".join(_xml(*item) for item in value.items()) if isinstance(value, dict) else escape(str(value))
    return f"<{name}>{inner}</{name}>"


def _cdata(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"


def _party(name: str, kind: str, code: str) -> str:
    device = f'<device classCode="DEV" determinerCode="INSTANCE">{_id(f"{_OID}.2.5.1.3", code)}</device>'
    return f'<{name} typeCode="{kind}">{device}</{name}>'


def _id(root: str, extension: str) -> str:
    return f'<id><item root="{root}" extension={quoteattr(extension)}/></id>'


def _called(name: str) -> str:
    return f'<name xsi:type="LIST_EN"><item><part value={quoteattr(name)}/></item></name>'


def _person(who: invented.Person) -> str:
    return (
        f"<patientPerson>{_id(f'{_OID}.1.3', who.identity)}"
        f'<idCategory code="01" codeSystem="{_OID}.2.3.1.1" codeSystemName="身份证件类别代码表"/>{_called(who.name)}'
        '<telecom xsi:type="DSET_TEL"><item value="13800000000"/></telecom>'
        f'<administrativeGenderCode code="1" codeSystem="{_OID}.2.3.3.4"><displayName value="男性"/>'
        f'</administrativeGenderCode><birthTime value="{who.identity[6:14]}"/>'
        f'<ethnicGroupCode><item code="01" codeSystem="{_OID}.2.3.3.3"/></ethnicGroupCode></patientPerson>'
    )
