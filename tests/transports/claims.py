"""A small invented service: WSDL, schema, and a valid payload."""

from __future__ import annotations

from lxml import etree

NS = "urn:test:claims"
XSD = rb"""<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:test:claims"
    targetNamespace="urn:test:claims" elementFormDefault="qualified">
  <xs:simpleType name="IdNumber"><xs:restriction base="xs:string"><xs:pattern value="\d{17}[\dX]"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="Code"><xs:restriction base="xs:string"><xs:enumeration value="A"/><xs:enumeration value="B"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="Name"><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="5"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="Three"><xs:restriction base="xs:string"><xs:length value="3"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="Yuan"><xs:restriction base="xs:decimal"><xs:totalDigits value="6"/><xs:fractionDigits value="2"/>
    <xs:minInclusive value="0"/><xs:maxExclusive value="900"/></xs:restriction></xs:simpleType>
  <xs:element name="submit"><xs:complexType><xs:sequence>
    <xs:element name="person"><xs:complexType><xs:sequence>
      <xs:element name="id" type="IdNumber"/><xs:element name="name" type="Name"/>
    </xs:sequence><xs:attribute name="kind" type="Three" use="required"/></xs:complexType></xs:element>
    <xs:element name="code" type="Code"/>
    <xs:element name="amount" type="Yuan" maxOccurs="3"/>
    <xs:element name="day" type="xs:date"/>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="submitResponse"><xs:complexType><xs:sequence>
    <xs:element name="number" type="xs:string"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""

WSDL = b"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:s12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:t="urn:test:claims" targetNamespace="urn:test:claims">
  <types><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
    <xs:import namespace="urn:test:claims" schemaLocation="{location}?xsd=claims.xsd"/></xs:schema></types>
  <message name="In"><part name="body" element="t:submit"/></message>
  <message name="Out"><part name="body" element="t:submitResponse"/></message>
  <portType name="Claims"><operation name="submit"><input message="t:In"/><output message="t:Out"/></operation></portType>
  <binding name="B11" type="t:Claims"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="submit"><s:operation soapAction="urn:submit" style="document"/>
      <input><s:body use="literal"/></input><output><s:body use="literal"/></output></operation></binding>
  <binding name="B12" type="t:Claims"><s12:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="submit"><s12:operation soapAction="urn:submit" style="document"/>
      <input><s12:body use="literal"/></input><output><s12:body use="literal"/></output></operation></binding>
  <service name="Claims">
    <port name="P11" binding="t:B11"><s:address location="{location}"/></port>
    <port name="P12" binding="t:B12"><s12:address location="{location}"/></port>
  </service>
</definitions>"""

PERSON = '<person kind="abc"><id>99010119900101001X</id><name>张三</name></person>'
REST = "<code>A</code><amount>1.20</amount><day>2026-01-31</day>"


def submit(person: str = PERSON, rest: str = REST) -> str:
    return f'<submit xmlns="{NS}">\n{person}\n{rest}</submit>'


def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(XSD))
